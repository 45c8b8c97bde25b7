//! What is known, what is open, and what is forgotten.

use super::*;

fn at(epoch: &str, partition: i32, offset: u64) -> Place {
    Place { epoch: epoch.into(), partition, offset }
}

fn begun(epoch: &str) -> Ledger {
    let mut ledger = Ledger::default();
    assert!(ledger.begin(0, &epoch.into(), 10));
    assert!(ledger.begin(1, &epoch.into(), 0));
    ledger
}

#[test]
fn what_was_set_aside_of_this_log_is_known() {
    let mut ledger = begun("a");
    for place in [at("a", 0, 12), at("a", 0, 12), at("b", 0, 13), at("a", 2, 14), at("a", 1, 15)] {
        assert!(ledger.note(&place));
    }
    let known: Vec<_> = (10..20).filter(|offset| ledger.is_known(&at("a", 0, *offset))).collect();
    assert_eq!((known, ledger.offsets()), (vec![12], 2));
    assert!(ledger.is_known(&at("a", 0, 9)), "nobody reads there");
    assert!(!ledger.is_known(&at("b", 0, 9)), "that's another log");
    assert!(!ledger.is_known(&at("a", 2, 14)), "nobody reads that partition");
}

#[test]
fn what_is_dealt_with_takes_no_room() {
    let mut ledger = begun("a");
    for offset in 10..20 {
        ledger.note(&at("a", 0, offset));
    }
    for offset in [20, 12, 15] {
        ledger.open(&at("a", 0, offset), "time", true);
    }
    ledger.settle(&at("a", 0, 15));
    assert_eq!(ledger.offsets(), 8, "the one at 12 may come back yet");
    ledger.settle(&at("a", 0, 12));
    assert_eq!(ledger.offsets(), 0);
    ledger.note(&at("a", 0, 14));
    assert_eq!(ledger.offsets(), 0, "the log is read in order, whoever tells late");
    assert!(ledger.is_known(&at("a", 0, 19)), "a log that is rewound changes nothing");
    assert!(!ledger.is_known(&at("a", 0, 20)));
    ledger.settle(&at("b", 0, 20));
    assert!(!ledger.is_known(&at("a", 0, 20)), "that was another log");
    ledger.settle(&at("a", 0, 20));
    assert!(ledger.is_known(&at("a", 0, 20)) && !ledger.is_known(&at("a", 0, 21)));
}

#[test]
fn what_a_start_has_passed_is_forgotten_but_for_what_waits() {
    let mut ledger = begun("a");
    for offset in 10..20 {
        ledger.note(&at("a", 0, offset));
    }
    ledger.open(&at("a", 0, 13), "time", true);
    ledger.pass(&at("a", 0, 15));
    assert_eq!(ledger.offsets(), 7);
    ledger.settle(&at("a", 0, 13));
    assert_eq!(ledger.offsets(), 5);
    ledger.pass(&at("b", 0, 20));
    assert_eq!(ledger.offsets(), 5, "that was another log");
    ledger.pass(&at("a", 0, 20));
    assert_eq!(ledger.offsets(), 0);
    assert!(!ledger.is_known(&at("a", 0, 20)), "it's the next");
}

#[test]
fn a_record_that_is_to_be_tried_again_is_seen_if_it_got_through() {
    let mut ledger = begun("a");
    ledger.open(&at("a", 0, 12), "time", true);
    ledger.open(&at("a", 0, 13), "time", true);
    ledger.settle(&at("a", 0, 13));
    assert!(!ledger.is_known(&at("a", 0, 12)));
    ledger.note(&at("a", 0, 12));
    assert!(ledger.is_known(&at("a", 0, 12)));
}

#[test]
fn another_log_begins_with_nothing() {
    let mut ledger = begun("a");
    ledger.note(&at("a", 0, 12));
    assert!(!ledger.begin(0, &"a".into(), 0), "it's read already");
    assert!(ledger.begin(0, &"b".into(), 0));
    assert_eq!(ledger.offsets(), 0);
    assert!(!ledger.is_known(&at("b", 0, 12)) && !ledger.is_known(&at("a", 0, 12)));
}

#[test]
fn what_is_kept_is_bounded() {
    let mut ledger = begun("a");
    ledger.offsets = OFFSETS_MAX - 1;
    assert!(ledger.note(&at("a", 0, 12)));
    assert!(!ledger.note(&at("a", 0, 13)));
    assert!(ledger.note(&at("a", 0, 12)), "it's there");
    assert!(!ledger.is_known(&at("a", 0, 13)));
}

#[test]
fn what_there_was_no_room_for_is_found_again_unless_it_is_set_aside_meanwhile() {
    let mut ledger = begun("a");
    for offset in 10..20 {
        assert!(ledger.open(&at("a", 0, offset), if offset < 15 { "time" } else { "type" }, offset < 12));
    }
    ledger.open(&at("a", 0, 100_000), "time", false);
    for offset in [10, 13, 14] {
        ledger.note(&at("a", 0, offset));
    }
    assert_eq!((ledger.settle_known(), ledger.waiting()), (2, 9), "of 10 there is a copy");
    assert_eq!(ledger.missed(99), Some(Stretch { first: at("a", 0, 12), last: 19 }));
    assert_eq!(ledger.missed(3), Some(Stretch { first: at("a", 0, 12), last: 16 }));
    assert_eq!(ledger.reason(&at("a", 0, 12)), Some("time"));
    assert_eq!([11, 13, 20].map(|offset| ledger.reason(&at("a", 0, offset))), [None; 3]);
    ledger.hold(&at("a", 0, 12));
    assert_eq!(ledger.missed(99).unwrap().first, at("a", 0, 15));
    ledger.lose_before(&at("a", 0, 20));
    assert_eq!((ledger.take_lost(), ledger.take_lost(), ledger.waiting()), (5, 0, 4));
    assert_eq!(ledger.missed(99).unwrap().first.offset, 100_000, "it's read in a go of its own");
    for offset in [10, 11, 12] {
        ledger.settle(&at("a", 0, offset));
    }
    assert!(ledger.is_known(&at("a", 0, 99_999)) && !ledger.is_known(&at("a", 0, 100_000)));
}

#[test]
fn what_was_open_at_a_checkpoint_is_open_again() {
    let mut before = begun("a");
    for (offset, reason) in [(10, "time"), (11, "time"), (12, "type"), (14, "time")] {
        before.open(&at("a", 0, offset), reason, true);
    }
    before.open(&at("a", 1, 3), "time", false);
    before.settle(&at("a", 0, 10));
    let mut after = Ledger::default();
    after.begin(0, &"a".into(), 50);
    after.begin(1, &"a".into(), 50);
    let open = before.all_open();
    open.iter().for_each(|open| after.reopen(open));
    assert_eq!((after.all_open(), after.waiting()), (open, 4));
    assert_eq!(after.reason(&at("a", 0, 12)), Some("type"));
    assert!(!after.is_known(&at("a", 0, 14)) && after.is_known(&at("a", 0, 10)));
    after.note(&at("a", 0, 11));
    after.note(&at("a", 0, 60));
    assert_eq!(after.settle_known(), 1);
    after.pass(&at("a", 0, 61));
    assert!(after.is_known(&at("a", 0, 60)), "what is open keeps what is known after it");
}

#[test]
fn what_is_open_of_another_log_is_lost_and_what_is_beyond_the_bound() {
    let mut ledger = begun("a");
    ledger.open(&at("a", 0, 12), "time", true);
    ledger.open(&at("a", 0, 13), "time", false);
    ledger.begin(0, &"b".into(), 0);
    assert_eq!((ledger.take_lost(), ledger.waiting()), (1, 0));
    ledger.open = OFFSETS_MAX;
    assert!(!ledger.open(&at("b", 0, 1), "time", false));
    assert_eq!(ledger.take_lost(), 1);
}
