//! What Protobuf ticks read as, and what of them is refused.

use proptest::prelude::*;
use prost::Message as _;

use super::{ProtobufDecoder, wire};
use crate::{
    feed::{
        PAYLOAD_BYTES_MAX, Rejection,
        any_tick::any_tick,
        json::{self, JsonDecoder},
        protobuf::ProtobufEncoder,
    },
    market::TIME_US_MAX,
};

/// A message that is a tick.
fn trade() -> wire::Tick {
    wire::Tick { symbol: "A".into(), price: Some(1_500_000_000), ..wire::Tick::default() }
}

/// What the message reads as, written out as JSON; or the rejection's words.
#[track_caller]
fn check(message: &wire::Tick, expected: &str) {
    let mut decoder = ProtobufDecoder::default();
    let mut out = Vec::new();
    match decoder.decode(&message.encode_to_vec()) {
        Ok(tick) => json::encode(&tick, &mut out),
        Err(rejection) => out.extend_from_slice(rejection.to_string().as_bytes()),
    }
    assert_eq!(String::from_utf8(out).unwrap(), expected, "{message:?}");
}

/// The rejection of what is changed in a trade.
#[track_caller]
fn check_refused(change: impl Fn(&mut wire::Tick), expected: &str) {
    let mut message = trade();
    change(&mut message);
    check(&message, expected);
}

#[test]
fn the_contracts_example_is_read() {
    let message = wire::Tick {
        symbol: "AAPL".into(),
        time_us: Some(1_732_187_000_123_456),
        price: Some(189_840_000_000),
        size: Some(100_000_000_000),
        bid: Some(189_830_000_000),
        bid_size: Some(300_000_000_000),
        ask: Some(189_850_000_000),
        ask_size: Some(200_000_000_000),
        venue: "XNAS".into(),
        clear_bid: false,
        clear_ask: false,
    };
    check(
        &message,
        r#"{"symbol":"AAPL","time_us":1732187000123456,"price":189.84,"size":100,"bid":189.83,"bid_size":300,"ask":189.85,"ask_size":200,"venue":"XNAS"}"#,
    );
}

/// Bytes written by hand from the encoding's specification, so that field numbers and zigzag are held against something
/// that isn't made by the same code.
#[test]
fn the_bytes_are_those_of_the_schema() {
    let bytes = b"\x0a\x01A\x10\x05\x18\x02\x20\x00\x28\x01\x38\x04\x4a\x01X";
    let mut decoder = ProtobufDecoder::default();
    let tick = decoder.decode(bytes).unwrap();
    let mut out = Vec::new();
    json::encode(&tick, &mut out);
    let expected = r#"{"symbol":"A","time_us":5,"price":0.000000001,"size":0,"bid":-0.000000001,"ask":0.000000002,"venue":"X"}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut out = Vec::new();
    ProtobufEncoder::default().encode(&tick, &mut out);
    assert_eq!(out, bytes);
    let clears = b"\x0a\x01A\x50\x01\x58\x01";
    let mut out = Vec::new();
    json::encode(&decoder.decode(clears).unwrap(), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"symbol":"A","bid":null,"ask":null}"#);
}

#[test]
fn zero_is_a_price_and_the_whole_range_is_held() {
    check(&wire::Tick { price: Some(0), ..trade() }, r#"{"symbol":"A","price":0}"#);
    let range = wire::Tick { bid: Some(i64::MIN), ask: Some(i64::MAX), ask_size: Some(i64::MAX), ..trade() };
    check(
        &range,
        r#"{"symbol":"A","price":1.5,"bid":"-9223372036.854775808","ask":"9223372036.854775807","ask_size":"9223372036.854775807"}"#,
    );
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_reason() {
    check_refused(|it| it.symbol.clear(), "symbol is missing");
    check_refused(|it| it.symbol = "A B".into(), "symbol has ' '; allowed are A–Z a–z 0–9 . _ - / : ^ =");
    check_refused(|it| it.price = None, "at least one of price, bid, ask must be there");
    check_refused(|it| (it.price, it.size) = (None, Some(1)), "size needs price in the same tick");
    check_refused(|it| it.bid_size = Some(1), "bid_size needs bid in the same tick");
    check_refused(|it| it.ask_size = Some(1), "ask_size needs ask in the same tick");
    check_refused(|it| it.size = Some(-1), "size: negative");
    check_refused(|it| (it.bid, it.bid_size) = (Some(1), Some(-1)), "bid_size: negative");
    check_refused(|it| (it.bid, it.clear_bid) = (Some(1), true), "clear_bid and bid exclude each other");
    check_refused(|it| (it.ask, it.clear_ask) = (Some(1), true), "clear_ask and ask exclude each other");
    check_refused(|it| (it.bid_size, it.clear_bid) = (Some(1), true), "bid_size needs bid in the same tick");
    for time_us in [-1, TIME_US_MAX + 1] {
        check_refused(|it| it.time_us = Some(time_us), &Rejection::Time.to_string());
    }
    for venue in [" ", "Ä", &"X".repeat(33)] {
        check_refused(|it| it.venue = venue.into(), &Rejection::Venue.to_string());
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let mut decoder = ProtobufDecoder::default();
    for bytes in [&b"{\"symbol\":\"A\",\"price\":1}"[..], b"\x0a\x05A", b"\x0a\x01\xff", b"\x08\x01", b"\xff"]
    {
        assert_eq!(decoder.decode(bytes).unwrap_err().label(), "not_protobuf", "{bytes:?}");
    }
    assert_eq!(decoder.decode(b""), Err(Rejection::MissingSymbol));
    let huge = vec![0; PAYLOAD_BYTES_MAX + 1];
    assert!(matches!(decoder.decode(&huge), Err(Rejection::TooLarge { .. })));
}

#[test]
fn unknown_fields_are_passed_over() {
    let bytes = [trade().encode_to_vec(), b"\x9a\x06\x03abc\x60\x07".to_vec()].concat();
    let mut decoder = ProtobufDecoder::default();
    assert_eq!(decoder.decode(&bytes).unwrap().symbol.as_str(), "A");
}

#[test]
fn a_record_leaves_nothing_behind() {
    let mut decoder = ProtobufDecoder::default();
    let whole = wire::Tick { venue: "X".into(), bid: Some(1), clear_ask: true, ..trade() };
    decoder.decode(&whole.encode_to_vec()).unwrap();
    decoder.decode(b"\x0a\x01B\x18").unwrap_err();
    let mut out = Vec::new();
    json::encode(&decoder.decode(&trade().encode_to_vec()).unwrap(), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"symbol":"A","price":1.5}"#);
}

proptest! {
    #[test]
    fn encode_then_decode_is_the_identity(tick in any_tick()) {
        let mut payload = Vec::new();
        ProtobufEncoder::default().encode(&tick.tick(), &mut payload);
        let mut decoder = ProtobufDecoder::default();
        prop_assert_eq!(decoder.decode(&payload), Ok(tick.tick()));
    }

    #[test]
    fn both_formats_say_the_same(tick in any_tick()) {
        let (mut json, mut protobuf) = (Vec::new(), Vec::new());
        json::encode(&tick.tick(), &mut json);
        ProtobufEncoder::default().encode(&tick.tick(), &mut protobuf);
        let (mut of_json, mut of_protobuf) = (JsonDecoder::default(), ProtobufDecoder::default());
        prop_assert_eq!(of_json.decode(&json), of_protobuf.decode(&protobuf));
    }

    /// Also of messages that are nearly ticks, which bytes by chance seldom are.
    #[test]
    fn no_payload_panics(
        payload: Vec<u8>,
        tick in any_tick(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut decoder = ProtobufDecoder::default();
        let _ = decoder.decode(&payload);
        let mut nearly = Vec::new();
        ProtobufEncoder::default().encode(&tick.tick(), &mut nearly);
        for (at, byte) in damage {
            *at.get_mut(&mut nearly) = byte;
        }
        let _ = decoder.decode(&nearly);
    }
}
