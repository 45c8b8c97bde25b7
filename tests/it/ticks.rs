//! From the record to the client: exactness, bad records, redelivery, conflation's arithmetic.

use rdkafka::mocking::MockCluster;
use serde_json::{Value, json};

use crate::support::{Client, Feed, Frame, Server, eventually};

/// A bad record: its key, its value, its content type, and the reason that it's counted under.
type Bad = (Option<&'static str>, &'static [u8], Option<&'static str>, &'static str);

const BAD: [Bad; 20] = [
    (Some("BAD"), b"", None, "not_json"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",", None, "not_json"),
    (Some("BAD"), b"\xff\xfe", None, "not_json"),
    (Some("BAD"), b"[1,2]", None, "not_json"),
    (Some("BAD"), b"{\"price\":1}", None, "symbol"),
    (Some("BAD"), b"{\"symbol\":\"no spaces\",\"price\":1}", None, "symbol"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"size\":1}", None, "orphan_size"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"venue\":\"XNAS\"}", None, "missing_price"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":true}", None, "type"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":NaN}", None, "not_json"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":\"NaN\"}", None, "number"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":\"1.0000000001\"}", None, "number"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":1234567.890123456}", None, "number"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":\"9223372036.854775808\"}", None, "number"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":1,\"size\":-1}", None, "number"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":1,\"price\":2}", None, "repeated_field"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":1,\"time_us\":-1}", None, "time"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":1,\"venue\":\"\"}", None, "venue"),
    (Some("BAD"), b"{\"symbol\":\"BAD\",\"price\":1}", Some("text/csv"), "content_type"),
    (None, b"a,b,c", None, "not_json"),
];

#[test]
fn bad_records_are_counted_and_told_with_their_place_and_stop_nothing() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    for (key, value, content_type, _) in BAD {
        feed.queue(key, Some(value), content_type);
    }
    let oversized = format!(r#"{{"symbol":"BAD","price":1,"note":"{}"}}"#, "x".repeat(20_000));
    feed.queue(Some("BAD"), Some(oversized.as_bytes()), None);
    // Anybody's tombstone of a key that is no symbol.
    feed.tombstone("no symbol");
    let good = feed.tick("GOOD", r#""price":1"#);
    server.await_seq("GOOD", good);

    let reasons = BAD.map(|(.., reason)| reason);
    for reason in reasons {
        let tombstones = usize::from(reason == "symbol");
        let expected = reasons.iter().filter(|it| **it == reason).count() + tombstones;
        let name = format!("tickcast_ticks_rejected_total{{reason=\"{reason}\"}}");
        assert_eq!(server.metric(&name), expected as f64, "{name}");
    }
    assert_eq!(server.metric("tickcast_ticks_rejected_total{reason=\"too_large\"}"), 1.0);
    assert_eq!(server.metric("tickcast_ticks_ingested_total"), 1.0);
    assert_eq!(server.snapshot("BAD"), Value::Null);

    let told = rejections(&server);
    // A burst of ten is told, and one a second after that.
    assert!((10..20).contains(&told.len()), "{told:?}");
    for (offset, (line, reason)) in told.iter().zip(reasons).take(10).enumerate() {
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["topic"], "ticks", "{line}");
        assert_eq!(line["partition"], 0, "{line}");
        assert_eq!(line["offset"], offset, "{line}");
        assert_eq!(line["reason"], reason, "{line}");
        assert!(line["message"].as_str().unwrap().starts_with("bad record: "), "{line}");
    }
}

fn rejections(server: &Server) -> Vec<Value> {
    let log = server.process.log();
    let lines = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let is_told = |line: &Value| line["message"].as_str().is_some_and(|it| it.starts_with("bad record: "));
    lines.filter(is_told).collect()
}

/// The body's own text for a field: a parser with binary floats would lose what this is about.
fn text_of<'a>(body: &'a str, field: &str) -> &'a str {
    let (_, rest) = body.split_once(&format!("\"{field}\":")).unwrap_or_else(|| panic!("{field} in {body}"));
    rest.split([',', '}']).next().unwrap()
}

#[test]
fn prices_and_sizes_come_out_as_they_went_in() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let mut client = Client::connect(&server);
    client.subscribe("1", "EXACT");
    for (sent, shown) in [
        (r#""9223372036.854775807""#, "9223372036.854775807"),
        (r#""-9223372036.854775807""#, "-9223372036.854775807"),
        (r#""0.000000001""#, "0.000000001"),
        (r#""1234567890.123456789""#, "1234567890.123456789"),
        ("123456.789012345", "123456.789012345"),
        ("0.1", "0.1"),
        ("1.10", "1.1"),
        ("100", "100"),
        ("1e2", "100"),
        ("-37.63", "-37.63"),
    ] {
        feed.tick("EXACT", &format!(r#""price":{sent},"time_us":1"#));
        let body = client.frame().body;
        assert_eq!(text_of(&body, "price"), shown, "for {sent}");
    }
    feed.tick("EXACT", r#""price":1,"size":"9223372036.854775807""#);
    let body = client.frame().body;
    assert_eq!(text_of(&body, "size"), "9223372036.854775807");
    assert_eq!(text_of(&body, "volume"), "9223372036.854775807");
}

#[test]
fn an_unkeyed_record_is_a_tick_and_its_kafka_time_counts_when_it_tells_none() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let seq = feed.record(None, Some(br#"{"symbol":"NOKEY","price":1}"#), Some("application/json"));
    server.await_seq("NOKEY", seq);
    let time_us = server.snapshot("NOKEY")["time_us"].as_i64().unwrap();
    let since_2024_us = time_us - 1_704_067_200_000_000;
    assert!(since_2024_us > 0 && time_us % 1000 == 0, "{time_us} is a Kafka timestamp in microseconds");
}

#[test]
fn a_tombstone_takes_a_symbol_off_every_list_and_a_tick_puts_it_back() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let listed = || {
        let symbols = server.get("/api/symbols").json()["symbols"].clone();
        symbols.as_array().unwrap().iter().map(|it| it["symbol"].as_str().unwrap().to_owned()).collect()
    };
    feed.tick("GONE", r#""price":1,"size":3"#);
    let seq = feed.tick("STAYS", r#""price":1"#);
    server.await_seq("STAYS", seq);
    let both: Vec<String> = listed();
    assert_eq!(both, ["GONE", "STAYS"]);

    let mut client = Client::connect(&server);
    client.subscribe("all", "*");
    let snapshots = client.frames_until(|frame| frame.symbol() == "STAYS");
    assert_eq!(snapshots.len(), 2);
    let offset = feed.tombstone("GONE");
    let gone = client.frame();
    assert_eq!((gone.expect("type"), gone.symbol(), gone.seq()), ("delisted", "GONE", offset));
    assert_eq!(listed(), ["STAYS"]);
    assert_eq!(server.snapshot("GONE"), Value::Null);
    // A second tombstone tells nobody anything: the next message is the tick's.
    feed.tombstone("GONE");
    let offset = feed.tick("GONE", r#""price":2"#);
    let back = client.frame();
    assert_eq!((back.expect("type"), back.symbol(), back.seq()), ("update", "GONE", offset));
    // Listed anew: nothing of its life before.
    assert_eq!((&back.json()["price"], &back.json()["volume"]), (&json!(2), &json!(0)));
    assert_eq!(listed(), ["GONE", "STAYS"]);
}

#[test]
fn more_symbols_than_there_may_be_are_refused_and_the_known_ones_go_on() {
    let server = Server::ready(&["--max-symbols", "2"]);
    let feed = Feed::to(&server);
    for symbol in ["A", "B", "C", "D"] {
        feed.tick(symbol, r#""price":1"#);
    }
    let seq = feed.tick("A", r#""price":2"#);
    server.await_seq("A", seq);
    assert_eq!(server.metric("tickcast_ticks_rejected_total{reason=\"too_many_symbols\"}"), 2.0);
    assert_eq!(server.metric("tickcast_symbols"), 2.0);
    assert_eq!(server.snapshot("C"), Value::Null);
}

#[test]
fn a_symbol_that_moves_to_another_partition_begins_a_new_epoch() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("ticks", 2, 1).unwrap();
    let server = Server::ready(&["--kafka", &cluster.bootstrap_servers()]);
    let feed = Feed::to(&server);
    let mut client = Client::connect(&server);
    client.subscribe("1", "MOVES");
    let mut next = |partition, time_ms, price: u64, shown: u64| {
        feed.at(partition, time_ms, "MOVES", &format!(r#"{{"symbol":"MOVES","price":{price}}}"#));
        let frame = client.frame();
        assert_eq!(frame.json()["price"], shown);
        (frame.expect("message-id").to_owned(), frame.expect("epoch").to_owned())
    };
    let (first, epoch) = next(0, 1000, 1, 1);
    let (second, same_epoch) = next(0, 2000, 2, 2);
    assert_eq!((first.as_str(), second.as_str(), &same_epoch), ("0-0", "0-1", &epoch));
    let (moved, new_epoch) = next(1, 3000, 3, 3);
    assert_eq!(moved, "1-0");
    assert_ne!(new_epoch, epoch, "the offsets of two partitions can't be compared");
    // A straggler of the partition that it left is no news of the price.
    assert_eq!(next(0, 2500, 4, 3), ("1-0-1".to_owned(), new_epoch.clone()));
    assert_eq!(next(1, 3000, 5, 5), ("1-1".to_owned(), new_epoch));
}

#[test]
fn wildcards_take_symbols_that_appear_later() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let mut clients = ["*", "#", "AB*"].map(|pattern| {
        let mut client = Client::connect(&server);
        client.subscribe("w", pattern);
        (pattern, client)
    });
    feed.tick("ABC", r#""price":1"#);
    feed.tick("AZ", r#""price":1"#);
    feed.tick("AB", r#""price":1"#);
    for (pattern, client) in &mut clients {
        let expected: &[&str] = if *pattern == "AB*" { &["ABC", "AB"] } else { &["ABC", "AZ", "AB"] };
        for symbol in expected {
            let frame = client.frame();
            assert_eq!((frame.symbol(), frame.expect("type")), (*symbol, "update"), "for {pattern}");
            assert_eq!(frame.expect("subscription"), "w");
        }
    }
}

#[test]
fn a_wildcard_that_was_unsubscribed_takes_nothing_more() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let mut client = Client::connect(&server);
    client.subscribe("all", "*");
    client.subscribe("b", "B*");
    feed.tick("BEFORE", r#""price":1"#);
    let told = [client.frame(), client.frame()].map(|frame| frame.expect("subscription").to_owned());
    assert_eq!(told, ["all", "b"]);
    client.send("UNSUBSCRIBE\nid:all\nreceipt:gone\n\n\0");
    assert_eq!(client.frame().expect("receipt-id"), "gone");
    // One known before, one that appears only now: each is told to the other subscription alone.
    for symbol in ["BEFORE", "BRANDNEW", "BEFORE"] {
        feed.tick(symbol, r#""price":2"#);
        let frame = client.frame();
        assert_eq!((frame.expect("subscription"), frame.symbol()), ("b", symbol));
    }
}

#[test]
fn a_client_that_comes_back_finds_the_same_seq_and_epoch() {
    let server = Server::ready(&["--workers", "2"]);
    let feed = Feed::to(&server);
    feed.tick("SAME", r#""price":1"#);
    let seq = feed.tick("SAME", r#""price":2"#);
    let mut earlier = Client::connect(&server);
    earlier.subscribe("1", "SAME");
    let newest = earlier.frames_until(|frame| frame.seq() == seq).pop().unwrap();
    drop(earlier);
    // Whichever worker takes it up.
    for _ in 0..4 {
        let mut later = Client::connect(&server);
        later.subscribe("1", "SAME");
        let snapshot = later.frames_until(|frame| frame.seq() == seq).pop().unwrap();
        assert_eq!(snapshot.expect("epoch"), newest.expect("epoch"));
        assert_eq!(snapshot.expect("message-id"), format!("0-{seq}"));
        assert_eq!(snapshot.body, newest.body);
    }
}

#[test]
fn sessions_on_every_worker_are_told() {
    let server = Server::ready(&["--workers", "4"]);
    let feed = Feed::to(&server);
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.subscribe("1", "ALL");
    }
    for price in 1..=3 {
        let offset = feed.tick("ALL", &format!(r#""price":{price}"#));
        for client in &mut clients {
            let frames = client.frames_until(|frame| frame.seq() == offset);
            assert_eq!(frames.last().unwrap().json()["price"], price);
        }
    }
}

#[test]
fn every_tick_is_delivered_or_counted_as_conflated() {
    const TICKS: u64 = 5_000;
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let first = feed.tick("CONF", r#""price":1,"size":1"#);
    server.await_seq("CONF", first);
    let mut client = Client::connect(&server);
    client.subscribe("1", "CONF");
    let snapshot = client.frame();
    assert_eq!((snapshot.expect("type"), snapshot.seq(), snapshot.conflated()), ("snapshot", first, 0));
    let symbols = vec!["CONF".to_owned(); TICKS as usize];
    // One batch: faster than anybody writes, so that conflation has something to do.
    let last = feed.round(&symbols, 2);
    let updates = client.frames_until(|frame| frame.seq() == last);
    assert!(updates.windows(2).all(|pair| pair[0].seq() < pair[1].seq()), "seq rises");
    let told: u64 = updates.iter().map(|frame| 1 + frame.conflated()).sum();
    assert_eq!(told, TICKS);
    // What was conflated away is in the state nevertheless.
    assert_eq!(updates.last().unwrap().json()["trades"], TICKS + 1);
    assert_eq!(updates.last().unwrap().json()["volume"], TICKS + 1);
    let conflated = updates.iter().map(Frame::conflated).sum::<u64>() as f64;
    eventually("the conflated ticks are counted", || {
        let counted = server.metric("tickcast_ticks_conflated_total");
        if counted == conflated { Ok(()) } else { Err(format!("{counted} instead of {conflated}")) }
    });
}
