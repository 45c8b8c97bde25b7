//! Logs that are caught up with, and logs that turn out to be others.

use super::*;

fn tombstone(partition: i32, offset: u64, key: &'static str) -> Record<'static> {
    Record { key: Some(key.as_bytes()), value: None, ..record(partition, offset, "") }
}

#[test]
fn what_is_held_is_published_once_and_counts_as_one_tick() {
    let mut fold = fold();
    fold.record_all(true);
    fold.hold(0);
    for (partition, offset, json) in [(0, 0, A1), (1, 0, B1), (0, 1, A2), (0, 2, A1)] {
        fold.apply(&record(partition, offset, json)).unwrap();
    }
    assert_eq!(published(&mut fold), ["B 1 0 e 1 Listed"]);
    fold.release(0);
    let mut batch = Batch::default();
    fold.publish(0, &mut batch);
    assert_eq!(ticks(&batch), ["A 1 2 e 1 Listed"]);
    fold.apply(&record(0, 3, A2)).unwrap();
    assert_eq!(published(&mut fold), ["A 2 3 e 2 Listed"]);
}

#[test]
fn a_recreated_topic_begins_anew_and_delists_what_it_lacks() {
    let mut fold = fold();
    fold.apply(&record(0, 50, A1)).unwrap();
    fold.apply(&record(3, 70, B1)).unwrap();
    published(&mut fold);

    // With fewer partitions than before.
    fold.begin_epoch("f".into(), None);
    fold.hold(0);
    assert!(published(&mut fold).is_empty(), "nobody is told of a log that isn't read yet");
    fold.apply(&record(0, 7, r#"{"symbol":"A","bid":3}"#)).unwrap();
    fold.apply(&record(0, 8, r#"{"symbol":"A","ask":4}"#)).unwrap();
    fold.release(0);
    fold.delist_gone();
    // Nothing is left of the price before, and B's last offset is one of the old log.
    assert_eq!(published(&mut fold), ["A - 8 f 2 Listed", "B - 70 e 2 Delisted"]);
    fold.delist_gone();
    assert!(published(&mut fold).is_empty());
    fold.apply(&record(1, 0, B1)).unwrap();
    assert_eq!(published(&mut fold), ["B 1 0 f 3 Listed"]);
    assert_eq!(fold.apply(&record(1, 0, B1)), Ok(Folded::Stale));
}

#[test]
fn a_truncated_partition_begins_anew_and_the_others_go_on_under_the_new_epoch() {
    let mut fold = fold();
    fold.apply(&record(0, 50, A2)).unwrap();
    fold.apply(&record(1, 70, B1)).unwrap();
    published(&mut fold);

    fold.begin_epoch("f".into(), Some(&[0]));
    fold.hold(0);
    let mut batch = Batch::default();
    fold.publish(0, &mut batch);
    assert_eq!(shown(&batch.newest[0]), "B 1 70 f 1 Listed");
    // The same record as before: its MESSAGE is another.
    assert_eq!(batch.newest[0].rollovers, 1);
    fold.apply(&record(0, 49, A1)).unwrap();
    fold.release(0);
    fold.delist_gone();
    assert_eq!(published(&mut fold), ["A 1 49 f 2 Listed"]);
    assert_eq!(fold.apply(&record(1, 70, B1)), Ok(Folded::Stale));
}

#[test]
fn a_symbol_that_had_moved_keeps_its_partition_in_the_epoch() {
    let mut fold = fold();
    fold.apply(&record(0, 50, A1)).unwrap();
    fold.apply(&Record { timestamp_us: 2000, ..record(1, 3, A2) }).unwrap();
    fold.apply(&record(2, 0, B1)).unwrap();
    published(&mut fold);
    fold.begin_epoch("f".into(), Some(&[2]));
    assert_eq!(published(&mut fold), ["A 2 3 f.1 2 Listed"]);
}

#[test]
fn a_tombstone_may_be_all_that_the_new_log_has() {
    let mut fold = fold();
    fold.apply(&record(0, 5, A1)).unwrap();
    published(&mut fold);
    fold.begin_epoch("f".into(), None);
    fold.apply(&tombstone(0, 0, "A")).unwrap();
    fold.delist_gone();
    assert_eq!(published(&mut fold), ["A - 0 f 2 Delisted"]);
}
