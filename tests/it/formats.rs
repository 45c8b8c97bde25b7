//! The formats of records: each by its `content-type` or by the setting, framed by a Schema Registry's serializer or not.

use serde_json::{Value, json};
use tickcast::{
    feed::{Encoder, TickFormat},
    market::{Price, Side, Size, SymbolRef, Tick, Trade},
};

use crate::support::{Feed, Server};

/// What `--tick-format` and the headers are called.
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// What a serializer puts before a payload: byte 0 and a schema's id, and for Protobuf the message indexes `[0]`.
const FRAME: &[u8] = &[0, 0, 0, 0x12, 0x34];
const FRAME_PROTOBUF: &[u8] = &[0, 0, 0, 0x12, 0x34, 0];

fn tick(symbol: &str) -> Tick<'_> {
    let price = |text| Price::parse(text).unwrap();
    let size = |text| Size::parse(text).ok();
    Tick {
        symbol: SymbolRef::parse(symbol).unwrap(),
        time_us: Some(1_732_187_000_123_456),
        trade: Some(Trade { price: price("189.84"), size: size("100") }),
        bid: Side::Set { price: price("189.83"), size: size("300") },
        ask: Side::Clear,
        venue: Some("XNAS"),
    }
}

fn value(format: TickFormat, symbol: &str) -> Vec<u8> {
    Encoder::new(format).encode(&tick(symbol)).to_vec()
}

/// The state that [`tick`] leaves, without what differs between symbols.
fn state(server: &Server, symbol: &str) -> Value {
    let mut state = server.snapshot(symbol);
    let fields = state.as_object_mut().unwrap_or_else(|| panic!("{symbol} is known"));
    for name in ["symbol", "seq", "type", "name", "sector"] {
        fields.remove(name);
    }
    state
}

#[test]
fn a_tick_says_the_same_in_every_form() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let framed = |head: &[u8], format, symbol| [head, &value(format, symbol)].concat();
    let records = [
        ("PLAIN", None, value(TickFormat::Json, "PLAIN")),
        ("JSON", Some(JSON), value(TickFormat::Json, "JSON")),
        ("PROTOBUF", Some(PROTOBUF), value(TickFormat::Protobuf, "PROTOBUF")),
        ("OTHERNAME", Some("Application/Protobuf; a=b"), value(TickFormat::Protobuf, "OTHERNAME")),
        ("FRAMEDJSON", None, framed(FRAME, TickFormat::Json, "FRAMEDJSON")),
        ("FRAMED", Some(PROTOBUF), framed(FRAME_PROTOBUF, TickFormat::Protobuf, "FRAMED")),
    ];
    let mut last = 0;
    for (symbol, content_type, value) in &records {
        last = feed.record(Some(symbol), Some(value), *content_type);
    }
    server.await_seq("FRAMED", last);
    let expected = state(&server, "PLAIN");
    assert_eq!((&expected["price"], &expected["bid"]), (&json!(189.84), &json!(189.83)), "{expected}");
    assert_eq!(expected["ask"], Value::Null, "{expected}");
    for (symbol, ..) in &records {
        assert_eq!(state(&server, symbol), expected, "{symbol}");
    }
}

#[test]
fn the_setting_says_what_a_record_without_content_type_is() {
    let server = Server::ready(&["--tick-format", "protobuf"]);
    let feed = Feed::to(&server);
    feed.record(Some("BARE"), Some(&value(TickFormat::Protobuf, "BARE")), None);
    feed.record(Some("JSON"), Some(&value(TickFormat::Json, "JSON")), Some(JSON));
    let framed = [FRAME_PROTOBUF, &value(TickFormat::Protobuf, "FRAMED")].concat();
    let last = feed.record(Some("FRAMED"), Some(&framed), None);
    server.await_seq("FRAMED", last);
    assert_eq!(state(&server, "BARE"), state(&server, "JSON"));
    assert_eq!(state(&server, "BARE"), state(&server, "FRAMED"));
}

#[test]
fn what_is_no_protobuf_tick_is_counted_by_its_reason() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let other_message = [FRAME, b"\x02\x02", &value(TickFormat::Protobuf, "BAD")].concat();
    let bad: [(&[u8], &str); 7] = [
        (b"{\"symbol\":\"BAD\",\"price\":1}", "not_protobuf"),
        (b"\x0a\x09BAD", "not_protobuf"),
        (b"\x0a\x03BAD\x18\x02\x28\x02\x50\x01", "contradiction"),
        (b"\x0a\x03BAD\x30\x02", "orphan_size"),
        (b"\0\0\0", "framing"),
        (&other_message, "framing"),
        (b"", "symbol"),
    ];
    for (value, _) in bad {
        feed.queue(Some("BAD"), Some(value), Some(PROTOBUF));
    }
    let good = feed.record(Some("GOOD"), Some(&value(TickFormat::Protobuf, "GOOD")), Some(PROTOBUF));
    server.await_seq("GOOD", good);
    for (_, reason) in bad {
        let expected = bad.iter().filter(|(_, it)| *it == reason).count();
        let name = format!("tickcast_ticks_rejected_total{{reason=\"{reason}\"}}");
        assert_eq!(server.metric(&name), expected as f64, "{name}");
    }
    assert_eq!(server.snapshot("BAD"), Value::Null);
    let log = server.process.log();
    let told =
        "Schema Registry framing: the message at index 1 of its schema; a tick is the first one, index 0";
    assert!(log.iter().any(|line| line.contains(told)), "{log:#?}");
}
