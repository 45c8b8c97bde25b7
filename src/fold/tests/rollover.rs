//! The trading day that begins without a tick, on invented time.

use super::*;

const HOUR_US: i64 = 60 * 60 * 1_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// Midnight of a Wednesday.
const MIDNIGHT: i64 = 20_000 * DAY_US;

const YEAR_US: i64 = 365 * DAY_US;

/// A fold on a day whose records count their offsets themselves.
struct World {
    fold: Fold,
    offset: u64,
}

impl World {
    /// Caught up before midnight; days begin so long after it.
    fn new(boundary_us: i64) -> Self {
        let fold = Fold::new("e".into(), DayBoundary::after_midnight_utc(boundary_us), 10_000);
        let mut world = Self { fold, offset: 0 };
        assert!(!world.fold.roll_over(MIDNIGHT - HOUR_US));
        world
    }

    /// A record at `timestamp_us` of a tick that happened then.
    fn tick(&mut self, symbol: &str, fields: &str, timestamp_us: i64) {
        self.told(symbol, fields, timestamp_us, timestamp_us);
    }

    /// A record of a tick that happened at `time_us`.
    fn told(&mut self, symbol: &str, fields: &str, time_us: i64, timestamp_us: i64) {
        let json = format!(r#"{{"symbol":"{symbol}",{fields},"time_us":{time_us}}}"#);
        let record = Record { timestamp_us, ..record(0, self.offset, &json) };
        self.offset += 1;
        self.fold.apply(&record).unwrap();
    }

    fn delist(&mut self, symbol: &str, timestamp_us: i64) {
        let key = Some(symbol.as_bytes());
        let tombstone = Record { timestamp_us, key, value: None, ..record(0, self.offset, "") };
        self.offset += 1;
        self.fold.apply(&tombstone).unwrap();
    }

    /// `symbol price open volume ordinal+rollovers` of each newest publication.
    fn published(&mut self) -> Vec<String> {
        let mut batch = Batch::default();
        self.fold.publish(0, &mut batch);
        batch.newest.iter().map(|publication| day(publication)).collect()
    }

    /// What the clock makes of the symbols when it has come to `now_us`.
    fn at(&mut self, now_us: i64) -> Vec<String> {
        self.published();
        assert!(!self.fold.roll_over(now_us), "few symbols are done in one go");
        self.published()
    }
}

fn day(publication: &Publication) -> String {
    let Content { symbol, ordinal, rollovers, state, .. } = &**publication;
    let price = state.trade.map_or_else(|| "-".to_owned(), |trade| trade.price.to_string());
    let day = state.day.map_or_else(|| "-".to_owned(), |day| format!("{} {}", day.open, day.volume));
    format!("{symbol} {price} {day} {ordinal}+{rollovers}")
}

const TRADE: &str = r#""price":5,"size":2"#;
const QUOTE: &str = r#""bid":4"#;

#[test]
fn at_the_boundary_a_day_with_trades_is_forgotten_and_the_rest_stays() {
    let mut world = World::new(0);
    world.tick("A", TRADE, MIDNIGHT - 2);
    world.tick("B", QUOTE, MIDNIGHT - 2);
    assert_eq!(world.published(), ["A 5 5 2 1+0", "B - - 1+0"]);
    assert!(world.at(MIDNIGHT - 1).is_empty());
    // Where nothing was traded nothing can be seen.
    assert_eq!(world.at(MIDNIGHT), ["A 5 - 1+1"]);
    assert!(world.at(MIDNIGHT + 1).is_empty(), "once");
    world.tick("A", r#""price":6,"size":1"#, MIDNIGHT + 2);
    assert_eq!(world.published(), ["A 6 6 1 2+0"]);
}

#[test]
fn a_day_begins_where_it_is_told_to() {
    let mut world = World::new(22 * HOUR_US);
    let boundary = MIDNIGHT + 22 * HOUR_US;
    world.tick("A", TRADE, MIDNIGHT + HOUR_US);
    assert!(world.at(boundary - 1).is_empty());
    assert_eq!(world.at(boundary), ["A 5 - 1+1"]);
}

#[test]
fn a_late_trade_leaves_the_new_day_alone() {
    let mut world = World::new(0);
    world.tick("A", TRADE, MIDNIGHT - 2);
    world.at(MIDNIGHT);
    world.told("A", r#""price":7,"size":1"#, MIDNIGHT - 1, MIDNIGHT + 1);
    // Of this one nothing was known before.
    world.told("B", TRADE, MIDNIGHT - 1, MIDNIGHT + 1);
    assert_eq!(world.published(), ["A 7 - 2+0", "B 5 - 1+0"]);
    assert!(world.at(MIDNIGHT + HOUR_US).is_empty());
}

#[test]
fn a_tick_of_the_new_day_begins_it_before_the_clock_does() {
    let mut world = World::new(0);
    world.tick("A", TRADE, MIDNIGHT - 2);
    world.told("A", r#""price":6,"size":1"#, MIDNIGHT, MIDNIGHT - 1);
    assert_eq!(world.published(), ["A 6 6 1 2+0"]);
    assert!(world.at(MIDNIGHT).is_empty());
}

#[test]
fn what_is_replayed_or_delisted_is_not_touched() {
    let mut world = World::new(0);
    world.told("REPLAYED", TRADE, MIDNIGHT - YEAR_US, MIDNIGHT - 2);
    world.told("OF_TODAY", TRADE, MIDNIGHT - 3 * HOUR_US, MIDNIGHT - 2);
    world.tick("GONE", TRADE, MIDNIGHT - 2);
    world.delist("GONE", MIDNIGHT - 1);
    // A log without times.
    world.told("TIMELESS", TRADE, HOUR_US / 2, 0);
    assert!(world.at(MIDNIGHT).is_empty());
    world.told("REPLAYED", TRADE, MIDNIGHT - YEAR_US + 1, MIDNIGHT + 1);
    assert_eq!(world.published(), ["REPLAYED 5 5 4 2+0"]);
    // Listed again, and late.
    world.told("GONE", TRADE, MIDNIGHT - 1, MIDNIGHT + 1);
    assert_eq!(world.published(), ["GONE 5 - 3+0"]);
}

#[test]
fn two_boundaries_that_were_missed_are_one() {
    let mut world = World::new(0);
    world.tick("A", TRADE, MIDNIGHT - 2);
    assert_eq!(world.at(MIDNIGHT + DAY_US + HOUR_US), ["A 5 - 1+1"]);
    assert!(world.at(MIDNIGHT + DAY_US + HOUR_US).is_empty());
    assert!(world.at(MIDNIGHT).is_empty(), "a clock that was put back changes nothing");
}

#[test]
fn a_recorded_symbols_new_day_is_one_of_its_ticks() {
    let mut world = World::new(0);
    world.fold.record_all(true);
    world.tick("A", TRADE, MIDNIGHT - 2);
    world.fold.roll_over(MIDNIGHT);
    world.tick("A", TRADE, MIDNIGHT + 1);
    let mut batch = Batch::default();
    world.fold.publish(0, &mut batch);
    let ticks: Vec<String> = batch.ticks.iter().map(|publication| day(publication)).collect();
    assert_eq!(ticks, ["A 5 5 2 1+0", "A 5 - 1+1", "A 5 5 2 2+0"]);
    assert!(Arc::ptr_eq(&batch.newest[0], &batch.ticks[2]));
}

#[test]
fn many_symbols_are_walked_over_in_several_goes() {
    let mut world = World::new(0);
    for number in 0..2500 {
        world.tick(&format!("S{number}"), TRADE, MIDNIGHT - 2);
    }
    world.published();
    let mut seen = Vec::new();
    for is_left in [true, true, false, false] {
        assert_eq!(world.fold.roll_over(MIDNIGHT), is_left);
        // Ticks go on meanwhile, and so do symbols that are new.
        world.tick("S2499", QUOTE, MIDNIGHT + 1);
        world.tick(&format!("NEW{}", seen.len()), TRADE, MIDNIGHT + 1);
        seen.push(world.published().len());
    }
    // 1,024 at a time, and the two ticks.
    assert_eq!(seen, [1026, 1026, 453, 2]);
}
