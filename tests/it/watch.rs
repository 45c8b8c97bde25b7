//! `tickcast watch`, where its output is no terminal: the lines, what is told beside them, and how it ends.

use std::net::TcpListener;

use serde_json::Value;

use crate::{
    support::{Feed, Process, Server, eventually, run_to_the_end},
    tls::Secured,
};

fn address(server: &Server) -> String {
    server.address.to_string()
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Waits until a line of the log says this.
#[track_caller]
fn await_told(watch: &Process, what: &str) {
    eventually(&format!("it tells {what:?}"), || {
        let log = watch.log();
        if log.iter().any(|line| line.contains(what)) { Ok(()) } else { Err(log.join("\n")) }
    });
}

#[test]
fn each_message_is_a_line_of_json_until_there_are_enough() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let seq = feed.tick("A", r#""price":1"#);
    server.await_seq("A", seq);
    let server_address = address(&server);
    let mut watch =
        Process::start(&["watch", "A", "B*", "--server", &server_address, "--json", "--count", "2"]);
    let snapshot = json(&watch.line());
    assert_eq!(
        (&snapshot["type"], &snapshot["symbol"], &snapshot["price"]),
        (&"snapshot".into(), &"A".into(), &1.into())
    );
    feed.tick("C", r#""price":1"#);
    let seq = feed.tick("BX", r#""price":2.5"#);
    let update = json(&watch.line());
    assert_eq!(
        (&update["seq"], &update["symbol"], &update["price"]),
        (&seq.into(), &"BX".into(), &2.5.into())
    );
    assert!(watch.await_exit().success());
    assert!(watch.log().iter().any(|line| line == "feed live"), "{:?}", watch.log());
}

#[test]
fn a_lost_connection_is_told_and_a_signal_ends_the_waiting() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let seq = feed.tick("A", r#""price":101.25,"size":5,"bid":101.2,"bid_size":3"#);
    server.await_seq("A", seq);
    let mut watch = Process::start(&["watch", "A", "--server", &address(&server)]);
    let line = watch.line();
    assert!(line.ends_with(" A 101.25 +0.00% bid 101.2×3 volume 5 trades 1"), "{line}");
    server.process.signal("TERM");
    await_told(&watch, "; trying again in ");
    watch.signal("TERM");
    assert!(watch.await_exit().success());
}

#[test]
fn over_tls_the_server_has_to_be_one_that_is_trusted() {
    let secured = Secured::start(&[]);
    let feed = Feed::to(&secured.server);
    let seq = feed.tick("A", r#""price":1"#);
    secured.server.await_seq("A", seq);
    let url = format!("wss://localhost:{}/ws", secured.server.address.port());
    let authority = secured.write_authority();
    let trusting = ["watch", "A", "--url", &url, "--json", "--count", "1", "--ca-certificate", &authority];
    let mut watch = Process::start(&trusting);
    assert_eq!(json(&watch.line())["symbol"], "A");
    assert!(watch.await_exit().success());
    let (code, log) = run_to_the_end(&trusting[..7]);
    assert_eq!(code, Some(2), "{log:?}");
    assert!(log.last().is_some_and(|line| line.contains("invalid peer certificate")), "{log:?}");
}

#[test]
fn what_can_not_be_watched_is_told_in_one_line() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server = Server::ready(&["--max-wildcards", "0"]);
    let server_address = address(&server);
    for (arguments, code, told) in [
        (&["A", "--server", &nobody][..], 2, "nobody listens there"),
        (&["A*", "--server", &server_address], 2, "wildcard"),
        (&["A", "--url", &format!("ws://{server_address}/elsewhere")], 2, "404"),
        (&["A B"], 1, "expected a symbol such as AAPL"),
        (&["A", "--url", "ftp://a/"], 1, "expected ws:, wss:, http: or https:"),
        (&["A", "--url", "ws://a/", "--ca-certificate", "a.pem"], 1, "there is no TLS"),
        (
            &["A", "--url", "wss://a/", "--ca-certificate", "/nowhere.pem"],
            1,
            "/nowhere.pem: expected certificates",
        ),
        (&["A", "--max-rate", "fast"], 1, "updates a second"),
        (&[], 1, "<SYMBOL>..."),
    ] {
        let (ended, log) = run_to_the_end(&[&["watch"], arguments].concat());
        let log = log.join("\n");
        assert_eq!(ended, Some(code), "{arguments:?}: {log}");
        assert!(log.contains(told), "{arguments:?}: {log}");
    }
}
