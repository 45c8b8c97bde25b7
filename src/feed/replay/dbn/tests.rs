//! Tests of the DBN reader.

use std::num::NonZeroU64;

use dbn::{
    BidAskPair, MappingInterval, Metadata, RecordHeader, SType, SymbolMapping, WithTsOut,
    encode::{DbnEncoder, EncodeRecord, dbn::MetadataEncoder},
    rtype,
};

use super::*;

/// 2024-07-01 23:58:00.123456789 UTC.
const TIME_NS: u64 = 1_719_878_280_123_456_789;
const INSTRUMENT: u32 = 118;

fn header<T: dbn::HasRType<Header = RecordHeader>>(rtype: u8, ts_event: u64) -> RecordHeader {
    RecordHeader::new::<T>(rtype, dbn::Publisher::GlbxMdp3Glbx as u16, INSTRUMENT, ts_event)
}

fn metadata(schema: Option<Schema>) -> Metadata {
    let date = |day| time::Date::from_calendar_date(2024, time::Month::July, day).unwrap();
    let interval = |from, to, symbol: &str| MappingInterval {
        start_date: date(from),
        end_date: date(to),
        symbol: symbol.to_owned(),
    };
    // The symbol's instrument id changes with the month's second day.
    let mappings = vec![
        SymbolMapping { raw_symbol: "ESU4".to_owned(), intervals: vec![interval(1, 2, "118")] },
        SymbolMapping { raw_symbol: "NQU4".to_owned(), intervals: vec![interval(2, 3, "118")] },
        SymbolMapping { raw_symbol: "SPX W".to_owned(), intervals: vec![interval(3, 4, "118")] },
    ];
    Metadata::builder()
        .dataset("GLBX.MDP3")
        .schema(schema)
        .start(TIME_NS)
        .end(NonZeroU64::new(TIME_NS + 1))
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .mappings(mappings)
        .build()
}

fn encoded<T: dbn::encode::DbnEncodable>(schema: Schema, records: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = DbnEncoder::new(&mut bytes, &metadata(Some(schema))).unwrap();
    encoder.encode_records(records).unwrap();
    bytes
}

/// Each tick as the JSON that is published, each bad record as its message.
fn read_all(bytes: &[u8], symbol: Option<&str>) -> (Vec<String>, Result<(), ReadError>) {
    let symbol = symbol.map(|symbol| Symbol::parse(symbol).unwrap());
    let mut reader = match DbnReader::open(bytes, symbol) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut seen = Vec::new();
    loop {
        match reader.step() {
            Ok(Step::Tick(recorded)) => {
                let mut json = Vec::new();
                crate::feed::json::encode(&recorded.tick, &mut json);
                seen.push(String::from_utf8(json).unwrap());
            }
            Ok(Step::Bad(bad)) => seen.push(bad.to_string()),
            Ok(Step::Nothing) => {}
            Ok(Step::End) => return (seen, Ok(())),
            Err(error) => return (seen, Err(error)),
        }
    }
}

#[track_caller]
fn check(bytes: &[u8], expected: &[&str]) {
    let (seen, end) = read_all(bytes, None);
    end.unwrap();
    assert_eq!(seen, expected);
}

fn trade(ts_recv: u64, price: i64) -> TradeMsg {
    TradeMsg {
        hd: header::<TradeMsg>(rtype::MBP_0, ts_recv - 5000),
        price,
        size: 3,
        action: b'T' as _,
        ts_recv,
        ..TradeMsg::default()
    }
}

fn top(action: u8, bid_px: i64, ask_px: i64) -> Mbp1Msg {
    let level = BidAskPair { bid_px, ask_px, bid_sz: 24, ask_sz: UNDEF_ORDER_SIZE, bid_ct: 1, ask_ct: 1 };
    Mbp1Msg {
        hd: header::<Mbp1Msg>(rtype::MBP_1, TIME_NS),
        price: 5_528_750_000_000,
        size: 2,
        action: action as _,
        ts_recv: TIME_NS + 9000,
        levels: [level],
        ..Mbp1Msg::default()
    }
}

#[test]
fn a_trade_is_named_by_the_mapping_of_its_date() {
    const DAY_NS: u64 = 86_400_000_000_000;
    let times = [TIME_NS, TIME_NS + DAY_NS, TIME_NS + 2 * DAY_NS, TIME_NS + 3 * DAY_NS];
    let trades = times.map(|time| trade(time, 5_528_750_000_000));
    check(
        &encoded(Schema::Trades, &trades),
        &[
            r#"{"symbol":"ESU4","time_us":1719878280123451,"price":5528.75,"size":3,"venue":"GLBX"}"#,
            r#"{"symbol":"NQU4","time_us":1719964680123451,"price":5528.75,"size":3,"venue":"GLBX"}"#,
            "record 3: symbol \"SPX W\" has ' '; allowed are A–Z a–z 0–9 . _ - / : ^ =",
            "record 4: the file's metadata names no symbol for instrument 118 at that date",
        ],
    );
}

#[test]
fn a_told_symbol_names_every_record() {
    let (seen, end) = read_all(&encoded(Schema::Trades, &[trade(TIME_NS, 1)]), Some("MINE"));
    end.unwrap();
    assert!(seen[0].starts_with(r#"{"symbol":"MINE""#), "{seen:?}");
}

#[test]
fn a_top_of_book_is_a_quote_and_its_trade() {
    check(
        &encoded(Schema::Mbp1, &[top(b'A', 5_529_000_000_000, UNDEF_PRICE), top(b'T', UNDEF_PRICE, 7)]),
        &[
            r#"{"symbol":"ESU4","time_us":1719878280123456,"bid":5529,"bid_size":24,"ask":null,"venue":"GLBX"}"#,
            r#"{"symbol":"ESU4","time_us":1719878280123456,"price":5528.75,"size":2,"bid":null,"ask":0.000000007,"venue":"GLBX"}"#,
        ],
    );
}

#[test]
fn a_bbo_tells_its_last_trade_once_and_its_own_time() {
    let bbo = |ts_event, price, second: u64| BboMsg {
        hd: header::<BboMsg>(rtype::BBO_1S, ts_event),
        price,
        size: 2,
        ts_recv: TIME_NS + second * 1_000_000_000,
        levels: [BidAskPair { bid_px: 1, ask_px: 2, bid_sz: 3, ask_sz: 4, bid_ct: 1, ask_ct: 1 }],
        ..BboMsg::default_for_schema(Schema::Bbo1S)
    };
    let records = [
        bbo(UNDEF_TIMESTAMP, UNDEF_PRICE, 0),
        bbo(TIME_NS, 8, 1),
        bbo(TIME_NS, 8, 2),
        bbo(TIME_NS + 1, 8, 3),
    ];
    let quote = r#""bid":0.000000001,"bid_size":3,"ask":0.000000002,"ask_size":4,"venue":"GLBX"}"#;
    let trade = r#""price":0.000000008,"size":2,"#;
    let expected = [
        format!(r#"{{"symbol":"ESU4","time_us":1719878280123456,{quote}"#),
        format!(r#"{{"symbol":"ESU4","time_us":1719878281123456,{trade}{quote}"#),
        format!(r#"{{"symbol":"ESU4","time_us":1719878282123456,{quote}"#),
        format!(r#"{{"symbol":"ESU4","time_us":1719878283123456,{trade}{quote}"#),
    ];
    check(&encoded(Schema::Bbo1S, &records), &expected.each_ref().map(String::as_str));
}

#[test]
fn a_bar_is_up_to_four_trades_and_the_volume_must_fit() {
    let bar = |volume| OhlcvMsg {
        hd: header::<OhlcvMsg>(rtype::OHLCV_1M, TIME_NS),
        open: 2,
        high: 4,
        low: 1,
        close: 3,
        volume,
    };
    check(
        &encoded(Schema::Ohlcv1M, &[bar(55), bar(u64::MAX)]),
        &[
            r#"{"symbol":"ESU4","time_us":1719878280123456,"price":0.000000002,"venue":"GLBX"}"#,
            r#"{"symbol":"ESU4","time_us":1719878280123456,"price":0.000000001,"venue":"GLBX"}"#,
            r#"{"symbol":"ESU4","time_us":1719878280123456,"price":0.000000004,"venue":"GLBX"}"#,
            r#"{"symbol":"ESU4","time_us":1719878280123456,"price":0.000000003,"size":55,"venue":"GLBX"}"#,
            "record 2: the bar's volume 18446744073709551615 is more than 9223372036",
        ],
    );
}

#[test]
fn a_live_recording_with_send_times_is_read_to_its_end() {
    let mut bytes = Vec::new();
    let metadata = Metadata { ts_out: true, ..metadata(Some(Schema::Trades)) };
    let mut encoder = DbnEncoder::new(&mut bytes, &metadata).unwrap();
    encoder.encode_record(&WithTsOut::new(trade(TIME_NS, 1), TIME_NS)).unwrap();
    let (seen, end) = read_all(&bytes, None);
    end.unwrap();
    assert_eq!(seen.len(), 1);
}

#[test]
fn a_schema_without_ticks_is_refused_by_its_name() {
    let mut bytes = Vec::new();
    MetadataEncoder::new(&mut bytes).encode(&metadata(Some(Schema::Mbo))).unwrap();
    let (_, end) = read_all(&bytes, None);
    assert!(end.unwrap_err().to_string().starts_with("has schema mbo; allowed are trades, tbbo, mbp-1,"));
}

#[test]
fn a_file_that_is_cut_off_anywhere_gives_what_is_whole_and_names_the_record() {
    let whole = encoded(Schema::Trades, &[trade(TIME_NS, 1), trade(TIME_NS, 2), trade(TIME_NS, 3)]);
    let record_bytes = size_of::<TradeMsg>();
    let records_start = whole.len() - 3 * record_bytes;
    for length in 0..whole.len() {
        let (seen, end) = read_all(&whole[..length], None);
        let Some(bytes) = length.checked_sub(records_start) else {
            assert!(matches!(end, Err(ReadError::NotTheFormat { .. })), "{length}: {end:?}");
            continue;
        };
        assert_eq!(seen.len(), bytes / record_bytes);
        if bytes % record_bytes == 0 {
            end.unwrap();
        } else {
            let record = seen.len() as u64 + 1;
            assert!(matches!(end, Err(ReadError::CutOff { record: r }) if r == record), "{length}: {end:?}");
        }
    }
}

#[test]
fn what_is_no_dbn_is_refused() {
    for bytes in [&b""[..], b"time,bid,ask\n1,2,3\n", b"DBN\x09\x00\x00\x00\x00", &[0; 4096]] {
        let (_, end) = read_all(bytes, None);
        assert!(matches!(end, Err(ReadError::NotTheFormat { .. })), "{end:?}");
    }
}

#[test]
fn a_record_with_a_wrong_length_ends_the_reading_with_its_number() {
    let mut bytes = encoded(Schema::Trades, &[trade(TIME_NS, 1), trade(TIME_NS, 2)]);
    let second = bytes.len() - size_of::<TradeMsg>();
    bytes[second] = 0;
    let (seen, end) = read_all(&bytes, None);
    assert_eq!(seen.len(), 1);
    assert!(matches!(end, Err(ReadError::Damaged { record: 2, .. })), "{end:?}");
}
