//! Recordings with known answers, replayed through a broker and folded again.

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path, sync::atomic::AtomicBool};

use tickcast::{
    feed::{
        TickFormat,
        replay::{BadRecord, CsvOptions, Format, Header, Recording, Speed, Step},
        simulate::{MarketConfig, Names},
    },
    feeder::{
        replay::{self, End, Observer, OnBadRecord, ReplayConfig},
        simulate::{self, SimulateConfig},
    },
    market::Symbol,
};

use super::{
    answers::{self, Last},
    broker::Broker,
};

fn open(path: &Path, symbol: Option<&str>, header: Header) -> Recording<BufReader<File>> {
    let format = Format::of_file(path).unwrap();
    let symbol = symbol.map(|symbol| Symbol::parse(symbol).unwrap());
    let csv = CsvOptions { header, ..CsvOptions::default() };
    Recording::open(BufReader::new(File::open(path).unwrap()), format, symbol, csv).unwrap()
}

/// Reads a recording without a broker. Every record must be a tick.
fn fold(mut recording: Recording<BufReader<File>>) -> BTreeMap<String, Last> {
    let mut lasts = BTreeMap::<String, Last>::new();
    loop {
        match recording.step().unwrap() {
            Step::Tick(recorded) => {
                lasts.entry(recorded.tick.symbol.as_str().to_owned()).or_default().fold(&recorded.tick);
            }
            Step::Bad(bad) => panic!("{bad}"),
            Step::Nothing => {}
            Step::End => return lasts,
        }
    }
}

struct NobodyWatches;

impl Observer for NobodyWatches {
    fn skipped(&mut self, record: &BadRecord) {
        panic!("{record}");
    }

    fn progress(&mut self, _published: u64, _time_us: Option<i64>) {}
}

#[track_caller]
fn check(file: &str) {
    let expected = answers::of_sample(file);
    let path = answers::sample(file);
    assert_eq!(fold(open(&path, None, Header::FirstRow)), expected, "read");

    for format in [TickFormat::Json, TickFormat::Protobuf] {
        let broker = Broker::start();
        let config = ReplayConfig { format, speed: Speed::Max, on_bad_record: OnBadRecord::Stop };
        let mut recording = open(&path, None, Header::FirstRow);
        let stop = AtomicBool::new(false);
        let (report, end) =
            replay::run(&mut recording, &broker.producer(), config, &mut NobodyWatches, &stop);
        assert_eq!(end.unwrap(), End::Whole);
        assert_eq!(report.published, expected.values().map(|last| last.ticks).sum::<u64>());
        assert_eq!(broker.fold_all(format), expected, "replayed as {format:?}");
    }
}

#[test]
fn the_sample_of_trades_comes_back_from_kafka_as_its_answers_tell() {
    check("sample-trades.dbn.zst");
}

#[test]
fn the_sample_of_the_top_of_book_comes_back_from_kafka_as_its_answers_tell() {
    check("sample-mbp-1.dbn.zst");
}

#[test]
fn the_sample_of_quotes_comes_back_from_kafka_as_its_answers_tell() {
    check("sample-quotes.csv");
}

#[test]
fn the_sample_of_json_ticks_comes_back_from_kafka_as_its_answers_tell() {
    check("sample-ticks.ndjson");
}

#[track_caller]
fn check_real(file: &str, symbol: Option<&str>, columns: &str, expected: (&str, Last)) {
    let Some(path) = answers::real(file) else { return };
    let columns: Vec<_> = columns.split_terminator(',').map(str::to_owned).collect();
    let header = if columns.is_empty() { Header::FirstRow } else { Header::Told(columns) };
    let lasts = fold(open(&path, symbol, header));
    assert_eq!(lasts.into_iter().collect::<Vec<_>>(), [(expected.0.to_owned(), expected.1)]);
}

fn pair(price: &str, size: &str) -> (String, String) {
    (price.to_owned(), size.to_owned())
}

#[test]
fn real_futures_end_as_their_source_says() {
    let trade = pair("5529.25", "1");
    let last = Last {
        ticks: 2288,
        time_us: 1_719_878_519_824_330,
        trade: trade.clone(),
        bid: pair("5529", "24"),
        ask: pair("5529.25", "6"),
    };
    check_real("dbn/futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst", None, "", ("ESU4", last));
    let last = Last { ticks: 120, time_us: 1_719_878_512_813_445, trade, ..Last::default() };
    check_real("dbn/futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst", None, "", ("ESU4", last));
}

#[test]
fn real_currencies_end_with_their_last_row() {
    let last = Last {
        ticks: 1000,
        time_us: 1_357_079_713_494_000,
        bid: pair("86.836", ""),
        ask: pair("86.854", ""),
        ..Last::default()
    };
    check_real("csv/truefx-usdjpy-quotes.csv", Some("USDJPY"), "", ("USDJPY", last));
    let last = Last {
        ticks: 9500,
        time_us: 1_577_919_652_125_000,
        bid: pair("1.1213", ""),
        ask: pair("1.12132", ""),
        ..Last::default()
    };
    check_real("csv/eurusd-quotes-noheader.csv", Some("EURUSD"), "time,bid,ask,volume", ("EURUSD", last));
}

#[test]
fn a_recording_of_each_schema_is_read_whole() {
    for schema in ["trades", "mbp-1", "tbbo", "bbo-1s", "ohlcv-1s", "ohlcv-1m"] {
        let Some(path) = answers::real(&format!("dbn/test_data.{schema}.v3.dbn.zst")) else { return };
        let lasts = fold(open(&path, None, Header::FirstRow));
        assert!(lasts.values().all(|last| last.ticks > 0) && !lasts.is_empty(), "{schema}: {lasts:?}");
    }
}

#[test]
fn the_simulator_publishes_as_many_ticks_as_it_was_asked_for() {
    let broker = Broker::start();
    let config = SimulateConfig {
        market: MarketConfig { symbols: 20, names: Names::Numbered, seed: 5 },
        format: TickFormat::Json,
        rate: 100_000.0,
        duration: None,
        count: Some(3000),
    };
    let delivered = simulate::run(&broker.producer(), &config, &AtomicBool::new(false)).unwrap();
    assert_eq!((delivered.acknowledged, delivered.failed), (3000, 0));
    let lasts = broker.fold_all(TickFormat::Json);
    assert_eq!(lasts.values().map(|last| last.ticks).sum::<u64>(), 3000);
    assert_eq!(lasts.len(), 20);
    for (symbol, last) in lasts {
        assert!(symbol.starts_with('S'), "{symbol}");
        assert!(!last.bid.0.is_empty() && !last.ask.0.is_empty() && !last.trade.0.is_empty(), "{symbol}");
    }
}

#[test]
fn the_simulator_stops_when_it_is_told_to() {
    let broker = Broker::start();
    let config = SimulateConfig {
        market: MarketConfig { symbols: 1, names: Names::Listed, seed: 5 },
        format: TickFormat::Json,
        rate: 1000.0,
        duration: None,
        count: None,
    };
    let delivered = simulate::run(&broker.producer(), &config, &AtomicBool::new(true)).unwrap();
    assert_eq!(delivered.acknowledged, 0);
}

#[test]
fn the_readme_tells_the_answers_that_hold() {
    let readme = std::fs::read_to_string(answers::sample("README.md")).unwrap();
    for (symbol, last) in answers::of_sample("sample-mbp-1.dbn.zst") {
        let cell = |(price, size): &(String, String)| format!("{price} × {size}");
        let (trade, bid, ask) = (cell(&last.trade), cell(&last.bid), cell(&last.ask));
        let row = format!("| {symbol} | {} | {trade} | {bid} | {ask} |", last.ticks);
        assert!(readme.contains(&row), "feeds/README.md should have {row}");
    }
}
