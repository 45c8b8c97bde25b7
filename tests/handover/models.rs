//! What holds in every order in which the ingest thread and a shard's thread can meet. A wake-up that is lost leaves
//! all threads waiting, which loom reports as a deadlock.

use std::{collections::BTreeMap, future::poll_fn, sync::Arc};

use loom::{future::block_on, model::Builder, sync::mpsc, thread};
use tickcast_handover::{
    handover::{Delivery, Handover, Slotted},
    market::Symbol,
    recordings::{Recorded, Recordings},
};

const SYMBOLS: [&str; 2] = ["A", "B"];

/// The state of a symbol after so many ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    symbol: usize,
    ordinal: u64,
}

impl Slotted for State {
    fn slot(&self) -> usize {
        self.symbol
    }
}

type Told = Delivery<State, &'static str>;

/// What stands between the two threads.
#[derive(Clone)]
struct Between {
    handover: Arc<Handover<State, &'static str>>,
    recordings: Arc<Recordings>,
}

/// Tries every order; those in which a thread is interrupted more often than `preemptions` times are left out, where
/// they would take minutes.
fn every_order(preemptions: Option<usize>, ticks_max: usize, model: impl Fn(Between) + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        model(Between { handover: Arc::new(Handover::new(ticks_max)), recordings: Arc::default() });
    });
}

/// The ingest thread: what it does with each batch is what the server's does.
struct Ingest {
    between: Between,
    recorded: [bool; SYMBOLS.len()],
    ordinals: [u64; SYMBOLS.len()],
}

impl Ingest {
    fn new(between: Between) -> Self {
        Self { between, recorded: [false; SYMBOLS.len()], ordinals: [0; SYMBOLS.len()] }
    }

    /// Whether something was asked for since the last look.
    fn look(&mut self) -> bool {
        let Some(changes) = self.between.recordings.changes() else { return false };
        for (symbol, is_recorded) in changes.symbols {
            self.recorded[SYMBOLS.iter().position(|it| *it == symbol.0).unwrap()] = is_recorded;
        }
        self.between.handover.set_recorded_up_to(changes.ticket);
        true
    }

    /// A batch with a tick of each of these symbols.
    fn batch(&mut self, symbols: &[usize]) {
        self.look();
        let (mut newest, mut ticks) = (BTreeMap::new(), Vec::new());
        for symbol in symbols {
            self.ordinals[*symbol] += 1;
            let state = State { symbol: *symbol, ordinal: self.ordinals[*symbol] };
            newest.insert(*symbol, state);
            if self.recorded[*symbol] {
                ticks.push(state);
            }
        }
        let newest: Vec<State> = newest.into_values().collect();
        self.between.handover.deliver(&newest, &ticks);
    }
}

/// Takes what is told until all sessions are to be closed.
fn until_closed(between: &Between, mut take: impl FnMut(&Told)) {
    let mut delivery = Told::default();
    while delivery.close.is_none() {
        block_on(poll_fn(|context| between.handover.poll_fetch(&mut delivery, context.waker())));
        take(&delivery);
    }
}

/// The states that a shard holds, which only become newer.
#[derive(Default)]
struct Held([u64; SYMBOLS.len()]);

impl Held {
    fn take(&mut self, delivery: &Told) {
        for state in &delivery.newest {
            assert!(self.0[state.symbol] < state.ordinal, "{state:?} isn't newer");
            self.0[state.symbol] = state.ordinal;
        }
    }
}

#[test]
fn no_wake_up_is_lost_and_no_last_state() {
    every_order(None, 8, |between| {
        let shard = thread::spawn({
            let between = between.clone();
            move || {
                let mut held = Held::default();
                until_closed(&between, |delivery| held.take(delivery));
                assert_eq!(held.0, [2, 2], "the last states");
            }
        });
        let mut ingest = Ingest::new(between);
        ingest.batch(&[0]);
        ingest.batch(&[1, 0]);
        ingest.batch(&[1]);
        ingest.between.handover.close_all("done");
        shard.join().unwrap();
    });
}

/// Ticks of one symbol in batches of these sizes, through room for `ticks_max`. Whether some were lost, in any order.
fn ticks_come_in_order(ticks_max: usize, batches: &'static [usize], may_lose: bool) {
    every_order(None, ticks_max, move |between| {
        let shard = thread::spawn({
            let between = between.clone();
            move || {
                let (mut held, mut last) = (Held::default(), 0);
                until_closed(&between, |delivery| {
                    held.take(delivery);
                    assert!(delivery.ticks.len() <= ticks_max);
                    if delivery.ticks_lost {
                        assert!(may_lose, "there is room");
                        assert!(delivery.ticks.is_empty());
                        last = held.0[0];
                    }
                    for tick in &delivery.ticks {
                        last += 1;
                        assert_eq!(tick.ordinal, last, "the next tick");
                    }
                    assert_eq!(last, held.0[0], "ticks and states come together");
                });
                assert_eq!(last, batches.iter().sum::<usize>() as u64);
            }
        });
        let mut ingest = Ingest::new(between);
        ingest.recorded[0] = true;
        for ticks in batches {
            ingest.batch(&vec![0; *ticks]);
        }
        ingest.between.handover.close_all("done");
        shard.join().unwrap();
    });
}

#[test]
fn ticks_come_in_order_and_none_is_missing_while_there_is_room() {
    ticks_come_in_order(4, &[1, 2, 1], false);
}

#[test]
fn ticks_that_find_no_room_are_told_to_be_lost() {
    ticks_come_in_order(2, &[1, 2, 1], true);
}

#[test]
fn a_subscription_that_begins_with_its_ticket_misses_no_tick() {
    every_order(Some(5), 8, |between| {
        let (ask, asked) = mpsc::channel();
        let shard = thread::spawn({
            let between = between.clone();
            move || {
                let ticket = SYMBOLS.map(|it| between.recordings.begin(&Recorded::Symbol(Symbol(it))))[1];
                ask.send(()).unwrap();
                let (mut held, mut last) = (Held::default(), None);
                until_closed(&between, |delivery| {
                    held.take(delivery);
                    for tick in &delivery.ticks {
                        if let Some(last) = last.as_mut().map(|last: &mut Held| &mut last.0[tick.symbol]) {
                            *last += 1;
                            assert_eq!(tick.ordinal, *last, "the next tick of {}", SYMBOLS[tick.symbol]);
                        }
                    }
                    if delivery.recorded_up_to.is_some_and(|told| told >= ticket) && last.is_none() {
                        last = Some(Held(held.0));
                    }
                });
                assert_eq!(last.expect("the ticket was told").0, [3, 2], "every tick");
            }
        });
        let mut ingest = Ingest::new(between);
        ingest.batch(&[0]);
        ingest.batch(&[0, 1]);
        // It's asked for meanwhile, or now at last.
        asked.recv().unwrap();
        ingest.batch(&[1, 0]);
        ingest.between.handover.close_all("done");
        shard.join().unwrap();
    });
}

#[test]
fn a_subscription_that_begins_before_anything_was_folded_misses_no_tick() {
    every_order(Some(4), 8, |between| {
        let shard = thread::spawn({
            let between = between.clone();
            move || {
                between.recordings.begin(&Recorded::Symbol(Symbol("A")));
                let begins_at_once = !between.recordings.is_in_use();
                let mut ordinals = Vec::new();
                until_closed(&between, |delivery| {
                    ordinals.extend(delivery.ticks.iter().map(|tick| tick.ordinal));
                });
                assert!(!begins_at_once || ordinals == [1, 2], "{ordinals:?}");
            }
        });
        let mut ingest = Ingest::new(between);
        ingest.batch(&[0]);
        ingest.batch(&[0]);
        ingest.between.handover.close_all("done");
        shard.join().unwrap();
    });
}

#[test]
fn what_nobody_wants_any_more_is_told() {
    every_order(None, 8, |between| {
        let shard = thread::spawn({
            let recordings = Arc::clone(&between.recordings);
            move || {
                recordings.begin(&Recorded::Symbol(Symbol("A")));
                recordings.end(&Recorded::Symbol(Symbol("A")));
                recordings.begin(&Recorded::Symbol(Symbol("B")));
            }
        });
        let mut ingest = Ingest::new(between);
        ingest.look();
        ingest.look();
        shard.join().unwrap();
        ingest.look();
        assert_eq!(ingest.recorded, [false, true]);
    });
}

#[test]
fn nothing_comes_after_the_status_of_a_server_that_drains() {
    every_order(Some(4), 8, |between| {
        let shard = thread::spawn({
            let between = between.clone();
            move || {
                let mut heard = Vec::new();
                until_closed(&between, |delivery| heard.extend(delivery.feed_status.clone()));
                assert_eq!(heard.last().map(|json| &**json), Some("draining"), "{heard:?}");
                // Only the latest is owed, but in order.
                let stale = heard.iter().position(|json| &**json == "stale");
                let recovered = heard.iter().position(|json| &**json == "recovered");
                assert!(stale.is_none() || recovered.is_none() || stale < recovered, "{heard:?}");
            }
        });
        let ingest = thread::spawn({
            let between = between.clone();
            move || {
                between.handover.set_feed_status("stale".into());
                between.handover.set_feed_status("recovered".into());
            }
        });
        between.handover.drain("draining".into());
        between.handover.close_all("done");
        ingest.join().unwrap();
        shard.join().unwrap();
    });
}
