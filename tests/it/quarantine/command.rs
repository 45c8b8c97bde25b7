//! `tickcast feed quarantine` as its user meets it.

use std::{net::TcpListener, process::Command};

use serde_json::{Value, json};

use super::broker::Broker;

const TICKS: &str = "ticks";
const QUARANTINE: &str = "ticks.quarantine";

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    /// What each line says as JSON.
    fn objects(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Offset and outcome of each line.
    fn outcomes(&self) -> Vec<(u64, String)> {
        let outcome =
            |it: &Value| (it["offset"].as_u64().unwrap(), it["outcome"].as_str().unwrap().to_owned());
        self.objects().iter().map(outcome).collect()
    }

    fn offsets(&self) -> Vec<u64> {
        self.objects().iter().map(|it| it["offset"].as_u64().unwrap()).collect()
    }
}

fn run_at(bootstrap: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    command.args(["feed", "quarantine", "--kafka", bootstrap]).args(arguments);
    // What the developer has set is no part of the test.
    let set = std::env::vars_os().map(|(name, _)| name);
    for name in set.filter(|name| name.to_string_lossy().starts_with("TICKCAST_")) {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn run(broker: &Broker, arguments: &[&str]) -> Ended {
    run_at(&broker.bootstrap(), arguments)
}

fn json(broker: &Broker, arguments: &[&str]) -> Ended {
    run(broker, &[&["--json"], arguments].concat())
}

/// A record as the server would set it aside.
fn set_aside(broker: &Broker, offset: u64, reason: &str, key: &str, value: &[u8], more: &[(&str, &str)]) {
    let offset = offset.to_string();
    let headers = [
        ("tickcast-reason", reason),
        ("tickcast-error", "said the \x1b[31mserver"),
        ("tickcast-topic", TICKS),
        ("tickcast-partition", "0"),
        ("tickcast-offset", &offset),
        ("tickcast-epoch", "00000000000000ff"),
        ("tickcast-timestamp", "1732187000123"),
    ];
    let headers = [more, &headers].concat();
    broker.record(QUARANTINE, Some(key), Some(value), &headers, None);
}

fn tick(symbol: &str, time_us: i64) -> String {
    format!(r#"{{"symbol":"{symbol}","price":1,"time_us":{time_us}}}"#)
}

#[test]
fn each_record_is_listed_once_whoever_set_it_aside() {
    let broker = Broker::with(&[QUARANTINE]);
    set_aside(&broker, 7, "not_json", "A\x07", b"{\x1b[2J", &[("trace", "1")]);
    set_aside(&broker, 7, "not_json", "A\x07", b"{\x1b[2J", &[("trace", "1")]);
    set_aside(&broker, 9, "symbol", "B", b"\xff", &[]);
    let foreign = [("tickcast-topic", "other"), ("tickcast-reason", "symbol"), ("tickcast-partition", "0")];
    let foreign = [&foreign[..], &[("tickcast-offset", "1"), ("tickcast-epoch", "e")]].concat();
    broker.record(QUARANTINE, None, None, &foreign, None);
    broker.record(QUARANTINE, None, Some(b"by mistake"), &[], None);

    let table = run(&broker, &[]);
    assert_eq!(table.code, 0, "{}", table.stderr);
    let lines: Vec<_> = table.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", table.stdout);
    assert!(lines[0].starts_with("SET ASIDE ") && lines[0].ends_with(" VALUE"), "{}", lines[0]);
    assert!(lines[1].contains(" not_json ") && lines[1].ends_with("{\\u{1b}[2J"), "{}", lines[1]);
    assert!(!table.stdout.contains('\x1b') && !table.stdout.contains('\x07'));
    assert_eq!(
        table.stderr,
        "2 records set aside, 0 of them dealt with, 1 more copies of the same, 1 more of other topics\n"
    );

    let objects = json(&broker, &[]).objects();
    let first = &objects[0];
    assert_eq!((&first["offset"], &first["state"]), (&json!(7), &json!("open")));
    assert_eq!((&first["key"], &first["value"]), (&json!({"text":"A\x07"}), &json!({"text":"{\x1b[2J"})));
    assert_eq!(first["headers"], json!([["trace", {"text":"1"}]]));
    assert_eq!(first["timestamp_ms"], json!(1_732_187_000_123_i64));
    assert_eq!(objects[1]["value"], json!({"base64":"/w=="}));
}

#[test]
fn filters_tell_which_are_meant() {
    let broker = Broker::with(&[QUARANTINE]);
    for (offset, reason, key) in [(1, "symbol", "A"), (2, "time", "A"), (3, "time", "B"), (4, "venue", "B")] {
        set_aside(&broker, offset, reason, key, b"{}", &[]);
    }
    let check =
        |flags: &[&str], expected: &[u64]| assert_eq!(json(&broker, flags).offsets(), expected, "{flags:?}");
    check(&["--reason", "symbol,venue"], &[1, 4]);
    check(&["--offset", "2-3"], &[2, 3]);
    check(&["--offset", "2"], &[2]);
    check(&["--key", "B", "--reason", "time"], &[3]);
    check(&["--partition", "1"], &[]);
    check(&["--since", "1h"], &[1, 2, 3, 4]);
    check(&["--since", "2099-01-01"], &[]);
    check(&["--limit", "2"], &[3, 4]);
}

#[test]
fn what_is_a_tick_by_now_is_published_again_as_it_was_and_once() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    let time = Some(1_732_187_000_123);
    let late = tick("LATE", 1_732_187_000_000_000);
    let originals = [tick("A", 1_732_187_000_000_000), "{".to_owned(), late.clone()];
    for (offset, value) in (0..).zip(&originals) {
        let headers = [("trace", "1")];
        broker.record(TICKS, Some("K"), Some(value.as_bytes()), &headers, time);
        set_aside(&broker, offset, "not_protobuf", "K", value.as_bytes(), &headers);
    }
    // A newer tick of the third one's symbol.
    broker.record(TICKS, None, Some(tick("LATE", 1_732_187_000_000_001).as_bytes()), &[], time);
    let omitted = [("tickcast-value-bytes", "999999")];
    set_aside(&broker, 9, "too_large", "K", b"", &omitted);

    let expected = [(0, "to_be_republished"), (1, "still_bad"), (2, "overtaken"), (9, "incomplete")];
    let mut expected = expected.map(|(offset, outcome)| (offset, outcome.to_owned()));
    let mut dry = json(&broker, &["--republish", "--dry-run"]).outcomes();
    dry.sort();
    assert_eq!(dry, expected);
    assert_eq!((broker.read(TICKS).len(), broker.read(QUARANTINE).len()), (4, 4));

    expected[0].1 = "republished".to_owned();
    let ended = json(&broker, &["--republish"]);
    let mut done = ended.outcomes();
    done.sort();
    assert_eq!(done, expected);
    assert!(ended.stderr.contains("1 republished"), "{}", ended.stderr);
    let published = broker.read(TICKS).pop().unwrap();
    assert_eq!((published.offset, published.key.as_deref()), (4, Some("K")));
    assert_eq!(published.value.as_deref(), Some(originals[0].as_bytes()));
    assert_eq!(published.headers, [("trace".to_owned(), "1".to_owned())]);
    assert_eq!(published.timestamp_ms, 1_732_187_000_123);

    let again: Vec<_> = json(&broker, &["--republish"]).outcomes();
    assert!(again.iter().all(|(_, outcome)| outcome != "republished"), "{again:?}");
    assert_eq!(json(&broker, &[]).offsets(), [1, 2, 9]);
    let all = json(&broker, &["--all", "--offset", "0"]).objects();
    assert_eq!(all[0]["state"], "republished");

    let overtaken = json(&broker, &["--republish", "--overtaken", "--offset", "2"]);
    assert_eq!(overtaken.outcomes(), [(2, "republished".to_owned())]);
    assert_eq!(broker.read(TICKS).pop().unwrap().value.as_deref(), Some(late.as_bytes()));
}

#[test]
fn what_was_delisted_since_and_what_others_decide_is_left() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    let time = Some(1_732_187_000_123);
    let value = tick("A", 1_732_187_000_000_000);
    for (offset, symbol) in (0..).zip(["A", "B", "C"]) {
        let value = value.replace("\"A\"", &format!("\"{symbol}\""));
        broker.record(TICKS, Some(symbol), Some(value.as_bytes()), &[], time);
        let reason = ["not_protobuf", "wrong_partition", "too_many_symbols"][offset as usize];
        set_aside(&broker, offset, reason, symbol, value.as_bytes(), &[]);
    }
    broker.record(TICKS, Some("A"), None, &[], Some(1_732_187_000_124));

    let ended = json(&broker, &["--republish"]);

    let mut outcomes = ended.outcomes();
    outcomes.sort();
    assert_eq!(outcomes, [(0, "overtaken"), (1, "left"), (2, "left")].map(|(at, it)| (at, it.to_owned())));
    assert_eq!(broker.read(TICKS).len(), 4);
}

#[test]
fn a_tick_is_what_the_told_format_makes_it() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    set_aside(&broker, 0, "not_json", "A", tick("A", 1_732_187_000_000_000).as_bytes(), &[]);
    let judged =
        |format| json(&broker, &["--republish", "--dry-run", "--tick-format", format]).outcomes().remove(0).1;
    assert_eq!((judged("json").as_str(), judged("protobuf").as_str()), ("to_be_republished", "still_bad"));
}

#[test]
fn what_is_dismissed_is_published_nowhere_and_listed_no_more() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    set_aside(&broker, 0, "not_json", "A", b"{", &[]);
    set_aside(&broker, 1, "symbol", "A", b"{}", &[]);
    let dry = json(&broker, &["--dismiss", "--dry-run", "--reason", "symbol"]);
    assert_eq!(dry.outcomes(), [(1, "to_be_dismissed".to_owned())]);
    let ended = run(&broker, &["--dismiss", "--reason", "symbol"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, "1 dismissed\n"));
    assert_eq!(json(&broker, &[]).offsets(), [0]);
    assert_eq!(json(&broker, &["--all"]).objects()[1]["state"], "dismissed");
    assert!(broker.read(TICKS).is_empty());
    assert_eq!(run(&broker, &["--dismiss", "--reason", "symbol"]).stderr, "no record is meant\n");
}

#[test]
fn what_cannot_work_is_told_in_one_line() {
    let broker = Broker::with(&[TICKS]);
    let check = |bootstrap: &str, flags: &[&str], code: i32, parts: &[&str]| {
        let ended = run_at(bootstrap, flags);
        assert_eq!(ended.code, code, "{flags:?}: {}", ended.stderr);
        for part in parts {
            assert!(ended.stderr.contains(part), "{:?} should have {part:?}", ended.stderr);
        }
    };
    let at = broker.bootstrap();
    check(&at, &["--reason", "sybmol"], 1, &["sybmol", "expected one of not_json, "]);
    check(&at, &["--offset", "9-7"], 1, &["9-7", "100-200"]);
    check(&at, &["--since", "yesterday"], 1, &["yesterday", "2026-01-31"]);
    check(&at, &["--dry-run"], 1, &["--dry-run", "--republish or --dismiss"]);
    check(&at, &["--quarantine-topic", "off"], 1, &["name the topic"]);
    check(&at, &["--quarantine-topic", "ticks"], 1, &["ticks is the topic with the ticks"]);
    check(&at, &["--republish", "--dismiss"], 1, &["--republish", "--dismiss"]);
    check(&at, &["--kafka-deadline-s", "5"], 2, &["topic ticks.quarantine doesn't exist at", &at]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    check(&nobody, &["--kafka-deadline-s", "1"], 2, &["ticks.quarantine", &nobody, "within 1 s"]);
}
