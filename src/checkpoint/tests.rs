//! What is written is read, and whatever else there is is refused.

use proptest::prelude::*;

use super::*;
use crate::{
    fold::{Batch, Fold, Record},
    publication::{Content, Publication, Status},
    quarantine::{OFFSETS_MAX, Open},
    reading::LastRecord,
};

const HOUR_US: i64 = 60 * 60 * 1_000_000;
const BEGIN_US: i64 = 20_000 * 24 * HOUR_US;

fn boundary() -> DayBoundary {
    DayBoundary::after_midnight_utc(3 * HOUR_US)
}

fn log() -> LogId {
    LogId { cluster: "c".into(), topic: "ticks".into(), topic_id: "id".into() }
}

fn head() -> Head {
    let mark = |partition, next_offset, last: Option<(u64, i32)>| Mark {
        partition,
        next_offset,
        last: last.map(|(offset, leader_epoch)| LastRecord { offset, leader_epoch }),
    };
    Head {
        made_us: BEGIN_US,
        log: log(),
        epoch: "0123456789abcdef".into(),
        boundary: boundary(),
        partitions: vec![mark(0, 17, Some((16, 0))), mark(1, 0, None), mark(7, 1 << 40, Some((3, i32::MAX)))],
        open: Vec::new(),
    }
}

fn file_of(head: &Head, fold: &Fold) -> Vec<u8> {
    let mut symbols = Symbols::default();
    fold.kept_from(0).for_each(|kept| symbols.push(kept));
    [&head.begin_file(&symbols), symbols.bytes()].concat()
}

fn read(file: &[u8]) -> Result<Checkpoint, Refused> {
    Checkpoint::read(file, Expected { log: &log(), boundary: boundary(), symbols_max: 8 })
}

fn new_fold() -> Fold {
    Fold::new("e".into(), boundary(), 8)
}

/// One record of a history; records of one partition come in its order.
#[derive(Clone, Debug)]
struct Event {
    symbol: &'static str,
    partition: i32,
    offset: u64,
    timestamp_us: i64,
    json: Option<String>,
}

impl Event {
    fn apply(&self, fold: &mut Fold) {
        let record = Record {
            partition: self.partition,
            offset: self.offset,
            timestamp_us: self.timestamp_us,
            key: Some(self.symbol.as_bytes()),
            value: self.json.as_deref().map(str::as_bytes),
            content_type: None,
        };
        fold.apply(&record).unwrap();
    }
}

/// Some days of six symbols in three partitions, some of which move between them.
fn history() -> impl Strategy<Value = Vec<Event>> {
    let size = prop_oneof![Just(String::new()), any::<u32>().prop_map(|size| format!(r#","size":{size}"#))];
    let price = any::<i32>().prop_map(|price| format!("{price}.5"));
    let fields = prop_oneof![
        4 => (price.clone(), size).prop_map(|(price, size)| Some(format!(r#""price":{price}{size}"#))),
        1 => (price.clone(), price.clone()).prop_map(|(bid, ask)| Some(format!(r#""bid":{bid},"ask":{ask}"#))),
        1 => price.prop_map(|ask| Some(format!(r#""ask":{ask},"ask_size":7,"venue":"XN{}""#, ask.len()))),
        1 => Just(Some(r#""bid":null"#.to_owned())),
        1 => Just(None),
    ];
    let moves = prop_oneof![5 => Just(0), 1 => 0..3];
    let event = (0..6_usize, moves, fields, prop_oneof![3 => Just(0), 1 => 1..40_i64], -2..5_i64);
    prop::collection::vec(event, 1..80).prop_map(|events| {
        let (mut next_offsets, mut now_us) = ([0, 40, 1 << 33], BEGIN_US);
        let of = |(symbol, moved, fields, delay, passed): (usize, i32, Option<String>, i64, i64)| {
            now_us += passed * HOUR_US;
            let partition = (symbol as i32 + moved) % 3;
            let next = &mut next_offsets[partition as usize];
            *next += 1;
            let symbol = ["A", "BRK.B", "EUR/USD", "D", "^GSPC", "F"][symbol];
            let time_us = now_us - delay * HOUR_US;
            let json = fields.map(|it| format!(r#"{{"symbol":"{symbol}",{it},"time_us":{time_us}}}"#));
            Event { symbol, partition, offset: *next, timestamp_us: now_us, json }
        };
        events.into_iter().map(of).collect()
    })
}

/// All that is told of each listed symbol, and all that is remembered. The symbols' numbers are each process's own, and
/// who begins anew has nobody to tell of those that were delisted before.
fn told(fold: &mut Fold) -> Vec<String> {
    let mut batch = Batch::default();
    fold.publish(7, &mut batch);
    let content = |it: &Publication| {
        let Content { symbol, partition, seq, epoch, ordinal, rollovers, status, state, .. } = &**it;
        format!("{symbol} {partition}-{seq} {epoch} {ordinal}+{rollovers} {status:?} {state:?}")
    };
    let listed = batch.newest.iter().filter(|it| it.status == Status::Listed);
    let mut told: Vec<_> = listed.map(|it| content(it)).collect();
    told.extend(fold.kept_from(0).map(|kept| {
        let mut symbols = Symbols::default();
        symbols.push(kept);
        format!("{} {:?}", kept.symbol, symbols.bytes())
    }));
    told.sort();
    told
}

fn restored(file: &[u8]) -> Fold {
    let mut fold = new_fold();
    fold.restore(read(file).unwrap().symbols);
    fold
}

proptest! {
    #[test]
    fn what_is_written_is_read(events in history()) {
        let mut fold = new_fold();
        fold.roll_over(BEGIN_US);
        events.iter().for_each(|event| event.apply(&mut fold));
        let file = file_of(&head(), &fold);
        prop_assert_eq!(read(&file).unwrap().head, head());
        let mut again = restored(&file);
        prop_assert_eq!(file_of(&head(), &again), file);
        // Nothing was published before, so that both hand out every symbol.
        prop_assert_eq!(told(&mut fold), told(&mut again));
    }

    /// Symbols are captured one by one while ticks are folded; the log is read again from before the first of them.
    #[test]
    fn a_checkpoint_of_any_moments_and_the_log_after_it_are_the_states_of_whoever_ran(
        events in history(),
        begin in any::<prop::sample::Index>(),
        captures in prop::collection::vec(0..3_usize, 80),
    ) {
        let (mut ran, mut symbols) = (new_fold(), Symbols::default());
        let begin = begin.index(events.len());
        for (at, event) in events.iter().enumerate() {
            if at >= begin {
                let first = symbols.count() as usize;
                ran.kept_from(first).take(captures[at]).for_each(|kept| symbols.push(kept));
            }
            event.apply(&mut ran);
        }
        let first = symbols.count() as usize;
        ran.kept_from(first).for_each(|kept| symbols.push(kept));
        let file = [&head().begin_file(&symbols), symbols.bytes()].concat();
        let mut again = restored(&file);
        events[begin..].iter().for_each(|event| event.apply(&mut again));
        prop_assert_eq!(told(&mut again), told(&mut ran));
    }

    #[test]
    fn no_bytes_are_believed_by_chance(file in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&file).is_err());
    }

    #[test]
    fn what_is_sealed_is_read_or_refused(
        events in history(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut fold = new_fold();
        events.iter().for_each(|event| event.apply(&mut fold));
        let file = file_of(&head(), &fold);
        let mut body = file[FRAME_BYTES..].to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        for body in [&body[..], &body[..cut.index(body.len())]] {
            if let Ok(checkpoint) = read(&seal(body)) {
                let mut fold = new_fold();
                fold.restore(checkpoint.symbols);
                fold.publish(0, &mut Batch::default());
                // Whatever was taken can be gone on with.
                for event in &events {
                    let mut event = event.clone();
                    event.offset += 1 << 34;
                    event.apply(&mut fold);
                }
            }
        }
    }
}

#[track_caller]
fn check(head: &Head, expected: &str) {
    let file = file_of(head, &new_fold());
    assert_eq!(read(&file).unwrap_err().to_string(), expected);
}

#[test]
fn a_checkpoint_of_another_log_or_another_day_is_refused_by_name() {
    let other = |change: fn(&mut LogId)| {
        let mut head = head();
        change(&mut head.log);
        head
    };
    check(&other(|log| log.cluster = "x".into()), "it's of another cluster: \"x\", and this one is \"c\"");
    check(&other(|log| log.topic = "x".into()), "it's of another topic: \"x\", and this one is \"ticks\"");
    check(
        &other(|log| log.topic_id = "x".into()),
        "its topic was deleted and made anew: its id was \"x\", and now it's \"id\"",
    );
    check(
        &Head { boundary: DayBoundary::default(), ..head() },
        "its trading days begin 0 s after midnight UTC, and day-boundary says 10800 s",
    );
}

#[test]
fn more_symbols_than_are_taken_are_refused_before_they_are_read() {
    let mut fold = Fold::new("e".into(), boundary(), 9);
    for at in 0..9 {
        let json = format!(r#"{{"symbol":"S{at}","price":1}}"#);
        let value = Some(json.as_bytes());
        let record =
            Record { partition: 0, offset: at, timestamp_us: 1, key: None, value, content_type: None };
        fold.apply(&record).unwrap();
    }
    let refused = read(&file_of(&head(), &fold)).unwrap_err();
    assert_eq!(refused, Refused::TooManySymbols { found: 9, expected: 8 });
}

#[test]
fn offsets_outside_of_the_log_are_refused() {
    let reach = |partition, low, high| Reach { partition, low, high };
    let check = |log: &[Reach], expected| assert_eq!(head().check_reach(log), expected);
    let rest = [reach(1, 0, 0), reach(7, 0, 1 << 41), reach(8, 5, 6)];
    let with = |first: Reach| [&[first], &rest[..]].concat();
    check(&with(reach(0, 17, 17)), Ok(()));
    check(&with(reach(0, 18, 20)), Err(Refused::BelowLog { partition: 0, next: 17, low: 18 }));
    check(&with(reach(0, 0, 16)), Err(Refused::AboveLog { partition: 0, next: 17, high: 16 }));
    check(&rest, Err(Refused::NoPartition(0)));
}

#[test]
fn counts_that_say_more_than_there_is_cost_nothing() {
    let mut body = Vec::new();
    head().write(&mut body);
    let symbols_at = body.len();
    Writer(&mut body).unsigned(u64::MAX >> 1);
    assert_eq!(read(&seal(&body)).unwrap_err(), Refused::Malformed("number of symbols"));
    body.truncate(symbols_at);
    assert_eq!(read(&seal(&body)).unwrap_err(), Refused::Malformed("number of symbols"));
    assert_eq!(read(&seal(&[])).unwrap_err(), Refused::Malformed("time"));
}

/// `cargo test --release --lib checkpoint_cost -- --ignored --nocapture`
#[test]
#[ignore = "figures of size and cost"]
fn checkpoint_cost() {
    use std::time::Instant;
    for count in [10_000_usize, 100_000] {
        let mut fold = Fold::new("e".into(), boundary(), count);
        for round in 0..3_u64 {
            for at in 0..count {
                let json = format!(
                    r#"{{"symbol":"S{at:05}","time_us":{},"price":{}.25,"size":100,"bid":189.83,"bid_size":300,"ask":189.85,"ask_size":200,"venue":"XNAS"}}"#,
                    BEGIN_US + 17 * at as i64,
                    100 + round
                );
                let record = Record {
                    partition: (at % 6) as i32,
                    offset: round * count as u64 + at as u64,
                    timestamp_us: BEGIN_US + 19 * at as i64,
                    key: None,
                    value: Some(json.as_bytes()),
                    content_type: None,
                };
                fold.apply(&record).unwrap();
            }
        }
        let mut symbols = Symbols::default();
        // The first one lets the buffer grow; what counts are those that follow.
        let mut turns: Vec<_> = Vec::new();
        for _ in 0..6 {
            symbols.clear();
            turns.clear();
            while (symbols.count() as usize) < count {
                let begun = Instant::now();
                fold.kept_from(symbols.count() as usize).take(256).for_each(|kept| symbols.push(kept));
                turns.push(begun.elapsed());
            }
        }
        turns.sort();
        let begun = Instant::now();
        let begin = head().begin_file(&symbols);
        let framed = begun.elapsed();
        let file = [&begin, symbols.bytes()].concat();
        let expected = Expected { log: &log(), boundary: boundary(), symbols_max: count };
        let begun = Instant::now();
        let checkpoint = Checkpoint::read(&file, expected).unwrap();
        let mut again = Fold::new("e".into(), boundary(), count);
        again.restore(checkpoint.symbols);
        println!(
            "{count} symbols: {} bytes, captured in {:?} ({:?} a turn of 256, at most {:?}), framed in {framed:?}, restored in {:?}",
            file.len(),
            turns.iter().sum::<std::time::Duration>(),
            turns[turns.len() / 2],
            turns[turns.len() - 1],
            begun.elapsed(),
        );
    }
}

#[test]
fn the_seeds_of_the_fuzz_target_are_what_their_names_say() {
    let log = LogId { cluster: "c".into(), topic: "t".into(), topic_id: String::new() };
    let parts_of = |seed: &str| {
        let path = format!("{}/tests/fuzz/seeds/checkpoint/{seed}", env!("CARGO_MANIFEST_DIR"));
        let file = seal(&std::fs::read(path).unwrap());
        let expected = Expected { log: &log, boundary: DayBoundary::default(), symbols_max: 8 };
        let checkpoint = Checkpoint::read(&file, expected)?;
        Ok(checkpoint.symbols.iter().map(|kept| kept.parts.all().len()).collect::<Vec<_>>())
    };
    assert_eq!(parts_of("none"), Ok(vec![]));
    assert_eq!(parts_of("one"), Ok(vec![1]));
    assert_eq!(parts_of("moved"), Ok(vec![2]));
    assert_eq!(parts_of("cut"), Err(Refused::Malformed("number of symbols")));
}

#[test]
fn symbols_that_were_delisted_before_give_way_where_there_are_too_many() {
    let mut fold = Fold::new("e".into(), boundary(), 2);
    let record = |offset, key: &'static str, json: Option<&'static str>| Record {
        partition: 0,
        offset,
        timestamp_us: BEGIN_US,
        key: Some(key.as_bytes()),
        value: json.map(str::as_bytes),
        content_type: None,
    };
    fold.apply(&record(0, "A", Some(r#"{"symbol":"A","price":1}"#))).unwrap();
    fold.apply(&record(1, "B", Some(r#"{"symbol":"B","price":1}"#))).unwrap();
    fold.apply(&record(2, "A", None)).unwrap();
    let c = record(3, "C", Some(r#"{"symbol":"C","price":1}"#));
    assert!(fold.apply(&c).is_err(), "sessions know it by its number");

    let mut again = Fold::new("e".into(), boundary(), 2);
    again.restore(read(&file_of(&head(), &fold)).unwrap().symbols);
    assert!(again.apply(&c).is_ok());
    assert_eq!((again.symbols(), again.replaced()), (2, 1));
    assert!(again.apply(&record(4, "D", Some(r#"{"symbol":"D","price":1}"#))).is_err(), "B is listed");
}

#[test]
fn bad_records_that_wait_are_kept_at_the_end() {
    let open = |partition, reason, runs: &[(u64, u64)]| Open {
        partition,
        reason,
        runs: runs.iter().map(|(first, last)| *first..=*last).collect(),
    };
    let all =
        vec![open(0, "time", &[(0, 0), (5, 9), (1 << 40, 1 << 40)]), open(7, "wrong_partition", &[(3, 4)])];
    let head = Head { open: all, ..head() };
    let body = |head: &Head| {
        let mut symbols = Symbols::default();
        symbols.end(head);
        [&head.begin_file(&symbols), symbols.bytes()].concat()
    };
    let file = body(&head);
    assert_eq!(read(&file).unwrap().head, head);
    for short in file.len() - 30..file.len() {
        let end = body(&Head { open: Vec::new(), ..head.clone() }).len();
        let torn = read(&seal(&file[FRAME_BYTES..short]));
        assert!(short == end || torn.is_err(), "{short}");
    }
    let many = body(&Head { open: vec![open(0, "time", &[(0, OFFSETS_MAX)])], ..head });
    assert_eq!(read(&many).unwrap_err(), Refused::Malformed("number of bad records"));
}
