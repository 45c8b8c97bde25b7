//! What the server sets aside, and what stops it from doing so without stopping anything else.

use std::collections::BTreeSet;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::broker::{Broker, await_records};
use crate::support::{Feed, Server, eventually, run_to_the_end};

const TICKS: &str = "ticks";
const QUARANTINE: &str = "ticks.quarantine";
const ACKNOWLEDGED: &str = "tickcast_ticks_quarantined_total{result=\"acknowledged\"}";
const FAILED: &str = "tickcast_ticks_quarantined_total{result=\"failed\"}";
const DROPPED: &str = "tickcast_ticks_quarantined_total{result=\"dropped\"}";
const WAITING: &str = "tickcast_quarantine_waiting_records";
const KNOWN: &str = "tickcast_ticks_quarantined_total{result=\"known\"}";

/// A value of each reason that a payload alone can have, and the reason.
const BAD: [(&str, &str); 9] = [
    ("{", "not_json"),
    ("{}", "symbol"),
    (r#"{"symbol":"A"}"#, "missing_price"),
    (r#"{"symbol":7,"price":1}"#, "type"),
    (r#"{"symbol":"A","price":1,"price":2}"#, "repeated_field"),
    (r#"{"symbol":"A","price":0.0000000001}"#, "number"),
    (r#"{"symbol":"A","price":1,"bid_size":1}"#, "orphan_size"),
    (r#"{"symbol":"A","price":1,"time_us":-1}"#, "time"),
    (r#"{"symbol":"A","price":1,"venue":""}"#, "venue"),
];

#[test]
fn a_bad_record_of_each_reason_is_set_aside_with_it() {
    let server = Server::ready(&["--max-symbols", "1"]);
    let feed = Feed::to(&server);
    let mut expected = Vec::new();
    for (value, reason) in BAD {
        let offset = feed.record(Some("A"), Some(value.as_bytes()), None);
        expected.push((offset, reason, value.to_owned()));
    }
    let value = r#"{"symbol":"A","price":1}"#;
    let offset = feed.record(Some("A"), Some(value.as_bytes()), Some("text/xml"));
    expected.push((offset, "content_type", value.to_owned()));
    let large = format!(r#"{{"symbol":"A","price":1,"x":"{}"}}"#, "x".repeat(20_000));
    expected.push((feed.record(Some("A"), Some(large.as_bytes()), None), "too_large", large));
    feed.tick("A", "\"price\":1");
    let value = r#"{"symbol":"B","price":1}"#;
    expected.push((feed.tick("B", "\"price\":1"), "too_many_symbols", value.to_owned()));

    let epoch = server.get("/api/about").json()["epoch"].as_str().unwrap().to_owned();
    let stored = await_records(&server.kafka, QUARANTINE, expected.len());
    for (record, (offset, reason, value)) in stored.iter().zip(expected) {
        assert_eq!(record.header("tickcast-reason"), reason);
        assert_eq!(record.value.as_deref(), Some(value.as_bytes()));
        assert_eq!(record.header("tickcast-topic"), TICKS);
        assert_eq!(record.header("tickcast-partition"), "0");
        assert_eq!(record.header("tickcast-offset"), offset.to_string());
        assert_eq!(record.header("tickcast-epoch"), epoch);
        assert!(!record.header("tickcast-error").is_empty());
        assert!(record.header("tickcast-timestamp").parse::<i64>().unwrap() > 1_700_000_000_000);
    }
    server.await_metric(ACKNOWLEDGED, stored.len() as f64);
    server.await_metric(WAITING, 0.0);
}

#[test]
fn a_producers_own_key_value_and_headers_are_kept() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    let own = [("trace", "1"), ("tickcast-offset", "77"), ("content-type", "text/csv"), ("trace", "2")];
    broker.record(TICKS, None, Some(b"\xff\x00"), &own, Some(1_732_187_000_123));
    broker.record(TICKS, Some("A B"), None, &[], None);
    let _server = broker.server(&[]);
    let stored = broker.await_records(QUARANTINE, 2);
    assert_eq!((&stored[0].key, stored[0].value.as_deref()), (&None, Some(&b"\xff\x00"[..])));
    let names: Vec<_> = stored[0].headers[..3].iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(names, [("trace", "1"), ("content-type", "text/csv"), ("trace", "2")]);
    assert_eq!(stored[0].header("tickcast-offset"), "0");
    assert_eq!(stored[0].header("tickcast-timestamp"), "1732187000123");
    assert!(stored[0].timestamp_ms > 1_732_187_000_123, "retention counts from when it was set aside");
    assert_eq!((stored[1].key.as_deref(), &stored[1].value), (Some("A B"), &None));
    assert_eq!(stored[1].header("tickcast-reason"), "symbol");
}

#[test]
fn a_rebuild_sets_nothing_aside_again() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    broker.publish(&["{", r#"{"symbol":"A","price":1}"#, "[]"]);
    let server = broker.server(&[]);
    broker.await_records(QUARANTINE, 2);
    drop(server);

    broker.publish(&["1"]);
    let server = broker.server(&[]);
    let stored = broker.await_records(QUARANTINE, 3);
    let offsets: Vec<_> = stored.iter().map(|record| record.header("tickcast-offset")).collect();
    assert_eq!(offsets, ["0", "2", "3"]);
    server.await_metric(KNOWN, 2.0);
    server.await_metric(ACKNOWLEDGED, 1.0);
}

#[test]
fn several_instances_leave_few_copies_and_a_later_one_none() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    let first = broker.server(&[]);
    let second = broker.server(&[]);
    broker.publish(&["{"]);
    // Each has either written it or seen the other's copy.
    eventually("both have dealt with it", || {
        let dealt = |server: &Server| server.metric(ACKNOWLEDGED) + server.metric(KNOWN);
        match (dealt(&first), dealt(&second)) {
            (1.0, 1.0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let copies = broker.read(QUARANTINE).len();
    assert!((1..=2).contains(&copies));
    let third = broker.server(&[]);
    third.await_metric(KNOWN, 1.0);
    assert_eq!(broker.read(QUARANTINE).len(), copies);
}

#[test]
fn nothing_is_set_aside_when_that_is_off() {
    let server = Server::ready(&["--quarantine-topic", "off"]);
    let feed = Feed::to(&server);
    feed.record(Some("A"), Some(b"{"), None);
    let good = feed.tick("A", "\"price\":1");
    server.await_seq("A", good);
    server.await_metric("tickcast_ticks_rejected_total{reason=\"not_json\"}", 1.0);
    assert_eq!(server.metric(ACKNOWLEDGED) + server.metric(KNOWN), 0.0);
}

#[test]
fn another_topic_is_one_too() {
    let server = Server::ready(&["--quarantine-topic", "bad.ticks"]);
    Feed::to(&server).record(Some("A"), Some(b"{"), None);
    await_records(&server.kafka, "bad.ticks", 1);
}

#[test]
fn a_topic_that_cannot_be_read_stops_nothing_and_is_tried_again() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    broker.refuse(QUARANTINE, true);
    let server = broker.server(&[]);
    broker.publish(&["{", r#"{"symbol":"A","price":1}"#]);
    server.await_seq("A", 1);
    server.await_metric(WAITING, 1.0);
    eventually("the log says what is wrong", || {
        let log = server.process.log().join("\n");
        if log.contains("trouble with the quarantine topic") { Ok(()) } else { Err(log) }
    });
    broker.refuse(QUARANTINE, false);
    broker.await_records(QUARANTINE, 1);
    server.await_metric(WAITING, 0.0);
}

#[test]
fn a_topic_that_takes_nothing_any_more_stops_nothing_and_is_tried_again() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    let server = broker.server(&[]);
    broker.publish(&["{"]);
    server.await_metric(ACKNOWLEDGED, 1.0);
    broker.refuse(QUARANTINE, true);
    broker.publish(&["[", r#"{"symbol":"A","price":1}"#]);
    server.await_seq("A", 2);
    server.await_metric(WAITING, 1.0);
    broker.refuse(QUARANTINE, false);
    broker.await_records(QUARANTINE, 2);
    server.await_metric(WAITING, 0.0);
    assert_eq!(server.metric(FAILED), 0.0, "what comes through later hasn't failed");
}

#[test]
fn a_record_that_is_too_large_for_the_topic_is_set_aside_without_its_value() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    broker.publish(&["{", r#"{"symbol":"A","price":1}"#]);
    // The next records that anybody writes are the server's.
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 2];
    broker.mock().request_errors(RDKafkaApiKey::Produce, &refused);
    let server = broker.server(&[]);
    let stored = broker.await_records(QUARANTINE, 1);
    assert_eq!((stored[0].header("tickcast-value-bytes"), &stored[0].value), ("1", &None));
    server.await_metric(ACKNOWLEDGED, 1.0);
}

#[test]
fn records_that_are_too_large_together_are_set_aside_one_by_one_and_whole() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    broker.publish(&["{", "[", "]", r#"{"symbol":"A","price":1}"#]);
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE];
    broker.mock().request_errors(RDKafkaApiKey::Produce, &refused);
    let server = broker.server(&[]);
    let stored = broker.await_records(QUARANTINE, 3);
    let mut values: Vec<_> = stored.iter().map(|it| it.value.clone().unwrap_or_default()).collect();
    values.sort();
    assert_eq!(values, [b"[", b"]", b"{"]);
    server.await_metric(ACKNOWLEDGED, 3.0);
}

#[test]
fn a_flood_of_bad_records_delays_no_good_one_and_all_of_it_is_set_aside_in_little_room() {
    const FLOOD: usize = 30_000;
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    broker.refuse(QUARANTINE, true);
    let server = broker.server(&[]);
    let before_kib = server.process.rss_kib();
    let mut values = vec!["{"; FLOOD];
    values.push(r#"{"symbol":"A","price":1}"#);
    broker.publish(&values);
    server.await_seq("A", FLOOD as u64);
    server.await_metric(WAITING, FLOOD as f64);
    let grown_kib = server.process.rss_kib().saturating_sub(before_kib);
    assert!(grown_kib < 96 * 1024, "{grown_kib} KiB more");
    broker.refuse(QUARANTINE, false);
    server.await_metric(ACKNOWLEDGED, FLOOD as f64);
    assert_eq!((server.metric(WAITING), server.metric(DROPPED)), (0.0, 0.0));
    let stored = broker.read(QUARANTINE);
    let offsets: BTreeSet<u64> =
        stored.iter().map(|it| it.header("tickcast-offset").parse().unwrap()).collect();
    assert_eq!((stored.len(), offsets.len()), (FLOOD, FLOOD));
    assert_eq!(offsets.last(), Some(&(FLOOD as u64 - 1)));
    // One of which there was a copy, and one that was read again.
    let words: BTreeSet<_> = stored.iter().map(|it| it.header("tickcast-error")).collect();
    assert_eq!(words.len(), 1, "{words:?}");
    drop(server);

    // More stands in quarantine than there is room for, and still what is new is found.
    broker.publish(&["[", "]"]);
    let server = broker.server(&[]);
    server.await_metric(ACKNOWLEDGED, 2.0);
    server.await_metric(KNOWN, FLOOD as f64);
    assert_eq!(server.metric(DROPPED), 0.0);
    assert_eq!(broker.read(QUARANTINE).len(), FLOOD + 2);
}

#[test]
fn what_waits_outlives_a_kill_though_the_log_is_read_from_a_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("checkpoint");
    let flags = ["--checkpoint", file.to_str().unwrap(), "--checkpoint-interval-s", "0.1"];
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    broker.refuse(QUARANTINE, true);
    let server = broker.server(&flags);
    let tick = r#"{"symbol":"A","price":1}"#;
    broker.publish(&["{", tick, "[", tick]);
    server.await_seq("A", 3);
    eventually("a checkpoint is past the bad records", || {
        let file = std::fs::read(&file).unwrap_or_default();
        if file.windows(8).any(|it| it == b"not_json") { Ok(()) } else { Err(file.len().to_string()) }
    });
    server.process.signal("KILL");
    drop(server);
    broker.refuse(QUARANTINE, false);

    let server = broker.server(&flags);

    let log = server.process.log().join("\n");
    assert!(log.contains(r#""from":"checkpoint""#), "{log}");
    let stored = broker.await_records(QUARANTINE, 2);
    let offsets: Vec<_> = stored.iter().map(|record| record.header("tickcast-offset")).collect();
    assert_eq!(offsets, ["0", "2"]);
    server.await_metric(WAITING, 0.0);
    server.await_metric(ACKNOWLEDGED, 2.0);
}

#[test]
fn what_is_left_at_the_end_is_set_aside_before_it() {
    let broker = Broker::with(&[TICKS, QUARANTINE]);
    let mut server = broker.server(&[]);
    broker.publish(&["{", r#"{"symbol":"A","price":1}"#]);
    // The bad one rests still, most probably.
    server.await_seq("A", 1);
    server.process.signal("TERM");
    assert_eq!(server.process.await_exit().code(), Some(0));
    assert_eq!(broker.read(QUARANTINE).len(), 1);
}

#[test]
fn impossible_topics_are_refused_at_the_start() {
    let long = "a".repeat(245);
    for (flags, part) in [
        (&["--quarantine-topic", "ticks"][..], "ticks is the topic with the ticks: name another, or off"),
        (&["--quarantine-topic", "a b"], "expected a topic name: 1 to 249 of A-Z a-z 0-9 . _ -; or off"),
        (&["--topic", &long], "longer than the 249 characters"),
    ] {
        let (code, log) = run_to_the_end(&[&["serve"], flags].concat());
        assert_eq!(code, Some(1), "{log:?}");
        assert!(log.iter().any(|line| line.contains(part)), "{log:?}");
    }
}
