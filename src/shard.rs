//! The shard: the sessions of one thread, their routes, and the last values.
//!
//! A shard is driven from outside: publications, clients' bytes and time come in, and the wakers of
//! those who have something to do are woken. Nothing in it is locked, since nothing in it is shared.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric. (A [`Waker`] is the
//! standard library's way to say "call me again".)

mod recording;
mod routing;

use std::{
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use slab::Slab;

use self::{recording::Recorders, routing::Wildcard};
use crate::{
    conflation::{Pace, Rest, TimingWheel},
    destination::Notices,
    handover::Delivery,
    last_value_cache::{LastValueCache, Put},
    publication::Publication,
    recordings::Recordings,
    session::{
        CloseReason, FrameSink, Inbound, Request, Session, Settings, SubscriptionCounts, Supplies,
        Transmitted,
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
    /// Subscriptions to every tick.
    recorders: Recorders,
    /// Where the slots of all sessions rest.
    wheel: TimingWheel<Rest>,
    /// Room to encode in.
    scratch: Vec<u8>,
    generation: u32,
}

/// A session. Marking one of its slots looks at the first 64 bytes, a line of the processor's cache.
#[derive(Debug)]
#[repr(C, align(64))]
struct Entry<C> {
    /// Who writes to the socket, while it waits for output.
    writer: Option<Waker>,
    session: Session,
    generation: u32,
    connection: C,
    /// Who reads from the socket, while nothing more is taken from the client.
    reader: Option<Waker>,
}

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
    /// A shard without sessions. Whoever hands it ticks one by one reads from `recordings` which.
    pub fn new(settings: Arc<Settings>, recordings: Arc<Recordings>, now: Instant) -> Self {
        Self {
            settings,
            cache: LastValueCache::default(),
            sessions: Slab::new(),
            wildcards: Vec::new(),
            recorders: Recorders::new(recordings),
            wheel: TimingWheel::starting_at(now),
            scratch: Vec::new(),
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
        self.recorders.forget(key.place);
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

    /// Takes what ingest has handed over, in the order that a delivery tells.
    pub fn take(&mut self, delivery: &mut Delivery<Arc<Publication>, CloseReason>, now: Instant) {
        if delivery.ticks_lost {
            self.lose_ticks(now);
        }
        self.publish(delivery.newest.drain(..));
        self.record(delivery.ticks.drain(..), now);
        if let Some(ticket) = delivery.recorded_up_to {
            self.recorded_up_to(ticket, now);
        }
        if let Some(json) = delivery.feed_status.take() {
            self.set_feed_status(json);
        }
        if let Some(reason) = delivery.close.take() {
            self.close_all(now, reason);
        }
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
            for route in self.cache.topic(topic).routes.take_awaiting() {
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
        entry.writer = None;
        let accepted_input = entry.session.accepts_input();
        let pace = Pace { wheel: &mut self.wheel, session: key.place };
        let mut supplies = Supplies { cache: &self.cache, pace, scratch: &mut self.scratch };
        let transmitted = entry.session.poll_transmit(now, &mut supplies, sink);
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

    /// When [`Shard::expire`] has to be called next, maybe some time too early; `None` while no slot rests.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.wheel.next_expiry()
    }

    /// Lets the slots go on that have rested for as long as they had to.
    pub fn expire(&mut self, now: Instant) {
        while let Some(Rest { session, slot }) = self.wheel.pop_expired(now) {
            let entry = &mut self.sessions[session as usize];
            entry.session.outbox().rested(slot);
            entry.wake_writer();
        }
    }

    /// The feed's status has changed to what this JSON tells.
    pub fn set_feed_status(&mut self, json: Arc<str>) {
        self.cache.set_feed(json);
        for (_, entry) in &mut self.sessions {
            entry.session.owe_notices(Notices::Feed);
            entry.wake_writer();
        }
    }

    /// Closes every session.
    pub fn close_all(&mut self, now: Instant, reason: CloseReason) {
        for (_, entry) in &mut self.sessions {
            if reason == CloseReason::Shutdown {
                entry.session.say_draining(self.cache.feed());
            }
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
                    self.subscribe(key.place, subscription, wanted, receipt);
                }
                Some(Request::Unsubscribe { subscription, is_wildcard, is_every }) => {
                    self.unsubscribe(key.place, subscription, is_wildcard, is_every);
                }
                None => {
                    entry.wake_writer();
                    return;
                }
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
