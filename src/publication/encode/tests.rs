//! What the bytes of a state and of its parts are, and that the parts add up.

use proptest::{option, prelude::*};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::*;
use crate::{
    market::{DayFold, Level, Price, Size, Symbol, Trade, Volume},
    publication::{Publication, Status, SymbolId},
};

fn price(text: &str) -> Price {
    Price::parse(text).unwrap()
}

fn size(text: &str) -> Size {
    Size::parse(text).unwrap()
}

/// A state that lacks the size of its ask alone.
fn full() -> State {
    State {
        trade: Some(Trade { price: price("189.84"), size: Some(size("100")) }),
        bid: Some(Level { price: price("189.83"), size: Some(size("300")) }),
        ask: Some(Level { price: price("189.85"), size: None }),
        day: Some(DayFold {
            open: price("188.9"),
            high: price("190.02"),
            low: price("188.7"),
            volume: Volume::ZERO.plus(size("1203400")),
            trades: 8211,
        }),
        time_us: 1_732_187_000_123_456,
        venue: Some("XNAS".into()),
    }
}

fn content(symbol: &str, state: State) -> Content {
    Content {
        id: SymbolId(0),
        symbol: Symbol::parse(symbol).unwrap(),
        partition: 3,
        seq: 77,
        epoch: "1f".into(),
        ordinal: 1,
        rollovers: 0,
        status: Status::Listed,
        state,
        ingested_us: 0,
    }
}

fn fields(text: &str) -> Fields {
    Fields::parse(text).unwrap()
}

fn body(content: &Content, view: View) -> String {
    let mut out = Vec::new();
    content.write_json(view, &mut out);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(state: State, view: View, expected: &str) {
    assert_eq!(body(&content("A", state), view), expected, "{view:?}");
}

#[test]
fn a_whole_state_is_encoded_as_the_contract_shows_it() {
    let publication = Publication::from(content("BRK:B", full()));
    let body = r#"{"symbol":"BRK:B","price":189.84,"size":100,"bid":189.83,"bid_size":300,"ask":189.85,"open":188.9,"high":190.02,"low":188.7,"volume":1203400,"trades":8211,"time_us":1732187000123456,"venue":"XNAS"}"#;
    for (version, symbol) in
        [(Version::V1_0, "BRK:B"), (Version::V1_1, r"BRK\cB"), (Version::V1_2, r"BRK\cB")]
    {
        let expected = format!(
            "message-id:3-77\ndestination:/topic/price.stock.{symbol}\ncontent-type:application/json\n\
             content-length:{}\nseq:77\nepoch:1f\n\n{body}\0",
            body.len()
        );
        assert_eq!(std::str::from_utf8(&publication.tail(version)).unwrap(), expected);
    }
}

#[test]
fn a_part_of_a_state_has_what_is_known_of_the_fields_asked_for() {
    let state = |names| View::State(fields(names));
    check(full(), state("ask,price,bid"), r#"{"price":189.84,"bid":189.83,"ask":189.85}"#);
    check(full(), state("symbol"), r#"{"symbol":"A"}"#);
    check(full(), state("bid_size,ask_size,venue"), r#"{"bid_size":300,"venue":"XNAS"}"#);
    check(full(), state("ask_size"), "{}");
    check(State::default(), View::WHOLE, r#"{"symbol":"A","time_us":0}"#);
    check(full(), View::State(Fields::NONE), "{}");
}

#[test]
fn a_delta_has_null_for_what_is_unknown_now() {
    let changes = |names| View::Changes(fields(names));
    check(full(), changes("bid,ask,ask_size"), r#"{"bid":189.83,"ask":189.85,"ask_size":null}"#);
    check(
        State { bid: None, day: None, venue: None, ..full() },
        changes("price,bid,bid_size,open,high,low,volume,trades,venue"),
        r#"{"price":189.84,"bid":null,"bid_size":null,"open":null,"high":null,"low":null,"volume":null,"trades":null,"venue":null}"#,
    );
    check(full(), View::Changes(Fields::NONE), "{}");
}

/// Bodies of 2, 99, 100 and more than 1,000 bytes: the length has its own width each time.
#[test]
fn the_length_in_the_head_is_the_bodys_behind_what_stands_in_the_buffer() {
    let mut out = b"before".to_vec();
    let mut lengths = Vec::new();
    for (symbol, venue) in
        [("A", ""), ("A", &*"v".repeat(74)), ("A", &"v".repeat(75)), ("A:B", &"v".repeat(1000))]
    {
        let content = content(symbol, State { venue: Some(venue.into()), ..State::default() });
        for view in [View::State(Fields::NONE), View::State(fields("symbol,venue")), View::WHOLE] {
            out.truncate("before".len());
            content.write_tail(Version::V1_2, view, &mut out);
            let text = std::str::from_utf8(&out).unwrap();
            let (head, rest) = text.split_once("\n\n").unwrap();
            let written = rest.strip_suffix('\0').unwrap();
            assert_eq!(written, body(&content, view));
            let symbol = symbol.replace(':', r"\c");
            assert_eq!(
                head,
                format!(
                    "beforemessage-id:3-77\ndestination:/topic/price.stock.{symbol}\n\
                     content-type:application/json\ncontent-length:{}\nseq:77\nepoch:1f",
                    written.len()
                )
            );
            lengths.push(written.len());
        }
    }
    assert!([2, 99, 100].iter().all(|length| lengths.contains(length)), "{lengths:?}");
    assert!(lengths.iter().any(|length| *length > 1000), "{lengths:?}");
}

#[test]
fn a_buffer_with_room_is_kept() {
    let content = content("AAPL", full());
    let mut out = Vec::with_capacity(1024);
    let room = out.as_ptr();
    for view in [View::WHOLE, View::State(fields("price,bid,ask")), View::Changes(fields("price"))] {
        out.clear();
        content.write_tail(Version::V1_2, view, &mut out);
        assert_eq!((out.as_ptr(), out.capacity()), (room, 1024));
    }
}

fn prices() -> impl Strategy<Value = Price> {
    // Few, so that two states often agree; and any, so that no text is left out.
    prop_oneof![3 => (0_i64..3).prop_map(Price::from_units), 1 => any::<i64>().prop_map(Price::from_units)]
}

fn sizes() -> impl Strategy<Value = Size> {
    prop_oneof![3 => 0_i64..3, 1 => 0..=i64::MAX].prop_map(|units| Size::from_units(units).unwrap())
}

fn levels() -> impl Strategy<Value = Option<(Price, Option<Size>)>> {
    option::of((prices(), option::of(sizes())))
}

fn days() -> impl Strategy<Value = DayFold> {
    let volumes = prop::collection::vec(sizes(), 0..3);
    let volumes = volumes.prop_map(|sizes| sizes.into_iter().fold(Volume::ZERO, Volume::plus));
    (prices(), prices(), prices(), volumes, 0_u64..3).prop_map(|(open, high, low, volume, trades)| DayFold {
        open,
        high,
        low,
        volume,
        trades,
    })
}

fn states() -> impl Strategy<Value = State> {
    let venues = option::of(prop_oneof![Just("XNAS".to_owned()), any::<String>()]);
    (levels(), levels(), levels(), option::of(days()), 0_i64..3, venues).prop_map(
        |(trade, bid, ask, day, time_us, venue)| {
            let level = |(price, size)| Level { price, size };
            State {
                trade: trade.map(|(price, size)| Trade { price, size }),
                bid: bid.map(level),
                ask: ask.map(level),
                day,
                time_us,
                venue: venue.map(SmolStr::from),
            }
        },
    )
}

/// Two states of a symbol, of which the later one often has parts of the earlier.
fn histories() -> impl Strategy<Value = (Content, Content)> {
    (states(), states(), 0_u8..64).prop_map(|(earlier, mut later, kept)| {
        let keeps = |part: u8| kept & 1 << part != 0;
        if keeps(0) {
            later.trade = earlier.trade;
        }
        if keeps(1) {
            later.bid = earlier.bid;
        }
        if keeps(2) {
            later.ask = earlier.ask;
        }
        if keeps(3) {
            later.day = earlier.day;
        }
        if keeps(4) {
            later.time_us = earlier.time_us;
        }
        if keeps(5) {
            later.venue = earlier.venue.clone();
        }
        (content("A", earlier), content("A", later))
    })
}

fn sets() -> impl Strategy<Value = Fields> {
    prop::collection::vec(prop::sample::select(&Field::ALL), 0..20).prop_map(Fields::from_iter)
}

fn object(content: &Content, view: View) -> Map<String, Value> {
    serde_json::from_str(&body(content, view)).unwrap()
}

/// The fields that an object has. It has nothing else.
fn named(object: &Map<String, Value>) -> Fields {
    let fields: Fields = Field::ALL.into_iter().filter(|field| object.contains_key(field.name())).collect();
    assert_eq!(fields.iter().count(), object.len(), "{object:?}");
    fields
}

/// RFC 7396 for a flat object.
fn merge(mut state: Map<String, Value>, changes: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in changes {
        match value {
            Value::Null => drop(state.remove(&name)),
            value => drop(state.insert(name, value)),
        }
    }
    state
}

proptest! {
    #[test]
    fn changes_merged_into_the_earlier_state_give_the_later((a, b) in histories(), wanted in sets()) {
        let changed = b.changed_since(&a).intersect(wanted);
        let merged = merge(object(&a, View::State(wanted)), object(&b, View::Changes(changed)));
        prop_assert_eq!(merged, object(&b, View::State(wanted)));
    }

    #[test]
    fn nothing_changed_if_and_only_if_the_bodies_are_the_same((a, b) in histories(), wanted in sets()) {
        let is_same = body(&a, View::State(wanted)) == body(&b, View::State(wanted));
        prop_assert_eq!(b.changed_since(&a).intersect(wanted).is_empty(), is_same);
        prop_assert_eq!(a.changed_since(&b), b.changed_since(&a));
        prop_assert!(a.changed_since(&a).is_empty());
    }

    #[test]
    fn a_body_is_json_and_has_only_the_fields_asked_for((a, b) in histories(), wanted in sets()) {
        let known = object(&a, View::State(wanted));
        prop_assert!(named(&known).intersect(wanted) == named(&known) && !known.values().any(Value::is_null));
        let changed = b.changed_since(&a).intersect(wanted);
        prop_assert_eq!(named(&object(&b, View::Changes(changed))), changed);
        let order: Vec<usize> = wanted
            .iter()
            .filter_map(|field| body(&a, View::State(wanted)).find(&format!("\"{}\":", field.name())))
            .collect();
        prop_assert!(order.is_sorted());
    }
}
