//! Subscriptions to every tick: when they begin, and what happens to those whose ticks can't be held.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use super::{SessionKey, Shard};
use crate::{
    conflation::Overflow,
    destination::Symbols,
    publication::Publication,
    recordings::{Recorded, Recordings, Ticket},
    session::{CloseReason, Wanted},
};

/// A shard's subscriptions to every tick.
#[derive(Debug)]
pub(super) struct Recorders {
    recordings: Arc<Recordings>,
    /// By place of the session and number of the subscription.
    standing: BTreeMap<(u32, u32), Recorded>,
    /// Those that begin when their ticket's turn comes, in the order of tickets. At most one a session.
    starting: VecDeque<Starting>,
}

#[derive(Debug)]
struct Starting {
    ticket: Ticket,
    session: u32,
    subscription: u32,
    wanted: Wanted,
    receipt: Option<String>,
}

impl Recorders {
    pub(super) const fn new(recordings: Arc<Recordings>) -> Self {
        Self { recordings, standing: BTreeMap::new(), starting: VecDeque::new() }
    }

    /// A subscription is over.
    pub(super) fn end(&mut self, session: u32, subscription: u32) {
        if let Some(recorded) = self.standing.remove(&(session, subscription)) {
            self.recordings.end(&recorded);
            self.starting.retain(|it| (it.session, it.subscription) != (session, subscription));
        }
    }

    /// A session is over.
    pub(super) fn forget(&mut self, session: u32) {
        let of_session = (session, 0)..=(session, u32::MAX);
        let subscriptions: Vec<u32> =
            self.standing.range(of_session).map(|((_, number), _)| *number).collect();
        for subscription in subscriptions {
            self.end(session, subscription);
        }
    }

    /// A subscription whose ticks are recorded from here on.
    fn next_begun(&mut self, ticket: Ticket) -> Option<Starting> {
        self.starting.pop_front_if(|first| first.ticket <= ticket)
    }
}

impl<C> Shard<C> {
    /// Asks for every tick of what is wanted; the subscription begins when they come.
    pub(super) fn record_for(
        &mut self,
        session: u32,
        subscription: u32,
        wanted: Wanted,
        receipt: Option<String>,
    ) {
        let recorded = match &wanted.symbols {
            Some(Symbols::One(symbol)) => Recorded::Symbol(symbol.clone()),
            _ => Recorded::All,
        };
        let ticket = self.recorders.recordings.begin(&recorded);
        self.recorders.standing.insert((session, subscription), recorded);
        if !self.recorders.recordings.is_in_use() {
            return self.begin(session, subscription, &wanted, receipt.as_deref());
        }
        self.recorders.starting.push_back(Starting { ticket, session, subscription, wanted, receipt });
    }

    /// Every tick of what was asked for up to here comes by [`Shard::record`], if it isn't in the newest states that
    /// were published before: subscriptions that waited for it begin.
    pub fn recorded_up_to(&mut self, ticket: Ticket, now: Instant) {
        while let Some(Starting { session, subscription, wanted, receipt, .. }) =
            self.recorders.next_begun(ticket)
        {
            self.begin(session, subscription, &wanted, receipt.as_deref());
            let entry = &mut self.sessions[session as usize];
            entry.wake_reader();
            let key = SessionKey { place: session, generation: entry.generation };
            self.serve_requests(key, now);
        }
    }

    /// Takes ticks one by one, in the log's order, after the newest states that they lead to.
    pub fn record(&mut self, ticks: impl IntoIterator<Item = Arc<Publication>>, now: Instant) {
        for tick in ticks {
            let Some(topic) = self.cache.topic_of_publication(&tick) else { continue };
            for route in &topic.recorders {
                let entry = &mut self.sessions[route.session as usize];
                let ticks_max = self.settings.every_ticks_max;
                if entry.session.outbox().append(route.slot, &tick, ticks_max) == Err(Overflow) {
                    entry.session.close(now, CloseReason::TicksOverflow);
                }
                entry.wake_writer();
            }
        }
    }

    /// Ticks were lost on their way here: whoever was promised every one of them can't have them. Subscriptions that
    /// wait for theirs begin later.
    pub fn lose_ticks(&mut self, now: Instant) {
        let Recorders { standing, starting, .. } = &self.recorders;
        let starting: BTreeSet<_> = starting.iter().map(|it| (it.session, it.subscription)).collect();
        for (session, _) in standing.keys().filter(|key| !starting.contains(key)) {
            let entry = &mut self.sessions[*session as usize];
            entry.session.close(now, CloseReason::TicksOverflow);
            entry.wake_writer();
        }
    }
}
