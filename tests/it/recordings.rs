//! Recorded markets, all the way: `tickcast feed replay` into a server's broker, to clients that
//! were there before and to clients that come afterwards.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::support::{Client, Server, run_to_the_end};

/// A file of the repository.
fn sample(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("feeds").join(name)
}

/// A file of real market data, which isn't part of the repository; `None`, and a line that says so,
/// where it isn't there.
fn real(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: there is no {}", path.display());
        return None;
    }
    Some(path)
}

/// Replays the file and checks what both kinds of clients end with: `ticks` of the symbol, and these
/// fields of its state.
#[track_caller]
fn check(file: &std::path::Path, flags: &[&str], symbol: &str, ticks: u64, expected: &Value) {
    let server = Server::ready(&[]);
    let mut early = Client::connect(&server);
    early.subscribe("early", symbol);

    let file = file.to_str().unwrap();
    let replay = ["feed", "replay", file, "--kafka", &server.kafka, "--speed", "max"];
    let (code, log) = run_to_the_end(&[&replay, flags].concat());
    assert_eq!(code, Some(0), "{log:?}");

    // Every tick is either a message or counted in one.
    let mut seen = 0;
    let frames = early.frames_until(|frame| {
        seen += 1 + frame.conflated();
        seen >= ticks
    });
    assert_eq!(seen, ticks);
    let last = frames.last().unwrap();
    assert_eq!(picked(&last.json(), expected), *expected);

    let mut late = Client::connect(&server);
    late.subscribe("late", symbol);
    let snapshot = late.frame();
    assert_eq!(snapshot.expect("type"), "snapshot");
    assert_eq!((snapshot.seq(), snapshot.json()), (last.seq(), last.json()));
}

/// Those fields of a body that are expected to have a certain value, the missing ones as null.
fn picked(body: &Value, expected: &Value) -> Value {
    let fields = expected.as_object().unwrap().keys();
    fields.map(|field| (field.clone(), body[field].clone())).collect()
}

#[test]
fn the_sample_of_the_top_of_book() {
    let expected = json!({
        "price": 190.45, "size": 900, "bid": 190.41, "bid_size": 100, "ask": 190.43, "ask_size": 100, "trades": 61,
    });
    check(&sample("sample-mbp-1.dbn.zst"), &[], "AAPL", 373, &expected);
}

#[test]
fn the_sample_of_trades() {
    let expected = json!({ "price": 190.45, "size": 900, "bid": null, "ask": null, "trades": 61 });
    check(&sample("sample-trades.dbn.zst"), &[], "AAPL", 61, &expected);
}

#[test]
fn the_sample_of_quotes() {
    let expected = json!({ "price": null, "bid": 190.41, "bid_size": 100, "ask": 190.43, "ask_size": 100 });
    check(&sample("sample-quotes.csv"), &[], "AAPL", 313, &expected);
}

#[test]
fn the_top_of_book_of_a_future_at_cme() {
    let Some(file) = real("dbn/futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst") else { return };
    let expected = json!({
        "price": 5529.25, "size": 1, "bid": 5529, "bid_size": 24, "ask": 5529.25, "ask_size": 6,
        "time_us": 1_719_878_519_824_330_u64,
    });
    check(&file, &[], "ESU4", 2288, &expected);
}

#[test]
fn the_trades_of_a_future_at_cme() {
    let Some(file) = real("dbn/futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst") else { return };
    check(&file, &[], "ESU4", 120, &json!({ "price": 5529.25, "size": 1, "bid": null }));
}

#[test]
fn the_quotes_of_a_currency() {
    let Some(file) = real("csv/truefx-usdjpy-quotes.csv") else { return };
    let rows = std::fs::read_to_string(&file).unwrap().lines().count() as u64 - 1;
    check(
        &file,
        &["--symbol", "USDJPY"],
        "USDJPY",
        rows,
        &json!({ "bid": 86.836, "ask": 86.854, "price": null }),
    );
}
