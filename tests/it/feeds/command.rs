//! `tickcast feed` as its user meets it: flags, lines, exit codes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tickcast::feed::TickFormat;

use super::{
    answers::{real, sample},
    broker::Broker,
};

fn feed(arguments: &[&str], bootstrap: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    command.arg("feed").args(arguments).args(["--kafka", bootstrap]);
    // What the developer has set is no part of the test.
    let set = std::env::vars_os().map(|(name, _)| name);
    for name in set.filter(|name| name.to_string_lossy().starts_with("TICKCAST_")) {
        command.env_remove(name);
    }
    command
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(arguments: &[&str], bootstrap: &str) -> Ended {
    let Output { status, stdout, stderr } = feed(arguments, bootstrap).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

/// The command fails with the code, and with one line that has all the parts.
#[track_caller]
fn check_failure(arguments: &[&str], bootstrap: &str, code: i32, parts: &[&str]) {
    let ended = run(arguments, bootstrap);
    assert_eq!(ended.code, code, "{}", ended.stderr);
    let line = ended.stderr.lines().last().unwrap_or_default();
    for part in parts {
        assert!(line.contains(part), "{line:?} should have {part:?}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_replay_says_what_it_published() {
    let broker = Broker::start();
    let ended = run(&["replay", text(&sample("sample-quotes.csv"))], &broker.bootstrap());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let ticks = broker.record_count();
    let start = format!("{ticks} ticks published to ticks at {}, 0 records skipped, in ", broker.bootstrap());
    assert!(ticks > 1000 && ended.stdout.starts_with(&start), "{}", ended.stdout);
}

#[test]
fn real_currencies_are_replayed_under_a_told_symbol() {
    let Some(path) = real("csv/truefx-usdjpy-quotes.csv") else { return };
    let broker = Broker::start();
    let ended = run(&["replay", text(&path), "--symbol", "USDJPY"], &broker.bootstrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let lasts = broker.fold_all(TickFormat::Json);
    assert_eq!((lasts.len(), lasts["USDJPY"].ticks), (1, 1000));
    assert_eq!(lasts["USDJPY"].ask.0, "86.854");
}

#[test]
fn bad_rows_are_named_skipped_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("quotes.csv");
    let bad = "1719792000,A,one,2\n".repeat(15);
    fs::write(&path, format!("time,symbol,bid,ask\n1719792000,A,1,2\n{bad}1719792001,A,3,4\n")).unwrap();
    let broker = Broker::start();
    let ended = run(&["replay", text(&path)], &broker.bootstrap());
    assert_eq!(ended.code, 0);
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 11, "{lines:#?}");
    let first = format!(
        "skipped: {}: row 3, column bid: \"one\" is no price: not a decimal number; allowed is",
        path.display()
    );
    assert!(lines[0].starts_with(&first), "{}", lines[0]);
    assert!(ended.stdout.starts_with("2 ticks published") && ended.stdout.contains("15 records skipped"));

    check_failure(
        &["replay", text(&path), "--strict"],
        &broker.bootstrap(),
        1,
        &[text(&path), "row 3, column bid: \"one\""],
    );
}

#[test]
fn a_truncated_file_is_published_as_far_as_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.dbn.zst");
    let whole = fs::read(sample("sample-mbp-1.dbn.zst")).unwrap();
    // Within the second of its two compressed blocks; of the first all is lost if any of it is.
    fs::write(&path, &whole[..whole.len() * 95 / 100]).unwrap();
    let broker = Broker::start();
    let ended = run(&["replay", text(&path)], &broker.bootstrap());
    assert_eq!(ended.code, 1);
    let published = broker.record_count();
    assert!((100..2000).contains(&published), "{published}");
    let message = format!(
        "{}: is cut off within record {}; the {published} before it are whole",
        path.display(),
        published + 1
    );
    assert!(ended.stderr.contains(&message), "{}", ended.stderr);
    assert!(ended.stdout.starts_with(&format!("{published} ticks published")), "{}", ended.stdout);
}

#[test]
fn a_file_that_cannot_be_replayed_is_named_with_what_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let nobody = "127.0.0.1:1";
    check_failure(&["replay", "/no/such.csv"], nobody, 1, &["/no/such.csv: ", "No such file"]);
    check_failure(&["replay", text(directory.path()), "--format", "csv"], nobody, 1, &["is a directory"]);
    let unknown = file("ticks.parquet", b"PAR1");
    check_failure(&["replay", &unknown], nobody, 1, &["ticks.parquet", "--format dbn, csv or ndjson"]);
    let text = file("no.dbn", b"time,symbol,price\n");
    check_failure(&["replay", &text], nobody, 1, &["no.dbn: isn't a DBN file of version 1 to 3"]);
    let table = file("columns.csv", b"when,bid,ask\n");
    check_failure(&["replay", &table], nobody, 1, &["columns.csv: ", "--time-column", "when, bid, ask"]);
    let picture = file("picture.csv", b"\x89PNG\r\n\x1a\n\xff\xfe");
    check_failure(&["replay", &picture], nobody, 1, &["picture.csv: isn't CSV: row 1 isn't UTF-8 text"]);
    let ticks = file("ticks.ndjson", b"{}\n");
    check_failure(&["replay", &ticks, "--symbol", "A"], nobody, 1, &["ticks.ndjson: ", "--symbol is for"]);
}

#[test]
fn a_file_that_gives_no_tick_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start();
    let replay = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        let ended = run(&["replay", text(&path)], &broker.bootstrap());
        (ended.code, ended.stderr.replace(&format!("{}/", directory.path().display()), ""))
    };
    for name in ["empty.csv", "empty.ndjson", "empty.dbn"] {
        assert_eq!(replay(name, b""), (0, format!("warning: {name} is empty: nothing is published\n")));
    }
    let (code, stderr) = replay("header.csv", b"time,symbol,price\n");
    assert_eq!((code, stderr.as_str()), (0, "warning: header.csv has no tick: nothing is published\n"));
    let (code, stderr) = replay("bad.ndjson", b"{}\n{\"symbol\":nul}\n");
    assert_eq!(code, 1);
    let told: Vec<_> = stderr.lines().skip(1).collect();
    let skipped = "skipped: bad.ndjson: line 2: not JSON at character 11";
    let last = "error: bad.ndjson: nothing is published: each of the 2 records was skipped";
    assert_eq!(told, [skipped, last]);
    assert_eq!(broker.record_count(), 0);
}

#[test]
fn a_broker_that_is_not_there_is_named_after_the_deadline() {
    // A port that was free a moment ago, and refuses.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let path = sample("sample-quotes.csv");
    check_failure(
        &["replay", text(&path), "--kafka-deadline-s", "1"],
        &address,
        2,
        &["no Kafka broker answers at", &address, "within 1 s", "refused"],
    );
}

#[test]
fn a_property_that_kafkas_client_does_not_know_is_named_without_its_value() {
    let path = sample("sample-quotes.csv");
    let told = "error: flag --kafka-property: Kafka's client knows no property sasl.pasword; \
                librdkafka's CONFIGURATION.md lists all\n";
    for command in [&["replay", text(&path)][..], &["simulate"]] {
        let arguments = [command, &["--kafka-property", "sasl.pasword=hunter2"]].concat();
        let ended = run(&arguments, "127.0.0.1:1");
        assert_eq!((ended.code, ended.stderr.as_str()), (1, told), "{command:?}");
    }
}

#[test]
fn a_feed_publishes_protobuf_when_it_is_asked_to() {
    let path = sample("sample-ticks.ndjson");
    let simulate = ["simulate", "--count", "500", "--rate", "100000"];
    for command in [&["replay", text(&path)][..], &simulate] {
        let broker = Broker::start();
        let ended = run(&[command, &["--tick-format", "protobuf"]].concat(), &broker.bootstrap());
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{command:?}");
        let lasts = broker.fold_all(TickFormat::Protobuf);
        let ticks: u64 = lasts.values().map(|last| last.ticks).sum();
        assert!(ended.stdout.contains(&format!("{ticks} ticks published to ticks at ")), "{}", ended.stdout);
        assert!(ticks >= 500, "{ticks}");
    }
    let ended = run(&["simulate", "--tick-format", "avro"], "127.0.0.1:1");
    let line = ended.stderr.lines().next().unwrap_or_default();
    assert_eq!(ended.code, 1);
    assert!(line.contains("'avro'") && ended.stderr.contains("json, protobuf"), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn an_interrupted_simulation_ends_with_all_acknowledged() {
    let broker = Broker::start();
    let arguments = ["simulate", "--symbols", "5", "--rate", "500", "--numbered-symbols"];
    let child = feed(&arguments, &broker.bootstrap()).stdout(Stdio::piped()).spawn().unwrap();
    let mut child = Guard(child);
    let mut stdout = BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("publishing 500 ticks/s of 5 symbols to ticks at "), "{line}");
    while broker.record_count() == 0 {}
    let id = child.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    let published = broker.record_count();
    assert!(rest.starts_with(&format!("{published} ticks published to ticks at ")), "{rest}");
}

/// Ends the process when the test ends, however it ends.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
