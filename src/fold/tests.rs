//! What records do to the states, example by example.

mod formats;
mod logs;
mod moved;
mod properties;
mod rollover;

use super::*;

fn fold() -> Fold {
    Fold::new("e".into(), DayBoundary::default(), 2)
}

fn record(partition: i32, offset: u64, json: &str) -> Record<'_> {
    Record {
        partition,
        offset,
        timestamp_us: 1000 + i64::try_from(offset).unwrap(),
        key: None,
        value: Some(json.as_bytes()),
        content_type: None,
    }
}

fn shown(publication: &Publication) -> String {
    let price = publication.state.trade.map_or_else(|| "-".to_owned(), |trade| trade.price.to_string());
    let Content { symbol, seq, epoch, ordinal, status, .. } = &**publication;
    format!("{symbol} {price} {seq} {epoch} {ordinal} {status:?}")
}

/// `symbol price seq epoch ordinal status` of each symbol's newest publication.
fn published(fold: &mut Fold) -> Vec<String> {
    let mut batch = Batch::default();
    fold.publish(0, &mut batch);
    batch.newest.iter().map(|publication| shown(publication)).collect()
}

const A1: &str = r#"{"symbol":"A","price":1}"#;
const A2: &str = r#"{"symbol":"A","price":2}"#;
const B1: &str = r#"{"symbol":"B","price":1}"#;
const C1: &str = r#"{"symbol":"C","price":1}"#;

#[test]
fn what_comes_between_two_publications_is_conflated() {
    let mut fold = fold();
    for (offset, json) in [(0, A1), (1, B1), (2, A2)] {
        fold.apply(&record(0, offset, json)).unwrap();
    }
    assert_eq!(published(&mut fold), ["A 2 2 e 2 Listed", "B 1 1 e 1 Listed"]);
    assert!(published(&mut fold).is_empty());
}

#[test]
fn redelivery_changes_nothing() {
    let mut fold = fold();
    fold.apply(&record(0, 5, A2)).unwrap();
    assert_eq!(fold.apply(&record(0, 5, A2)), Ok(Folded::Stale));
    assert_eq!(fold.apply(&record(0, 4, A1)), Ok(Folded::Stale));
    assert_eq!(published(&mut fold), ["A 2 5 e 1 Listed"]);
}

#[test]
fn a_symbol_that_moves_to_another_partition_begins_a_new_epoch() {
    let mut fold = fold();
    fold.apply(&record(0, 50, A1)).unwrap();
    let moved = Record { timestamp_us: 2000, ..record(1, 3, A2) };
    fold.apply(&moved).unwrap();
    assert_eq!(published(&mut fold), ["A 2 3 e.1 2 Listed"]);
    // What comes late from where it was changes no price, and counts.
    let late = Record { timestamp_us: 1999, ..record(0, 51, A1) };
    assert!(matches!(fold.apply(&late), Ok(Folded::Changed { .. })));
    assert_eq!(published(&mut fold), ["A 2 3 e.1 3 Listed"]);
    assert_eq!(fold.apply(&late), Ok(Folded::Stale));
}

#[test]
fn a_tombstone_delists_and_a_tick_lists_again() {
    let mut fold = fold();
    let tombstone = |offset| Record { key: Some(b"A"), value: None, ..record(0, offset, "") };
    assert_eq!(fold.apply(&tombstone(0)), Ok(Folded::Ignored));
    fold.apply(&record(0, 1, A1)).unwrap();
    fold.apply(&tombstone(2)).unwrap();
    assert_eq!(published(&mut fold), ["A - 2 e 2 Delisted"]);
    assert_eq!(fold.apply(&tombstone(3)), Ok(Folded::Ignored));
    fold.apply(&record(0, 4, A2)).unwrap();
    assert_eq!(published(&mut fold), ["A 2 4 e 3 Listed"]);
}

#[test]
fn a_record_without_event_time_takes_the_logs() {
    let mut fold = fold();
    assert_eq!(fold.apply(&record(0, 7, A1)), Ok(Folded::Changed { time_us: 1007 }));
}

#[test]
fn a_tick_of_the_far_future_is_refused() {
    let mut fold = fold();
    let in_an_hour = record(0, 1, r#"{"symbol":"A","price":1,"time_us":3600001001}"#);
    assert!(fold.apply(&in_an_hour).is_ok());
    let later = record(0, 2, r#"{"symbol":"A","price":1,"time_us":3600001003}"#);
    assert_eq!(fold.apply(&later), Err(Rejection::Future));
    let without_time = Record { timestamp_us: 0, ..later };
    assert!(fold.apply(&without_time).is_ok());
}

#[test]
fn symbols_are_bounded_and_other_formats_refused() {
    let mut fold = fold();
    fold.apply(&record(0, 0, A1)).unwrap();
    fold.apply(&record(0, 1, B1)).unwrap();
    assert_eq!(fold.apply(&record(0, 2, C1)), Err(Rejection::TooManySymbols(2)));
    let with_type = |value: &'static str| Record { content_type: Some(value.as_bytes()), ..record(0, 3, A1) };
    assert!(fold.apply(&with_type("application/json; charset=utf-8")).is_ok());
    assert!(matches!(fold.apply(&with_type("text/csv")), Err(Rejection::ContentType(_))));
}

/// `symbol price seq …` of each recorded tick.
fn ticks(batch: &Batch) -> Vec<String> {
    batch.ticks.iter().map(|publication| shown(publication)).collect()
}

#[test]
fn the_ticks_of_a_recorded_symbol_are_handed_out_one_by_one() {
    let mut fold = fold();
    // Before it's known.
    fold.record(&Symbol::parse("A").unwrap(), true);
    for (offset, json) in [(0, A1), (1, B1), (2, A2), (2, A1), (3, B1)] {
        fold.apply(&record(0, offset, json)).unwrap();
    }
    let mut batch = Batch::default();
    fold.publish(7, &mut batch);
    assert_eq!(ticks(&batch), ["A 1 0 e 1 Listed", "A 2 2 e 2 Listed"]);
    assert!(batch.newest.iter().chain(&batch.ticks).all(|publication| publication.ingested_us == 7));
    // One state, one publication: its frame is encoded once.
    assert!(Arc::ptr_eq(&batch.newest[0], &batch.ticks[1]));
    assert_eq!(shown(&batch.newest[1]), "B 1 3 e 2 Listed");

    fold.record(&Symbol::parse("A").unwrap(), false);
    fold.apply(&record(0, 4, A1)).unwrap();
    let mut batch = Batch::default();
    fold.publish(0, &mut batch);
    assert_eq!((batch.newest.len(), batch.ticks.len()), (1, 0));
}

#[test]
fn where_all_is_recorded_a_tombstone_is_a_tick_too() {
    let mut fold = fold();
    fold.record_all(true);
    fold.apply(&record(0, 0, A1)).unwrap();
    fold.apply(&Record { key: Some(b"A"), value: None, ..record(0, 1, "") }).unwrap();
    // What wasn't emptied stays in its place.
    let mut batch = Batch::default();
    for _ in 0..2 {
        fold.publish(0, &mut batch);
        assert_eq!(ticks(&batch), ["A 1 0 e 1 Listed", "A - 1 e 2 Delisted"]);
    }
    fold.apply(&record(0, 2, A2)).unwrap();
    fold.publish(0, &mut batch);
    assert!(Arc::ptr_eq(&batch.newest[1], &batch.ticks[2]));
    // A symbol that is recorded by itself as well stays so.
    fold.record(&Symbol::parse("B").unwrap(), true);
    fold.record_all(false);
    fold.apply(&record(0, 3, A1)).unwrap();
    fold.apply(&record(0, 4, B1)).unwrap();
    let mut batch = Batch::default();
    fold.publish(0, &mut batch);
    assert_eq!(ticks(&batch), ["B 1 4 e 1 Listed"]);
}
