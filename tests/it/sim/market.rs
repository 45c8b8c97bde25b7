//! The log and what it adds up to: its records go through the real fold and the real hand-over, and through a second fold
//! that keeps of each symbol every state there was.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
};

use tickcast::{
    actors::inbox::{Delivery, Inbox},
    fold::{Batch, Fold, Folded, Record},
    handover::Handover,
    market::DayBoundary,
    publication::{Publication, Status},
    recordings::Recordings,
};

use super::{
    known::{DAY_US, Known, State, payload},
    promise::{Kept, Promise},
    scenario::{LogRecord, Rules, Side},
};

/// The epoch of every record.
pub(super) const EPOCH: &str = "e1";

const PARTITIONS: usize = 3;

/// Noon of some day, so that a scenario never reaches midnight by itself.
const BEGIN_US: i64 = 19_800 * DAY_US + DAY_US / 2;

pub(super) struct Market {
    fold: Fold,
    inbox: Inbox,
    delivery: Delivery,
    /// How far the log's clock is ahead of the world's.
    ahead_us: i64,
    offsets: [u64; PARTITIONS],
    symbols: Vec<Listing>,
    numbers: HashMap<String, u16>,
    /// How many states there were.
    states: u64,
    /// How often ingest looked what is recorded.
    looks: u64,
    /// The latest look whose ticks are all with the shard.
    looks_fetched: u64,
}

/// One symbol, whether it has published or not.
struct Listing {
    name: String,
    /// All records of it, oldest first.
    log: Vec<Logged>,
    states: Vec<Rc<State>>,
    /// How many of them were handed over.
    fetched: usize,
    known: Known,
}

#[derive(Clone, Debug)]
struct Logged {
    offset: u64,
    timestamp_us: i64,
    payload: Option<String>,
}

/// What the shard fetched.
pub(super) struct Fetched<'a> {
    pub(super) delivery: &'a mut Delivery,
    /// The symbols that have a newer state.
    pub(super) symbols: Vec<u16>,
    /// All their states since the last time, in the log's order.
    pub(super) ticks: Vec<Rc<State>>,
}

impl Market {
    pub(super) fn new(rules: &Rules) -> Self {
        let listing = |number| Listing {
            name: name_of(number),
            log: Vec::new(),
            states: Vec::new(),
            fetched: 0,
            known: Known::default(),
        };
        let handover = Handover::new(rules.inbox_ticks as usize);
        Self {
            fold: Fold::new(EPOCH.into(), DayBoundary::default(), usize::from(rules.symbols)),
            inbox: Inbox { handover, recordings: Arc::default() },
            delivery: Delivery::default(),
            ahead_us: BEGIN_US,
            offsets: [100, 2000, 30],
            symbols: (0..rules.symbols).map(listing).collect(),
            numbers: (0..rules.symbols).map(|number| (name_of(number), number)).collect(),
            states: 0,
            looks: 0,
            looks_fetched: 0,
        }
    }

    pub(super) fn recordings(&self) -> Arc<Recordings> {
        Arc::clone(&self.inbox.recordings)
    }

    /// The numbers of all symbols that there may be.
    pub(super) fn symbols(&self) -> std::ops::Range<u16> {
        0..u16::try_from(self.symbols.len()).expect("a scenario says how many in 16 bits")
    }

    pub(super) fn name(&self, symbol: u16) -> &str {
        &self.symbols[usize::from(symbol)].name
    }

    pub(super) fn number(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    /// The newest state that the shard has, if the symbol ever had one.
    pub(super) fn newest(&self, symbol: u16) -> Option<&Rc<State>> {
        let listing = &self.symbols[usize::from(symbol)];
        listing.states[..listing.fetched].last()
    }

    pub(super) fn begin_next_day(&mut self) {
        self.ahead_us += DAY_US;
    }

    pub(super) fn set_feed_status(&mut self, json: &str) {
        self.inbox.handover.set_feed_status(json.into());
    }

    /// How often ingest has looked what is recorded, and up to which look the shard knows.
    pub(super) fn looks(&self) -> (u64, u64) {
        (self.looks, self.looks_fetched)
    }

    /// What ingest does in a turn: it looks who records what, folds one record after the other, lets the day begin, and
    /// hands over what changed.
    pub(super) fn turn(&mut self, now_us: u64, records: &[LogRecord]) -> Kept {
        let wall_us = self.ahead_us + i64::try_from(now_us).expect("a scenario is short");
        self.looks += 1;
        if let Some(changes) = self.inbox.recordings.changes() {
            self.fold.record_all(changes.all);
            changes.symbols.iter().for_each(|(symbol, is_recorded)| self.fold.record(symbol, *is_recorded));
            self.inbox.handover.set_recorded_up_to(changes.ticket);
        }
        let mut changed = BTreeSet::new();
        for record in records {
            changed.extend(self.log(record, wall_us)?);
        }
        self.fold.roll_over(wall_us);
        let today = wall_us.div_euclid(DAY_US);
        // All of these states have one number: they are in no order.
        let number = self.states + 1;
        for symbol in self.symbols() {
            let listing = &mut self.symbols[usize::from(symbol)];
            if listing.known.roll_over(today) {
                let seq = listing.states.last().expect("it has a day").seq;
                self.add_state(symbol, seq, number);
                changed.insert(symbol);
            }
            self.symbols[usize::from(symbol)].known.today = today;
        }
        let mut batch = Batch::default();
        self.fold.publish(wall_us, &mut batch);
        for publication in &batch.newest {
            let symbol = self.number(publication.symbol.as_str());
            let newest = symbol.filter(|symbol| changed.remove(symbol));
            let newest = newest.and_then(|symbol| self.symbols[usize::from(symbol)].states.last());
            let is_right = newest.is_some_and(|newest| is_of(publication, newest));
            Promise::Fold.check(is_right, || format!("{publication:?} isn't {newest:?}"))?;
        }
        Promise::Fold.check(changed.is_empty(), || format!("{changed:?} changed and weren't handed out"))?;
        self.inbox.handover.deliver(&batch.newest, &batch.ticks);
        Ok(())
    }

    /// What the shard fetches, if there is anything.
    pub(super) fn fetch(&mut self) -> Option<Fetched<'_>> {
        let fetched = self.inbox.handover.poll_fetch(&mut self.delivery, Waker::noop());
        self.looks_fetched = self.looks;
        if fetched == Poll::Pending {
            return None;
        }
        let (mut symbols, mut ticks) = (Vec::new(), Vec::new());
        for (number, listing) in (0..).zip(&mut self.symbols) {
            if listing.fetched < listing.states.len() {
                symbols.push(number);
                ticks.extend(listing.states[listing.fetched..].iter().cloned());
                listing.fetched = listing.states.len();
            }
        }
        ticks.sort_by_key(|state| state.number);
        Some(Fetched { delivery: &mut self.delivery, symbols, ticks })
    }

    fn add_state(&mut self, symbol: u16, seq: u64, number: u64) {
        self.states = number;
        let listing = &mut self.symbols[usize::from(symbol)];
        let state = listing.known.state(&listing.name, (symbol, partition_of(symbol)), seq, number);
        listing.states.push(Rc::new(state));
    }

    /// Appends a record to the log, or takes an old one, and folds it. Answers which symbol changed.
    fn log(&mut self, record: &LogRecord, wall_us: i64) -> Kept<Option<u16>> {
        let (symbol, payload) = match record {
            LogRecord::Tick { symbol, trade, bid, ask, venue } => {
                let venue = venue.as_deref();
                (*symbol, Some(payload(&name_of(*symbol), *trade, *bid, *ask, venue, wall_us)))
            }
            LogRecord::Late { symbol, trade } => {
                let (bid, ask) = (Side::Keep, Side::Keep);
                (*symbol, Some(payload(&name_of(*symbol), Some(*trade), bid, ask, None, wall_us - DAY_US)))
            }
            LogRecord::Tombstone { symbol } => (*symbol, None),
            LogRecord::Repeated { symbol } => {
                let Some(listing) = self.symbols.get(usize::from(*symbol)) else { return Ok(None) };
                let Some(Logged { payload: Some(payload), .. }) = listing.log.last() else { return Ok(None) };
                (*symbol, Some(payload.clone()))
            }
            LogRecord::Redelivered { symbol, back } => return self.redeliver(*symbol, *back),
        };
        let at = usize::from(symbol);
        let Some(listing) = self.symbols.get_mut(at) else { return Ok(None) };
        let offset = self.offsets[at % PARTITIONS];
        self.offsets[at % PARTITIONS] += 1;
        let logged = Logged { offset, timestamp_us: wall_us, payload };
        let folded = apply(&mut self.fold, partition_of(symbol), &listing.name, &logged)?;
        let is_news = logged.payload.is_some() || listing.known.listed;
        let is_right = matches!((folded, is_news), (Folded::Changed { .. }, true) | (Folded::Ignored, false));
        Promise::Fold.check(is_right, || format!("{logged:?} is {folded:?}"))?;
        if is_news {
            listing.known.take(logged.payload.as_deref(), logged.timestamp_us);
        }
        listing.log.push(logged);
        if is_news {
            self.add_state(symbol, offset, self.states + 1);
        }
        Ok(is_news.then_some(symbol))
    }

    fn redeliver(&mut self, symbol: u16, back: u8) -> Kept<Option<u16>> {
        let Some(listing) = self.symbols.get(usize::from(symbol)) else { return Ok(None) };
        let Some(logged) = listing.log.iter().rev().nth(usize::from(back)) else { return Ok(None) };
        // A tombstone that changed nothing the first time moves nobody's place in the log.
        if listing.states.last().is_none_or(|newest| logged.offset > newest.seq) {
            return Ok(None);
        }
        let folded = apply(&mut self.fold, partition_of(symbol), &listing.name, logged)?;
        let is_right = matches!(folded, Folded::Stale | Folded::Ignored);
        Promise::Fold.check(is_right, || format!("{logged:?} came again and is {folded:?}")).map(|()| None)
    }
}

/// Letters and numbers, so that there are prefixes, and some that have to be escaped.
pub(super) fn name_of(symbol: u16) -> String {
    let (letter, number) = (symbol % 5, symbol / 5);
    match letter {
        4 => format!("E:{number}"),
        letter => format!("{}{number}", ["A", "B", "C", "D"][usize::from(letter)]),
    }
}

fn partition_of(symbol: u16) -> i32 {
    i32::try_from(usize::from(symbol) % PARTITIONS).expect("there are few")
}

fn apply(fold: &mut Fold, partition: i32, name: &str, logged: &Logged) -> Kept<Folded> {
    let record = Record {
        partition,
        offset: logged.offset,
        timestamp_us: logged.timestamp_us,
        key: Some(name.as_bytes()),
        value: logged.payload.as_ref().map(String::as_bytes),
        content_type: None,
    };
    fold.apply(&record)
        .or_else(|rejection| Promise::Fold.broken(format!("{logged:?} is refused: {rejection}")))
}

fn is_of(publication: &Publication, state: &State) -> bool {
    let status = if state.listed { Status::Listed } else { Status::Delisted };
    let said = (publication.partition, publication.seq, publication.ordinal, publication.rollovers);
    said == (state.partition, state.seq, state.ordinal, state.rollovers) && publication.status == status
}
