//! The shard: the sessions of one thread, their routes, and the last values.
//!
//! A shard is driven from outside: publications, clients' bytes and time come in, and the wakers of
//! those who have something to do are woken. Nothing in it is locked, since nothing in it is shared.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric. (A [`Waker`] is the
//! standard library's way to say "call me again".)

use std::{
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use slab::Slab;

use crate::{
    conflation::Baseline,
    destination::{Destination, Pattern},
    last_value_cache::{LastValueCache, Put, Route, TopicId},
    publication::{Publication, Status},
    session::{
        CloseReason, FrameSink, Inbound, Request, Session, Settings, SubscriptionCounts, Transmitted, Wanted,
    },
};

/// A session's place on its shard. A place is used again; the key of an ended session isn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionKey {
    place: u32,
    generation: u32,
}

/// The sessions of one thread; `C` is what the transport keeps with each of them.
#[derive(Debug)]
pub struct Shard<C> {
    settings: Arc<Settings>,
    cache: LastValueCache,
    sessions: Slab<Entry<C>>,
    wildcards: Vec<Wildcard>,
    generation: u32,
}

#[derive(Debug)]
struct Entry<C> {
    session: Session,
    generation: u32,
    connection: C,
    /// Who writes to the socket, while it waits for output.
    writer: Option<Waker>,
    /// Who reads from the socket, while nothing more is taken from the client.
    reader: Option<Waker>,
}

/// A subscription that takes symbols which appear later.
#[derive(Debug)]
struct Wildcard {
    session: u32,
    subscription: u32,
    pattern: Pattern,
}

/// How many routes may be made or taken away for the price of a frame: 256 take some 6 µs, what an
/// ordinary frame takes. So a wildcard over many symbols, asked for again and again, costs its own
/// client's budget and not the other clients' time.
const ROUTES_A_FRAME: f64 = 256.0;

/// What the writer has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write what is in the sink.
    Ready,
    /// Wait to be woken.
    Pending,
    /// End the connection.
    Finished,
}

impl<C> Shard<C> {
    /// A shard without sessions.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            cache: LastValueCache::default(),
            sessions: Slab::new(),
            wildcards: Vec::new(),
            generation: 0,
        }
    }

    /// The last values.
    pub const fn cache(&self) -> &LastValueCache {
        &self.cache
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many subscriptions stand.
    pub fn subscriptions(&self) -> SubscriptionCounts {
        self.sessions.iter().map(|(_, entry)| entry.session.subscriptions()).sum()
    }

    /// How many sessions' sockets have taken nothing for so long.
    pub fn blocked_sessions(&self, now: Instant, at_least: Duration) -> usize {
        let is_blocked = |since: Instant| now.duration_since(since) >= at_least;
        self.sessions
            .iter()
            .filter(|(_, entry)| entry.session.blocked_since().is_some_and(is_blocked))
            .count()
    }

    /// Opens a session.
    pub fn open(&mut self, id: impl Into<Box<str>>, connection: C, now: Instant) -> SessionKey {
        let session = Session::new(id, Arc::clone(&self.settings), now);
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let entry = Entry { session, generation, connection, writer: None, reader: None };
        let place = u32::try_from(self.sessions.insert(entry)).expect("sessions are bounded");
        SessionKey { place, generation }
    }

    /// The connection is gone: forgets the session. Answers its name and why it ended.
    pub fn forget(&mut self, key: SessionKey, now: Instant) -> Option<(Box<str>, CloseReason)> {
        self.entry(key)?.session.receive(now, Inbound::Lost);
        self.take_routes(key.place, None);
        if self.sessions[key.place as usize].session.subscriptions().wildcards > 0 {
            self.wildcards.retain(|wildcard| wildcard.session != key.place);
        }
        let entry = self.sessions.remove(key.place as usize);
        if let Some(reader) = entry.reader {
            reader.wake();
        }
        let reason = entry.session.closed().unwrap_or(CloseReason::ConnectionLost);
        Some((entry.session.id().into(), reason))
    }

    /// Takes newer states, and marks them in the outbox of each session that subscribed to them.
    pub fn publish(&mut self, publications: impl IntoIterator<Item = Arc<Publication>>) {
        for publication in publications {
            let topic = match self.cache.put(publication) {
                Put::Known(topic) => topic,
                Put::New(topic) => {
                    self.expand_wildcards(topic);
                    topic
                }
            };
            for route in &self.cache.topic(topic).routes {
                let entry = &mut self.sessions[route.session as usize];
                entry.session.outbox().mark(route.slot);
                entry.wake_writer();
            }
        }
    }

    /// Takes what came from a session's client, and does what it asks for.
    pub fn receive(&mut self, key: SessionKey, now: Instant, inbound: Inbound<'_>) {
        let Some(entry) = self.entry(key) else { return };
        entry.session.receive(now, inbound);
        self.serve_requests(key, now);
    }

    /// Whether more may be read from the client; if not, the reader is woken when it may. An ended
    /// session takes everything, and does nothing with it.
    pub fn accepts_input(&mut self, key: SessionKey, reader: &Waker) -> bool {
        let Some(entry) = self.entry(key) else { return true };
        let accepts = entry.session.accepts_input();
        if !accepts {
            entry.reader = Some(reader.clone());
        }
        accepts
    }

    /// How large a message from the client may be now; `None` after the session's end.
    pub fn message_bytes_max(&mut self, key: SessionKey) -> Option<usize> {
        self.entry(key).map(|entry| entry.session.message_bytes_max())
    }

    /// What is to be written now. To be called when everything written before is in the kernel's
    /// hands. If nothing is, the writer is woken when something is.
    pub fn poll_transmit(
        &mut self,
        key: SessionKey,
        now: Instant,
        sink: &mut impl FrameSink,
        writer: &Waker,
    ) -> (Output, Transmitted) {
        let entry = self.sessions.get_mut(key.place as usize);
        let Some(entry) = entry.filter(|entry| entry.generation == key.generation) else {
            return (Output::Finished, Transmitted::default());
        };
        let accepted_input = entry.session.accepts_input();
        let transmitted = entry.session.poll_transmit(now, &self.cache, sink);
        if !accepted_input {
            entry.wake_reader();
            self.serve_requests(key, now);
        }
        let output = match self.entry(key) {
            _ if !sink.is_empty() => Output::Ready,
            Some(entry) if entry.session.closed().is_none() => {
                entry.writer = Some(writer.clone());
                Output::Pending
            }
            _ => Output::Finished,
        };
        (output, transmitted)
    }

    /// Everything that was handed over is in the kernel's hands, while nobody asks for more. How long it took.
    pub fn note_written(&mut self, key: SessionKey, now: Instant) -> Option<Duration> {
        self.entry(key)?.session.note_written(now)
    }

    /// See [`Session::note_taken`].
    pub fn note_taken(&mut self, key: SessionKey, now: Instant) {
        if let Some(entry) = self.entry(key) {
            entry.session.note_taken(now);
        }
    }

    /// A session, to look at; `None` once it's forgotten.
    pub fn session(&self, key: SessionKey) -> Option<&Session> {
        let entry = self.sessions.get(key.place as usize)?;
        (entry.generation == key.generation).then_some(&entry.session)
    }

    /// Looks at each session whose socket has taken nothing whole for so long: how many bytes its
    /// client has acknowledged, if that can be told. To be called before [`Shard::handle_timeouts`].
    pub fn note_progress(
        &mut self,
        now: Instant,
        at_least: Duration,
        acknowledged: impl Fn(&C) -> Option<u64>,
    ) {
        for (_, Entry { session, connection, .. }) in &mut self.sessions {
            if session.blocked_since().is_some_and(|since| now.duration_since(since) >= at_least)
                && let Some(acknowledged) = acknowledged(connection)
            {
                session.note_progress(now, acknowledged);
            }
        }
    }

    /// Lets everything happen that is due. Answers the connections to abort: those of sessions that
    /// ended while the socket takes nothing, so that nobody can be told.
    pub fn handle_timeouts(&mut self, now: Instant) -> Vec<&C> {
        let due: Vec<usize> = self
            .sessions
            .iter()
            .filter(|(_, entry)| entry.session.poll_timeout().is_some_and(|at| at <= now))
            .map(|(place, _)| place)
            .collect();
        let mut stuck = Vec::new();
        for place in due {
            let entry = &mut self.sessions[place];
            let accepted_input = entry.session.accepts_input();
            entry.session.handle_timeout(now);
            if entry.session.closed().is_some() && entry.writer.is_none() {
                stuck.push(place);
            }
            entry.wake_writer();
            if !accepted_input {
                entry.wake_reader();
                let key = SessionKey { place: place as u32, generation: entry.generation };
                self.serve_requests(key, now);
            }
        }
        stuck.into_iter().map(|place| &self.sessions[place].connection).collect()
    }

    /// Closes every session.
    pub fn close_all(&mut self, now: Instant, reason: CloseReason) {
        for (_, entry) in &mut self.sessions {
            entry.session.close(now, reason);
            entry.wake_writer();
            entry.wake_reader();
        }
    }

    fn entry(&mut self, key: SessionKey) -> Option<&mut Entry<C>> {
        self.sessions.get_mut(key.place as usize).filter(|entry| entry.generation == key.generation)
    }

    fn serve_requests(&mut self, key: SessionKey, now: Instant) {
        while let Some(entry) = self.entry(key) {
            match entry.session.next_request(now) {
                Some(Request::Subscribe { subscription, wanted, receipt }) => {
                    self.subscribe(key.place, subscription, wanted, receipt.as_deref());
                }
                Some(Request::Unsubscribe { subscription, is_wildcard }) => {
                    self.take_routes(key.place, Some(subscription));
                    if is_wildcard {
                        self.wildcards.retain(|wildcard| {
                            (wildcard.session, wildcard.subscription) != (key.place, subscription)
                        });
                    }
                }
                None => {
                    entry.wake_writer();
                    return;
                }
            }
        }
    }

    fn subscribe(&mut self, place: u32, subscription: u32, wanted: Wanted, receipt: Option<&str>) {
        let newest = match wanted.destination {
            Destination::Price(symbol) => {
                let topic = self.cache.topic_of(&symbol);
                self.add_route(topic, place, subscription, self.baseline(topic, wanted.snapshot));
                self.cache.topic(topic).current.clone()
            }
            Destination::Prices(pattern) => {
                let topics = self.cache.matching(&pattern);
                self.sessions[place as usize].session.charge(topics.len() as f64 / ROUTES_A_FRAME);
                for topic in topics {
                    self.add_route(topic, place, subscription, self.baseline(topic, wanted.snapshot));
                }
                self.wildcards.push(Wildcard { session: place, subscription, pattern });
                None
            }
        };
        let listed = newest.as_deref().filter(|publication| publication.status == Status::Listed);
        self.sessions[place as usize].session.confirm(subscription, receipt, listed);
    }

    /// What a new subscription's first message of the topic is counted from. A delisted symbol has
    /// no state to take a snapshot of.
    fn baseline(&self, topic: TopicId, snapshot: bool) -> Baseline {
        match &self.cache.topic(topic).current {
            Some(newest) if snapshot && newest.status == Status::Listed => Baseline::Snapshot,
            Some(newest) => Baseline::After(newest.ordinal),
            None => Baseline::After(0),
        }
    }

    /// Routes a topic to a subscription, and queues the snapshot if it's owed one.
    fn add_route(&mut self, topic: TopicId, place: u32, subscription: u32, baseline: Baseline) {
        let outbox = self.sessions[place as usize].session.outbox();
        let slot = outbox.insert(subscription, topic, baseline);
        outbox.set_route(slot, self.cache.add_route(topic, Route { session: place, slot }));
        if baseline == Baseline::Snapshot {
            outbox.mark(slot);
        }
    }

    /// Takes away the routes to one subscription of a session, or to all of them.
    fn take_routes(&mut self, place: u32, subscription: Option<u32>) {
        let session = &mut self.sessions[place as usize].session;
        let slots = match subscription {
            Some(subscription) => session.outbox().slots_of(subscription),
            None => session.outbox().slots(),
        };
        session.charge(slots.len() as f64 / ROUTES_A_FRAME);
        for slot in slots {
            let (topic, route) = self.sessions[place as usize].session.outbox().remove(slot);
            if let Some(moved) = self.cache.remove_route(topic, route) {
                self.sessions[moved.session as usize].session.outbox().set_route(moved.slot, route);
            }
        }
    }

    /// A symbol published for the first time: whoever wanted it before it was known gets a route.
    fn expand_wildcards(&mut self, topic: TopicId) {
        let symbol = self.cache.topic(topic).symbol.clone();
        for at in 0..self.wildcards.len() {
            let Wildcard { session, subscription, ref pattern } = self.wildcards[at];
            if pattern.takes(symbol.as_ref()) {
                self.add_route(topic, session, subscription, Baseline::After(0));
            }
        }
    }
}

impl<C> Entry<C> {
    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take_if(|_| self.session.accepts_input()) {
            reader.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take_if(|_| self.session.has_output()) {
            writer.wake();
        }
    }
}

#[cfg(test)]
mod tests;
