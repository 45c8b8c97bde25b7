//! What holds for every history.

use proptest::prelude::*;

use super::*;

const HOUR_US: i64 = 60 * 60 * 1_000_000;
const BEGIN_US: i64 = 20_000 * 24 * HOUR_US;

/// One record, as a history makes it.
#[derive(Clone, Copy, Debug)]
struct Event {
    symbol: u8,
    kind: u8,
    amount: u8,
    /// How long before its record it happened.
    delay_us: i64,
}

fn event() -> impl Strategy<Value = Event> {
    let delay_us = prop_oneof![
        4 => Just(0),
        2 => Just(HOUR_US / 2),
        1 => Just(5 * HOUR_US),
        1 => Just(365 * 24 * HOUR_US),
        1 => Just(-HOUR_US / 4),
    ];
    (0..4u8, 0..8u8, 1..9u8, delay_us).prop_map(|(symbol, kind, amount, delay_us)| Event {
        symbol,
        kind,
        amount,
        delay_us,
    })
}

/// A history, one record in five hours: some days of four symbols in two partitions.
fn history() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..60)
}

/// When a history's event is recorded.
fn timestamp_us(at: usize) -> i64 {
    BEGIN_US + at as i64 * 5 * HOUR_US
}

fn symbol(event: Event) -> &'static str {
    ["A", "B", "C", "D"][usize::from(event.symbol)]
}

/// Folds in the event at this place of its history.
fn apply(fold: &mut Fold, at: usize, event: Event) {
    let (symbol, amount) = (symbol(event), event.amount);
    let timestamp_us = timestamp_us(at);
    let fields = match event.kind {
        0..4 => format!(r#""price":{amount},"size":{amount}"#),
        4 => format!(r#""bid":{amount},"ask":{amount}.5"#),
        5 => r#""bid":null"#.to_owned(),
        6 => format!(r#""ask":{amount},"ask_size":1,"venue":"V{amount}""#),
        _ => String::new(),
    };
    let json = format!(r#"{{"symbol":"{symbol}",{fields},"time_us":{}}}"#, timestamp_us - event.delay_us);
    let partition = i32::from(event.symbol % 2);
    let mut record = Record { timestamp_us, ..record(partition, at as u64, &json) };
    if fields.is_empty() {
        (record.key, record.value) = (Some(symbol.as_bytes()), None);
    }
    fold.apply(&record).unwrap();
}

fn new_fold() -> Fold {
    Fold::new("e".into(), DayBoundary::after_midnight_utc(3 * HOUR_US), 8)
}

/// All that two publications of one state have in common.
fn told(publication: &Publication) -> String {
    let Content { symbol, partition, seq, epoch, ordinal, rollovers, status, state, .. } = &**publication;
    format!("{symbol} {partition}-{seq} {epoch} {ordinal}+{rollovers} {status:?} {state:?}")
}

/// What is published after each event: the newest of each symbol, and the recorded ticks.
fn published(fold: &mut Fold) -> (Vec<String>, Vec<String>) {
    let mut batch = Batch::default();
    fold.publish(0, &mut batch);
    for newest in &batch.newest {
        let last = batch.ticks.iter().rfind(|tick| tick.id == newest.id);
        assert!(last.is_none_or(|tick| Arc::ptr_eq(tick, newest)), "one state is one publication");
    }
    let texts = |publications: &[Arc<Publication>]| publications.iter().map(|it| told(it)).collect();
    (texts(&batch.newest), texts(&batch.ticks))
}

/// The symbols that anybody was ever told of.
fn told_of(fold: &Fold) -> impl Iterator<Item = &Entry> {
    fold.entries.iter().filter(|entry| entry.kept.is_told())
}

/// The last state of each symbol, whatever was published before.
fn last_states(fold: &Fold) -> Vec<String> {
    let contents = told_of(fold).map(|entry| entry.content(SymbolId(0), 0));
    contents.map(|content| told(&Publication::from(content))).collect()
}

/// The last state of each symbol without what this process counts by itself.
fn last_prices(fold: &Fold) -> Vec<String> {
    let state =
        |entry: &Entry| format!("{} {:?} {:?}", entry.kept.symbol, entry.status(), entry.kept.parts.state());
    told_of(fold).map(state).collect()
}

proptest! {
    #[test]
    fn redelivery_changes_nothing_wherever_the_day_begins(
        history in history(),
        again in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 60),
    ) {
        let (mut once, mut often) = (new_fold(), new_fold());
        once.roll_over(BEGIN_US);
        often.roll_over(BEGIN_US);
        for (at, event) in history.iter().enumerate() {
            for fold in [&mut once, &mut often] {
                fold.roll_over(timestamp_us(at));
                apply(fold, at, *event);
            }
            let (from, is_redelivered) = again[at];
            if is_redelivered {
                for (old, event) in history.iter().enumerate().take(at + 1).skip(from.index(at + 1)) {
                    apply(&mut often, old, *event);
                }
            }
            prop_assert_eq!(published(&mut once), published(&mut often));
        }
        prop_assert_eq!(last_states(&once), last_states(&often));
    }

    #[test]
    fn seq_only_rises_and_stands_still_for_a_new_day_alone(history in history()) {
        let mut fold = new_fold();
        let mut last: HashMap<SymbolId, (u64, u64, u32)> = HashMap::new();
        for (at, event) in history.iter().enumerate() {
            fold.roll_over(timestamp_us(at));
            let mut batch = Batch::default();
            fold.publish(0, &mut batch);
            apply(&mut fold, at, *event);
            fold.publish(0, &mut batch);
            for publication in batch.newest {
                let (seq, ordinal, rollovers) = (publication.seq, publication.ordinal, publication.rollovers);
                if let Some(before) = last.insert(publication.id, (seq, ordinal, rollovers)) {
                    let is_tick = before.0 < seq && before.1 < ordinal;
                    let is_rollover = (before.0, before.1, before.2 + 1) == (seq, ordinal, rollovers);
                    prop_assert!(is_tick && rollovers == 0 || is_rollover, "{publication:?}");
                }
            }
        }
    }

    #[test]
    fn batches_of_any_split_end_in_the_same_states_and_ticks(
        history in history(),
        ends in prop::collection::vec(any::<bool>(), 60),
        recorded in prop::collection::vec(any::<bool>(), 4),
    ) {
        let (mut one_by_one, mut batched) = (new_fold(), new_fold());
        one_by_one.record_all(true);
        for symbol in 0..4 {
            let name = Symbol::parse(self::symbol(Event { symbol, kind: 0, amount: 0, delay_us: 0 })).unwrap();
            batched.record(&name, recorded[usize::from(symbol)]);
        }
        let (mut newest, mut ticks, mut states) = (HashMap::new(), Vec::new(), Vec::new());
        for (at, event) in history.iter().enumerate() {
            for fold in [&mut one_by_one, &mut batched] {
                fold.roll_over(timestamp_us(at));
                apply(fold, at, *event);
            }
            let (one, one_tick) = published(&mut one_by_one);
            states.extend(one_tick);
            prop_assert!(one.iter().all(|newest| states.contains(newest)));
            if ends[at] || at + 1 == history.len() {
                let (now, in_between) = published(&mut batched);
                ticks.extend(in_between);
                newest.extend(now.into_iter().map(|state| (state[..1].to_owned(), state)));
            }
        }
        // Replacing is associative: what the last batches leave is what the last ticks do.
        let mut newest: Vec<String> = newest.into_values().collect();
        let (mut last, mut last_batched) = (last_states(&one_by_one), last_states(&batched));
        for states in [&mut newest, &mut last, &mut last_batched] {
            states.sort();
        }
        prop_assert_eq!(&newest, &last);
        prop_assert_eq!(&newest, &last_batched);
        let is_recorded = |state: &String| recorded[usize::from(state.as_bytes()[0] - b'A')];
        states.retain(is_recorded);
        prop_assert_eq!(ticks, states);
    }

    #[test]
    fn a_server_that_starts_has_the_states_of_one_that_ran(history in history(), starts in 0..60usize) {
        let (mut ran, mut started) = (new_fold(), new_fold());
        ran.roll_over(BEGIN_US);
        for (at, event) in history.iter().enumerate() {
            ran.roll_over(timestamp_us(at));
            apply(&mut ran, at, *event);
            if at >= starts {
                started.roll_over(timestamp_us(at));
            }
            apply(&mut started, at, *event);
        }
        for fold in [&mut ran, &mut started] {
            fold.roll_over(timestamp_us(history.len()));
        }
        prop_assert_eq!(last_prices(&ran), last_prices(&started));
    }
}
