//! The command as its user meets it: flags, table, JSON, lines, exit codes.

use std::{net::TcpListener, process::Command};

use tickcast::load::Report;

use super::sessions;
use crate::support::{Feed, Process, Server, eventually, run_to_the_end};

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn bench(arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKCAST_")) {
        command.env_remove(name);
    }
    let output = command.arg("bench").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A server that knows some symbols.
fn server_with(symbols: usize) -> Server {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let symbols: Vec<_> = (0..symbols).map(|number| format!("S{number}")).collect();
    let last = feed.round(&symbols, 1);
    server.await_seq(&symbols[symbols.len() - 1], last);
    server
}

#[track_caller]
fn check_failure(arguments: &[&str], code: i32, expected: &str) {
    let (ended, log) = run_to_the_end(&[&["bench"], arguments].concat());
    let line = log.iter().find(|line| line.starts_with("error: ")).cloned().unwrap_or_default();
    assert_eq!((ended, line.as_str()), (Some(code), expected), "{log:?}");
}

#[test]
fn a_result_is_a_table_or_json_and_two_of_them_are_compared() {
    let server = server_with(5);
    let address = server.address.to_string();
    let flags = ["--server", &address, "--sessions", "3", "--subscriptions", "2", "--measure-s", "0.3"];
    let run = |more: &[&str]| bench(&[&flags[..], &["--warm-up-s", "0"], more].concat());

    let table = run(&[]);
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    let begin = format!("{address}/ws\nsessions   asked for ");
    assert!(table.stdout.starts_with(&begin), "{}", table.stdout);
    assert!(table.stderr.contains("3 open after "), "{}", table.stderr);

    let directory = tempfile::tempdir().unwrap();
    let results = ["before.json", "after.json"].map(|name| {
        let json = run(&["--json", "S0", "S1"]);
        let report: Report = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(sessions(&report), (3, 0, 0));
        assert_eq!((report.load.destinations, report.messages_in_all), (2, 6));
        let path = directory.path().join(name);
        std::fs::write(&path, &json.stdout).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let compared = bench(&["compare", &results[0], &results[1]]);
    assert_eq!((compared.code, compared.stderr.as_str()), (Some(0), ""));
    let row = compared.stdout.lines().find(|line| line.starts_with("sessions  open")).unwrap();
    let words: Vec<_> = row.split_whitespace().collect();
    assert_eq!(words, ["sessions", "open", "3", "3", "1.000", "alike"]);
    assert!(compared.stdout.contains(" figures are better after, "), "{}", compared.stdout);

    let table = directory.path().join("table");
    std::fs::write(&table, "no JSON").unwrap();
    let table = table.to_str().unwrap();
    let wrong = bench(&["compare", &results[0], table]);
    let told = format!("error: {table}: isn't a result of bench --json: expected ident at line 1 column 2\n");
    assert_eq!((wrong.code, wrong.stderr), (Some(1), told));
}

#[test]
fn what_cannot_be_asked_for_is_told_in_one_line() {
    let server = server_with(5);
    let address = server.address.to_string();
    let at = |flags: &[&'static str]| -> Vec<String> {
        ["--server", &address].iter().chain(flags).map(|flag| (*flag).to_owned()).collect()
    };
    for (flags, expected) in [
        (
            vec!["--sessions", "10", "--stalled", "11"],
            "error: flag --sessions and flag --stalled: 11 sessions are to be stalled of 10",
        ),
        (
            vec!["--destination", "/topic/feed.status"],
            "error: default of `subscriptions` and flag --destination: 20 different subscriptions of a session need \
             {} in the destination",
        ),
        (
            vec!["--subscriptions", "6"],
            "error: 6 subscriptions of one session need as many symbols, and there are 5",
        ),
        (vec!["--pid", "4294967295"], "error: there is no process 4294967295 on this machine to measure"),
    ] {
        let arguments =
            at(if flags[0] == "--pid" { &["--pid", "4294967295", "--subscriptions", "1"] } else { &flags });
        check_failure(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 1, expected);
    }
    let (code, log) = run_to_the_end(&["bench", "--sessions", "1000000"]);
    let line = log.iter().find(|line| line.starts_with("error: ")).unwrap();
    assert_eq!(code, Some(1));
    assert!(
        line.starts_with("error: 1000000 sessions need 1000032 descriptors, and this process may have "),
        "{line}"
    );
}

#[test]
fn a_server_that_cannot_be_measured_is_told_in_one_line() {
    let server = server_with(1);
    let address = server.address.to_string();
    let one = ["--server", &address, "--sessions", "1", "--subscriptions", "1"];
    let not_there = format!("error: {address}: the upgrade is refused with 404: not found");
    check_failure(&[&one[..], &["--path", "/nowhere"]].concat(), 2, &not_there);
    let wrong_header = format!(
        "error: {address}: ERROR wrong header value: mode:x isn't possible here; allowed: latest, every"
    );
    check_failure(&[&one[..], &["--subscribe-header", "mode:x"]].concat(), 2, &wrong_header);

    // A port that was free a moment ago, and refuses.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    check_failure(&["--server", &nobody], 2, &format!("error: {nobody}: Connection refused"));
    let named = ["--server", &nobody, "S0", "--subscriptions", "1"];
    check_failure(&named, 2, &format!("error: {nobody}: Connection refused"));
}

#[test]
fn a_server_that_dies_in_the_middle_ends_the_run() {
    let server = server_with(1);
    let address = server.address.to_string();
    let mut bench = Process::start(&[
        "bench",
        "--server",
        &address,
        "--sessions",
        "4",
        "--subscriptions",
        "1",
        "--warm-up-s",
        "0",
        "--measure-s",
        "600",
        "--json",
    ]);
    eventually("the sessions are open", || {
        match bench.log().iter().any(|line| line.starts_with("4 open after ")) {
            true => Ok(()),
            false => Err(bench.log().join("\n")),
        }
    });
    server.process.signal("KILL");
    assert_eq!(bench.await_exit().code(), Some(2));
    let log = bench.log();
    let line = log.last().unwrap();
    assert!(line.starts_with(&format!("error: {address}/ws: no session is left: ")), "{log:?}");
}
