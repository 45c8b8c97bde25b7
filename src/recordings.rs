//! Which symbols are recorded: whose ticks ingest hands out one by one, and not only the newest of each batch.
//!
//! Shards ask for it when somebody subscribes in mode `every`, and ingest looks before each batch. Between the two
//! there is a moment in which ticks are still conflated, so a subscription may not begin at once: it waits until
//! ingest says that everything asked for up to its [`Ticket`] is recorded. What the shard then holds of the symbol is
//! the snapshot, and no tick after it is missing.
//!
//! While nothing has been folded yet, because the broker or the topic isn't there, nothing can be missing: a subscription
//! begins at once then.
//!
//! This room is pure. Each shard shares one with ingest; the lock is taken when a subscription in mode `every` begins or
//! ends, and by ingest after such a change, but for no tick.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use crate::{
    market::Symbol,
    sync::{AtomicBool, Mutex, MutexGuard, Ordering},
};

/// What somebody wants every tick of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Every symbol there is, and those that appear later.
    All,
    /// One symbol, whether it has published or not.
    Symbol(Symbol),
}

/// How many changes there were. What was asked for with one ticket is recorded as soon as ingest has seen it or a
/// later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What is recorded now, and by how many subscriptions it's wanted. It can't have more symbols than there are
/// subscriptions.
#[derive(Debug, Default)]
pub struct Recordings {
    inner: Mutex<Inner>,
    /// Written under the lock alone. Read without it, it's seen late at worst.
    has_changed: AtomicBool,
    /// Whether ingest has ever looked. Likewise.
    is_in_use: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    all: usize,
    symbols: BTreeMap<Symbol, usize>,
    /// Those that somebody began or ceased to want since ingest looked.
    changed: BTreeSet<Symbol>,
    ticket: Ticket,
}

/// What has changed since the last look.
#[derive(Debug, PartialEq, Eq)]
pub struct Changes {
    /// Whether every symbol is recorded.
    pub all: bool,
    /// Symbols that are now recorded by themselves, or no longer.
    pub symbols: Vec<(Symbol, bool)>,
    /// Everything asked for up to here is in it.
    pub ticket: Ticket,
}

impl Recordings {
    /// Somebody wants every tick.
    pub fn begin(&self, what: &Recorded) -> Ticket {
        let mut inner = self.inner();
        match what {
            Recorded::All => inner.all += 1,
            Recorded::Symbol(symbol) => {
                *inner.symbols.entry(symbol.clone()).or_default() += 1;
                inner.changed.insert(symbol.clone());
            }
        }
        inner.ticket.0 += 1;
        self.has_changed.store(true, Ordering::Release);
        inner.ticket
    }

    /// Whether ticks may have been folded. If not, everything that was asked for before this question is recorded from
    /// the first of them.
    pub fn is_in_use(&self) -> bool {
        let _inner = self.inner();
        self.is_in_use.load(Ordering::Acquire)
    }

    /// Somebody no longer does, who did before.
    pub fn end(&self, what: &Recorded) {
        let mut inner = self.inner();
        match what {
            Recorded::All => inner.all -= 1,
            Recorded::Symbol(symbol) => {
                let wanted = inner.symbols.get_mut(symbol).expect("it was begun before");
                *wanted -= 1;
                if *wanted == 0 {
                    inner.symbols.remove(symbol);
                    inner.changed.insert(symbol.clone());
                }
            }
        }
        self.has_changed.store(true, Ordering::Release);
    }

    /// What ingest has to record from now on, if that has changed. To be called while no symbol has ticks that
    /// weren't handed out.
    pub fn changes(&self) -> Option<Changes> {
        if !self.is_in_use.load(Ordering::Acquire) {
            let _inner = self.inner();
            self.is_in_use.store(true, Ordering::Release);
        }
        // A change that this misses is seen at the next look.
        if !self.has_changed.load(Ordering::Acquire) {
            return None;
        }
        let mut inner = self.inner();
        self.has_changed.store(false, Ordering::Release);
        let changed = std::mem::take(&mut inner.changed);
        let is_wanted = |symbol: Symbol| {
            let wanted = inner.symbols.contains_key(&symbol);
            (symbol, wanted)
        };
        let symbols = changed.into_iter().map(is_wanted).collect();
        Some(Changes { all: inner.all > 0, symbols, ticket: inner.ticket })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be half done: a panic elsewhere doesn't matter.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(text: &str) -> Recorded {
        Recorded::Symbol(Symbol::parse(text).unwrap())
    }

    /// `all symbol=wanted…` of the changes.
    fn changes(recordings: &Recordings) -> Option<(bool, Vec<String>)> {
        let Changes { all, symbols, .. } = recordings.changes()?;
        Some((all, symbols.into_iter().map(|(symbol, wanted)| format!("{symbol}={wanted}")).collect()))
    }

    #[test]
    fn what_somebody_wants_is_recorded_until_nobody_does() {
        let recordings = Recordings::default();
        assert_eq!(changes(&recordings), None);
        recordings.begin(&symbol("A"));
        recordings.begin(&symbol("A"));
        recordings.begin(&Recorded::All);
        assert_eq!(changes(&recordings), Some((true, vec!["A=true".to_owned()])));
        recordings.end(&symbol("A"));
        assert_eq!(changes(&recordings), Some((true, vec![])), "one is left");
        recordings.end(&symbol("A"));
        recordings.end(&Recorded::All);
        assert_eq!(changes(&recordings), Some((false, vec!["A=false".to_owned()])));
        assert_eq!(changes(&recordings), None);
    }

    #[test]
    fn before_the_first_look_nothing_can_be_missing() {
        let recordings = Recordings::default();
        recordings.begin(&symbol("A"));
        assert!(!recordings.is_in_use());
        assert!(recordings.changes().is_some());
        assert!(recordings.is_in_use());
    }

    #[test]
    fn changes_cover_every_ticket_given_before() {
        let recordings = Recordings::default();
        let tickets = [recordings.begin(&symbol("A")), recordings.begin(&symbol("B"))];
        let changes = recordings.changes().unwrap();
        assert!(tickets[0] < tickets[1] && tickets[1] <= changes.ticket);
    }
}
