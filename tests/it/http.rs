//! What is at which path; contract §4 and §7.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{Client, Feed, RawHttp, Server};

#[test]
fn about_tells_what_runs_and_where_its_ticks_come_from() {
    let server = Server::ready(&[]);
    let about = server.get("/api/about");
    assert_eq!((about.status, about.header("content-type")), (200, "application/json"));
    let about = about.json();
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["kafka"], server.kafka);
    assert_eq!(about["topic"], "ticks");
    assert!(about["uptime_s"].is_u64(), "{about}");

    let feed = Feed::to(&server);
    feed.tick("A", r#""price":1"#);
    let mut client = Client::connect(&server);
    client.subscribe("1", "*");
    assert_eq!(about["epoch"], client.frame().expect("epoch"), "the epoch is the messages'");
}

#[test]
fn symbols_are_told_in_order_with_their_names_where_a_list_has_them() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    assert_eq!(server.get("/api/symbols").json(), json!({ "symbols": [] }));
    feed.tick("ZZ-OURS", r#""price":1,"time_us":7"#);
    let seq = feed.tick("AAPL", r#""price":1,"time_us":8"#);
    server.await_seq("AAPL", seq);
    let answer = server.get("/api/symbols").json();
    let [apple, ours] = answer["symbols"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!((&apple["symbol"], &apple["seq"], &apple["time_us"]), (&json!("AAPL"), &json!(1), &json!(8)));
    assert!(apple["name"].is_string() && apple["sector"].is_string(), "{apple}");
    assert_eq!(*ours, json!({ "symbol": "ZZ-OURS", "seq": 0, "time_us": 7 }));
}

#[test]
fn a_snapshot_is_what_a_subscription_would_give() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    feed.tick("A", r#""price":"9007199254740.993","time_us":1"#);
    feed.tick("A", r#""price":"9007199254.740993","size":2,"time_us":1"#);
    let seq = feed.tick("B", r#""bid":2,"time_us":2"#);
    server.await_seq("B", seq);
    let epoch = server.get("/api/about").json()["epoch"].clone();
    let a = r#"{"symbol":"A","price":9007199254.740993,"size":2,"open":9007199254.740993,"high":9007199254.740993,"low":9007199254.740993,"volume":2,"trades":1,"time_us":1,"seq":1"#;
    let (a, b) = (
        format!(r#"{a},"epoch":{epoch}}}"#),
        format!(r#"{{"symbol":"B","bid":2,"time_us":2,"seq":2,"epoch":{epoch}}}"#),
    );
    let check = |query: &str, states: &str| {
        let answer = server.get(&format!("/api/snapshot{query}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        // As text: a parser with binary floats would hide a lost digit.
        assert_eq!(answer.body, format!(r#"{{"epoch":{epoch},"snapshots":[{states}]}}"#), "{query}");
    };
    check("?symbols=A", &a);
    check("?symbols=B,A", &format!("{b},{a}"));
    check("?symbols=A,UNKNOWN", &a);
    check("", &format!("{a},{b}"));

    let mut client = Client::connect(&server);
    client.subscribe("1", "A");
    assert_eq!(client.frame().body, a.replace(&format!(r#","seq":1,"epoch":{epoch}"#), ""));

    for (query, part) in [
        ("symbols=A,no%20symbol", "no symbol"),
        ("symbols=A&symbols=B", "stands twice"),
        ("symbols=%FF", "symbols: "),
    ] {
        let answer = server.get(&format!("/api/snapshot?{query}"));
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/json"), "{query}");
        let told = answer.json();
        assert!(told["error"].as_str().unwrap().contains(part), "{query}: {told}");
    }
}

/// Status, headers in lower case, and body of the answer to a request without one.
fn ask(server: &Server, method: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address)
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn head_is_answered_as_get_without_a_body_and_other_methods_are_told_what_is_allowed() {
    let server = Server::ready(&[]);
    for path in ["/", "/api/about", "/api/symbols", "/api/snapshot", "/livez", "/readyz", "/metrics"] {
        let content_type = server.get(path).header("content-type").to_owned();
        let (status, head, body) = ask(&server, "HEAD", path);
        assert_eq!((status, body.as_str()), (200, ""), "{path}");
        assert!(head.contains(&format!("content-type: {content_type}")), "{path}: {head}");
        // What is written as fast as it's read has no length that is known before.
        let length = if path.contains("/api/s") { "transfer-encoding: chunked" } else { "content-length: " };
        assert!(head.contains(length), "{path}: {head}");
        for method in ["POST", "DELETE"] {
            let (status, head, _) = ask(&server, method, path);
            assert_eq!(status, 405, "{method} {path}");
            assert!(head.contains("allow: get, head"), "{method} {path}: {head}");
        }
    }
    let (status, head, _) = ask(&server, "POST", "/ws");
    assert_eq!(status, 405);
    assert!(head.lines().any(|line| line == "allow: get"), "{head}");
}

#[test]
fn answers_carry_what_keeps_browsers_safe() {
    let server = Server::ready(&[]);
    for path in ["/", "/api/about", "/api/symbols", "/api/snapshot", "/livez", "/readyz", "/metrics"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let page = server.get("/");
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    let missing = server.get("/nothing/here");
    assert_eq!((missing.status, missing.header("x-content-type-options")), (404, "nosniff"));
}

#[test]
fn every_line_of_the_metrics_is_well_formed_and_the_names_of_the_contract_are_there() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let seq = feed.tick("A", r#""price":1"#);
    server.await_seq("A", seq);
    let mut client = Client::connect(&server);
    client.subscribe("1", "A");
    client.frame();
    server.await_metric("tickcast_subscriptions{kind=\"exact\"}", 1.0);
    // librdkafka tells the lag once a second.
    server.await_metric("tickcast_consumer_lag_records{partition=\"0\"}", 0.0);

    let answer = server.get("/metrics");
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let mut declared = std::collections::HashSet::new();
    for line in answer.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a TYPE line has a kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(declared.insert(name.to_owned()), "{name} is declared twice");
            assert!(kind != "counter" || name.ends_with("_total"), "{line}");
        } else if !line.starts_with("# HELP ") {
            check_sample(line, &declared);
        }
    }
    for (name, value) in [
        ("tickcast_ticks_ingested_total", 1.0),
        ("tickcast_symbols", 1.0),
        ("tickcast_messages_sent_total{transport=\"websocket\"}", 1.0),
        ("tickcast_sessions{transport=\"websocket\"}", 1.0),
        ("tickcast_sessions_opened_total", 1.0),
        ("tickcast_ticks_conflated_total", 0.0),
        ("tickcast_slow_sessions", 0.0),
        ("tickcast_stage_seconds_count{stage=\"kafka_to_ingested\"}", 1.0),
        ("tickcast_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert!(answer.body.contains(&format!("\n{name} ")), "{name} is there");
        assert_eq!(server.metric(name), value, "{name}");
    }
    assert!(server.metric("tickcast_sent_bytes_total{transport=\"websocket\"}") > 100.0);
    assert!(server.metric("tickcast_feed_age_seconds") < 3600.0);
    assert!(server.metric("process_resident_memory_bytes") > 0.0);
}

/// `name{label="value",…} number`, of a declared family.
fn check_sample(line: &str, declared: &std::collections::HashSet<String>) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?} is no sample"));
    assert!(value.parse::<f64>().is_ok(), "{line}");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let is_family = |name: &str| declared.contains(name);
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    assert!(is_family(name) || of_histogram.is_some_and(is_family), "{line}: no TYPE before it");
    assert!(name.starts_with("tickcast_") || name.starts_with("process_"), "{line}");
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}: labels aren't closed"));
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (key, value) = label.split_once('=').unwrap_or_else(|| panic!("{line}: {label}"));
        assert!(key.bytes().all(|byte| byte.is_ascii_lowercase()), "{line}");
        assert!(value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{line}");
    }
}

#[test]
fn a_connection_that_is_busy_all_the_time_is_late_with_nothing() {
    let server = Server::ready(&["--request-deadline-s", "0.5"]);
    let mut connection = RawHttp::connect(server.address);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        // In two pieces, so that a head is waited for.
        connection.write(b"GET /livez HT");
        connection.write(b"TP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(connection.whole().head.status, 200);
    }
}

#[test]
fn a_request_with_a_body_may_wait_for_its_answer_longer_than_a_body_may_take() {
    let server = Server::ready(&["--request-deadline-s", "0.3", "--ping-interval-s", "1"]);
    let mut connection = RawHttp::connect(server.address);
    let poll = "POST /sockjs/0/body/xhr";
    assert_eq!(connection.ask(poll, &[], "").body, "o\n");
    assert_eq!(connection.ask(poll, &[], "[]").body, "h\n");
    // What says the body would end, and doesn't, has its time though.
    connection.write(b"POST /sockjs/0/body/xhr_send HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n[\"");
    assert_eq!(connection.head().status, 400);
}

#[test]
fn requests_do_not_pile_up_behind_an_answer_that_lasts() {
    let server = Server::ready(&[]);
    let bomb = "GET / HTTP/1.0\r\n\r\n".repeat(100);
    for (number, start) in [(1.0, "GET /sockjs/0/a/eventsource"), (2.0, "POST /sockjs/0/b/xhr_streaming")] {
        let mut connection = RawHttp::connect(server.address);
        connection.send(start, &[], "");
        assert_eq!(connection.head().status, 200);
        connection.write(bomb.as_bytes());
        server.await_metric("tickcast_connections_refused_total{reason=\"requests_ahead\"}", number);
    }
}
