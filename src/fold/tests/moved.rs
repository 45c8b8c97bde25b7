//! Symbols that moved to another partition: whatever is read first, the states are the same.

use proptest::prelude::*;

use super::*;
use crate::{
    feed::json::JsonDecoder,
    market::{Instrument, State},
};

const HOUR_US: i64 = 60 * 60 * 1_000_000;
const BEGIN_US: i64 = 20_000 * 24 * HOUR_US;
const PARTITIONS: usize = 3;

/// A record of the one symbol, at its place in its partition.
#[derive(Clone, Debug)]
struct Event {
    partition: usize,
    offset: u64,
    timestamp_us: i64,
    /// `None`: a tombstone.
    json: Option<String>,
}

impl Event {
    fn record(&self) -> Record<'_> {
        Record {
            partition: self.partition as i32,
            offset: self.offset,
            timestamp_us: self.timestamp_us,
            key: Some(b"A"),
            value: self.json.as_deref().map(str::as_bytes),
            content_type: None,
        }
    }
}

/// A history of a symbol in three partitions. Its records are dated anyhow, also back within their partition;
/// `kinds` beyond 10 are tombstones.
fn history(kinds: u8) -> impl Strategy<Value = Vec<Event>> {
    let event = (0..PARTITIONS, 0..kinds, 1..9_u8, 0..40_i64, prop_oneof![3 => Just(0), 1 => 1..30_i64]);
    prop::collection::vec(event, 1..40).prop_map(|events| {
        let mut next_offsets = [5; PARTITIONS];
        let of = |(partition, kind, amount, hour, delay): (usize, u8, u8, i64, i64)| {
            next_offsets[partition] += 1;
            let timestamp_us = BEGIN_US + hour * HOUR_US;
            let fields = match kind {
                0..5 => format!(r#""price":{amount},"size":{amount}"#),
                5 => format!(r#""bid":{amount},"ask":{amount}.5"#),
                6 => r#""bid":null"#.to_owned(),
                _ => format!(r#""ask":{amount},"ask_size":1,"venue":"V{amount}""#),
            };
            let time_us = timestamp_us - delay * HOUR_US;
            let json = format!(r#"{{"symbol":"A",{fields},"time_us":{time_us}}}"#);
            let offset = next_offsets[partition];
            Event { partition, offset, timestamp_us, json: (kind < 10).then_some(json) }
        };
        events.into_iter().map(of).collect()
    })
}

fn boundary() -> DayBoundary {
    DayBoundary::after_midnight_utc(3 * HOUR_US)
}

fn folded<'a>(events: impl IntoIterator<Item = &'a Event>) -> Fold {
    let mut fold = Fold::new("e".into(), boundary(), 8);
    for event in events {
        fold.apply(&event.record()).unwrap();
    }
    fold
}

/// What is said of the symbol, without what this process counts by itself.
fn told(fold: &Fold) -> String {
    let Content { partition, seq, epoch, status, state, .. } = fold.entries[0].content(SymbolId(0), 0);
    format!("{partition}-{seq} {epoch} {status:?} {state:?}")
}

/// The events of each partition in their order, the partitions between each other as the picks say, and some of them
/// again.
fn interleaved<'a>(events: &'a [Event], picks: &[usize]) -> Vec<&'a Event> {
    let of = |partition| events.iter().filter(|event| event.partition == partition).collect::<Vec<_>>();
    let partitions: Vec<Vec<&Event>> = (0..PARTITIONS).map(of).collect();
    let (mut next, mut arrived) = ([0; PARTITIONS], Vec::new());
    for pick in picks.iter().cycle() {
        if arrived.len() >= events.len() && (0..PARTITIONS).all(|it| next[it] == partitions[it].len()) {
            return arrived;
        }
        // Partitions that are at their end are passed over.
        let mut at = pick % PARTITIONS;
        while next[at] == partitions[at].len() {
            at = (at + 1) % PARTITIONS;
        }
        arrived.push(partitions[at][next[at]]);
        next[at] += 1;
        if pick % 7 == 0 {
            arrived.extend(&partitions[at][next[at].saturating_sub(3)..next[at]]);
        }
    }
    unreachable!("there are picks")
}

/// The fold of the records in the order of the log's time, made without any parts.
fn reference(events: &[Event]) -> (Status, State) {
    let mut latest = [0; PARTITIONS];
    let mut ordered: Vec<((i64, usize), &Event)> = Vec::new();
    for event in events {
        latest[event.partition] = latest[event.partition].max(event.timestamp_us);
        ordered.push(((latest[event.partition], event.partition), event));
    }
    ordered.sort_by_key(|(place, _)| *place);
    let (mut instrument, mut status) = (Instrument::default(), Status::Listed);
    for (_, event) in ordered {
        let Some(json) = &event.json else {
            instrument.clear(event.timestamp_us);
            status = Status::Delisted;
            continue;
        };
        JsonDecoder::default()
            .decode(json.as_bytes())
            .map(|tick| instrument.fold(&tick, tick.time_us.unwrap(), boundary()))
            .unwrap();
        status = Status::Listed;
    }
    (status, instrument.state().clone())
}

/// Whether no tombstone comes between two ticks of another partition.
fn is_exact(events: &[Event]) -> bool {
    let mut latest = [0; PARTITIONS];
    let mut places = Vec::new();
    for event in events {
        latest[event.partition] = latest[event.partition].max(event.timestamp_us);
        places.push((latest[event.partition], event.partition, event.json.is_none()));
    }
    let ticks = |partition| places.iter().filter(move |it| it.1 == partition && !it.2);
    places.iter().filter(|it| it.2).all(|tombstone| {
        (0..PARTITIONS).filter(|it| *it != tombstone.1).all(|partition| {
            let before = ticks(partition).filter(|it| (it.0, it.1) < (tombstone.0, tombstone.1)).count();
            before == 0 || before == ticks(partition).count()
        })
    })
}

proptest! {
    #[test]
    fn partitions_in_any_order_are_the_fold_in_the_order_of_time(
        events in history(10),
        picks in prop::collection::vec(0..100_usize, 40),
    ) {
        let fold = folded(interleaved(&events, &picks));
        let (status, state) = reference(&events);
        let parts = &fold.entries[0].kept.parts;
        prop_assert_eq!((parts.status(), parts.state()), (status, &state));
        prop_assert_eq!(told(&fold), told(&folded(&events)));
    }

    #[test]
    fn partitions_with_tombstones_in_any_order_come_to_the_same(
        events in history(13),
        picks in prop::collection::vec(0..100_usize, 40),
    ) {
        let fold = folded(interleaved(&events, &picks));
        prop_assert_eq!(told(&fold), told(&folded(&events)));
        let (status, mut state) = reference(&events);
        let parts = &fold.entries[0].kept.parts;
        if !is_exact(&events) {
            state.day = parts.state().day;
        }
        if status == Status::Delisted {
            // A second tombstone changes nothing.
            state.time_us = parts.state().time_us;
        }
        prop_assert_eq!((parts.status(), parts.state()), (status, &state));
    }
}

const TRADE: &str = r#"{"symbol":"A","price":1,"size":2}"#;

fn at(partition: i32, offset: u64, timestamp_us: i64, json: &str) -> Record<'_> {
    Record { timestamp_us, ..record(partition, offset, json) }
}

#[test]
fn the_former_partitions_trades_count_although_they_are_read_later() {
    let mut fold = fold();
    fold.apply(&at(1, 0, 2000, r#"{"symbol":"A","price":5,"size":1}"#)).unwrap();
    fold.apply(&at(0, 7, 1000, r#"{"symbol":"A","price":9,"size":4}"#)).unwrap();
    fold.apply(&at(0, 8, 1001, r#"{"symbol":"A","bid":3}"#)).unwrap();
    let state = fold.entries[0].kept.parts.state();
    let day = state.day.unwrap();
    let price = |price: &str| crate::market::Price::parse(price).unwrap();
    assert_eq!((day.open, day.high, day.low), (price("9"), price("9"), price("5")));
    assert_eq!((day.volume.to_string(), day.trades), ("5".to_owned(), 2));
    assert_eq!(state.trade.unwrap().price, price("5"));
    assert_eq!(state.bid.unwrap().price, price("3"), "the new partition has told none");
    assert_eq!(published(&mut fold), ["A 5 0 e.1 3 Listed"]);
}

#[test]
fn a_tombstone_that_is_read_before_the_former_partitions_ticks_delists_all_the_same() {
    let mut fold = fold();
    let tombstone = Record { key: Some(b"A"), value: None, ..at(1, 0, 3000, "") };
    assert_eq!(fold.apply(&tombstone), Ok(Folded::Ignored));
    assert!(published(&mut fold).is_empty(), "nobody has heard of it");
    fold.apply(&at(0, 7, 1000, TRADE)).unwrap();
    assert_eq!(published(&mut fold), ["A - 0 e.1 1 Delisted"]);
    assert_eq!(fold.apply(&at(0, 8, 1001, TRADE)), Ok(Folded::Stale));
    assert!(published(&mut fold).is_empty());
    fold.apply(&at(1, 1, 3001, TRADE)).unwrap();
    assert_eq!(published(&mut fold), ["A 1 1 e.1 2 Listed"]);
}

#[test]
fn symbols_of_which_only_a_tombstone_is_known_give_way() {
    let mut fold = fold();
    let tombstone = |key: &'static str, offset| Record {
        key: Some(key.as_bytes()),
        value: None,
        ..at(0, offset, 1000, "")
    };
    for (offset, key) in (0..).zip(["X", "Y", "Z"]) {
        assert_eq!(fold.apply(&tombstone(key, offset)), Ok(Folded::Ignored));
    }
    assert_eq!(fold.symbols(), 2, "no more than there may be");
    fold.apply(&record(0, 10, A1)).unwrap();
    fold.apply(&record(0, 11, B1)).unwrap();
    assert_eq!(fold.apply(&record(0, 12, C1)), Err(Rejection::TooManySymbols(2)));
    assert_eq!(published(&mut fold), ["A 1 10 e 1 Listed", "B 1 11 e 1 Listed"]);
}

#[test]
fn a_symbol_that_is_in_every_partition_is_refused_where_it_can_not_have_moved_to() {
    let mut fold = fold();
    for partition in 0..16 {
        fold.apply(&at(partition, 0, 1000, TRADE)).unwrap();
    }
    assert_eq!(fold.apply(&at(16, 0, 1000, TRADE)), Err(Rejection::TooManyPartitions(16)));
    assert!(fold.apply(&at(3, 1, 1000, TRADE)).is_ok());
}

#[test]
fn the_days_of_a_symbol_that_moved_begin_by_the_clock() {
    let midnight = 20_000 * 24 * HOUR_US;
    let mut fold = fold();
    fold.apply(&at(0, 0, midnight - 3, TRADE)).unwrap();
    fold.apply(&at(1, 0, midnight - 2, TRADE)).unwrap();
    assert!(!fold.roll_over(midnight));
    assert_eq!(fold.entries[0].kept.parts.state().day, None);
    // Late in both respects.
    fold.apply(&at(0, 1, midnight - 1, TRADE)).unwrap();
    assert_eq!(fold.entries[0].kept.parts.state().day, None);
    fold.apply(&at(1, 1, midnight + 1, TRADE)).unwrap();
    assert_eq!(fold.entries[0].kept.parts.state().day.unwrap().trades, 1);
}

#[test]
fn a_partition_whose_log_is_replaced_takes_its_part_with_it() {
    let mut fold = fold();
    fold.apply(&at(0, 7, 1000, r#"{"symbol":"A","price":9,"size":4}"#)).unwrap();
    fold.apply(&at(1, 0, 2000, TRADE)).unwrap();
    published(&mut fold);
    fold.begin_epoch("f".into(), Some(&[1]));
    assert_eq!(published(&mut fold), ["A 9 7 f 2 Listed"]);
    fold.apply(&at(1, 0, 3000, TRADE)).unwrap();
    assert_eq!(published(&mut fold), ["A 1 0 f.1 3 Listed"]);
    assert_eq!(fold.entries[0].kept.parts.state().day.unwrap().trades, 2);
    fold.begin_epoch("g".into(), None);
    assert!(published(&mut fold).is_empty(), "until its next record it stays as it is");
    fold.apply(&at(0, 3, 500, TRADE)).unwrap();
    assert_eq!(published(&mut fold), ["A 1 3 g 4 Listed"]);
    fold.begin_epoch("h".into(), None);
    fold.delist_gone();
    assert_eq!(published(&mut fold), ["A - 3 g 5 Delisted"]);
}
