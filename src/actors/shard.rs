//! The shard actor: gives a [`Shard`] a thread, a clock, connections and metrics.
//!
//! Each worker thread has one. Its task waits for its inbox and for the next look at the
//! deadlines. What a session's client says and hears goes through a [`StompSession`].

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use actix_web::rt;
use prometheus::local::LocalHistogram;
use tokio::sync::Notify;

use super::{
    connection::Connection,
    inbox::{Delivery, Inbox},
    places::Place,
    tally::Tally,
};
use crate::{
    clock::now_us,
    last_value_cache::LastValueCache,
    log_limiter::LogLimiter,
    metrics::{SessionMetrics, seconds},
    session::{
        CloseReason, FrameSink, Inbound, Session, Settings, Severity, SubscriptionCounts, Transmitted,
    },
    shard::{Output, SessionKey, Shard},
    sockjs::Close,
    transport::{Transport, application::Application},
};

/// A socket that was blocked for less isn't counted: it's how TCP works.
const BLOCKED_NOTABLE: Duration = Duration::from_millis(1);

/// A session whose socket has taken nothing for so long is a slow one.
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// One worker thread's shard.
#[derive(Clone)]
pub struct ShardActor(Rc<Inner>);

struct Inner {
    shard: RefCell<Shard<Connection>>,
    inboxes: Arc<[Inbox]>,
    /// When the shard is looked at next for slots that have rested.
    alarm: Cell<Option<Instant>>,
    /// Told when that is too late, and when something was counted.
    sooner: Notify,
    tally: Tally,
    index: usize,
    metrics: SessionMetrics,
    written: RefCell<LocalHistogram>,
    /// Sessions open in the whole process.
    open: Arc<AtomicUsize>,
    next_session: Cell<u64>,
    /// Keeps sessions that end badly from filling the log.
    end_log: RefCell<LogLimiter>,
    reported: Cell<Reported>,
}

/// What this shard has added to the gauges that all shards share.
#[derive(Clone, Copy, Default)]
struct Reported {
    subscriptions: SubscriptionCounts,
    slow: usize,
}

impl std::fmt::Debug for ShardActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardActor").field("index", &self.0.index).finish_non_exhaustive()
    }
}

impl ShardActor {
    /// Starts the shard of this worker thread, whose inbox is the one at `index`.
    pub fn start(
        inboxes: Arc<[Inbox]>,
        index: usize,
        settings: Arc<Settings>,
        metrics: SessionMetrics,
        open: Arc<AtomicUsize>,
    ) -> Self {
        let deadline_interval = settings.deadline_interval();
        let recordings = Arc::clone(&inboxes[index].recordings);
        let actor = Self(Rc::new(Inner {
            shard: RefCell::new(Shard::new(settings, recordings, Instant::now())),
            alarm: Cell::default(),
            sooner: Notify::new(),
            tally: Tally::default(),
            inboxes,
            index,
            written: RefCell::new(metrics.ingested_to_written.local()),
            metrics,
            open,
            next_session: Cell::new(0),
            end_log: RefCell::default(),
            reported: Cell::default(),
        }));
        rt::spawn(actor.clone().run(deadline_interval));
        actor
    }

    /// Looks into the last-value cache.
    pub fn with_cache<T>(&self, look: impl FnOnce(&LastValueCache) -> T) -> T {
        look(self.0.shard.borrow().cache())
    }

    /// Opens a session, whose place is free again when it's over.
    pub fn open(&self, transport: Transport, connection: Connection, place: Place) -> StompSession {
        let inner = &self.0;
        let number = inner.next_session.get();
        inner.next_session.set(number + 1);
        let id = format!("{}-{number}", inner.index);
        let key = inner.shard.borrow_mut().open(id, connection, Instant::now());
        inner.open.fetch_add(1, Ordering::Relaxed);
        inner.metrics.of(transport).open.inc();
        inner.metrics.opened.inc();
        StompSession { actor: self.clone(), key, transport, _place: place }
    }

    /// One timer a thread is cheaper than one a session, and tells all their deadlines; another one tells which slots
    /// have rested.
    async fn run(self, deadline_interval: Duration) {
        let inbox = &self.0.inboxes[self.0.index];
        let mut deadlines = rt::time::interval(deadline_interval);
        deadlines.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut delivery = Delivery::default();
        let mut alarm = pin!(rt::time::sleep(Duration::ZERO));
        loop {
            self.0.tally.add_to(&self.0.metrics);
            let expiry = self.0.shard.borrow().next_expiry();
            if let Some(at) = expiry.filter(|at| self.0.alarm.get() != Some(*at)) {
                alarm.as_mut().reset(at.into());
            }
            self.0.alarm.set(expiry);
            tokio::select! {
                () = inbox.fetch(&mut delivery) => self.0.shard.borrow_mut().take(&mut delivery, Instant::now()),
                _ = deadlines.tick() => self.look_at_deadlines(Instant::now()),
                () = &mut alarm, if expiry.is_some() => self.0.shard.borrow_mut().expire(Instant::now()),
                () = self.0.sooner.notified() => {}
            }
        }
    }

    /// A slot that was just sent rests; maybe not as long as those before it.
    fn check_alarm(&self) {
        let expiry = self.0.shard.borrow().next_expiry();
        if expiry.is_some_and(|at| self.0.alarm.get().is_none_or(|alarm| at < alarm)) {
            self.0.sooner.notify_one();
        }
    }

    fn look_at_deadlines(&self, now: Instant) {
        let mut shard = self.0.shard.borrow_mut();
        shard.note_progress(now, SLOW_AFTER, Connection::acknowledged_bytes);
        for connection in shard.handle_timeouts(now) {
            connection.abort();
        }
        self.0.written.borrow_mut().flush();
        let now_reported =
            Reported { subscriptions: shard.subscriptions(), slow: shard.blocked_sessions(now, SLOW_AFTER) };
        let reported = self.0.reported.replace(now_reported);
        let metrics = &self.0.metrics;
        let (before, after) = (reported.subscriptions, now_reported.subscriptions);
        metrics.exact_subscriptions.add(difference(before.exact, after.exact));
        metrics.wildcard_subscriptions.add(difference(before.wildcards, after.wildcards));
        metrics.notice_subscriptions.add(difference(before.notices, after.notices));
        metrics.slow.add(difference(reported.slow, now_reported.slow));
    }

    fn count(&self, transmitted: &Transmitted, transport: Transport) {
        self.count_blocked(transmitted.blocked_for);
        if let Some(oldest_us) = transmitted.oldest_ingested_us {
            let (messages, conflated) = (u64::from(transmitted.messages), transmitted.conflated);
            self.note_count(self.0.tally.count_messages(transport, messages, conflated));
            self.0.written.borrow_mut().observe(seconds((now_us() - oldest_us).max(0)));
        }
    }

    /// The first count since those before were added is followed by the addition, after the sessions that are about to
    /// send.
    fn note_count(&self, is_first: bool) {
        if is_first {
            self.0.sooner.notify_one();
        }
    }

    /// Clients that break the rules are worth a line each, but not a line each of a flood.
    fn log_end(&self, session: &str, reason: CloseReason, now: Instant) {
        let (code, label) = (reason.code(), reason.label());
        match reason.severity() {
            Severity::Expected => tracing::debug!(session, code, reason = label, "session ended"),
            Severity::Notable => {
                if let Some(untold) = self.0.end_log.borrow_mut().may_tell(now) {
                    tracing::info!(session, code, reason = label, untold, "session ended");
                }
            }
        }
    }

    fn count_blocked(&self, blocked_for: Option<Duration>) {
        if let Some(blocked) = blocked_for.filter(|blocked| *blocked > BLOCKED_NOTABLE) {
            self.0.metrics.write_blocked.observe(blocked.as_secs_f64());
        }
    }
}

fn difference(before: usize, after: usize) -> i64 {
    after as i64 - before as i64
}

/// A client's session on a shard.
#[derive(Debug)]
pub struct StompSession {
    actor: ShardActor,
    key: SessionKey,
    transport: Transport,
    _place: Place,
}

impl Application for StompSession {
    fn accepts_input(&self, reader: &Waker) -> bool {
        self.actor.0.shard.borrow_mut().accepts_input(self.key, reader)
    }

    fn message_bytes_max(&self) -> Option<usize> {
        self.actor.0.shard.borrow_mut().message_bytes_max(self.key)
    }

    fn receive(&self, now: Instant, inbound: Inbound<'_>) {
        self.actor.0.shard.borrow_mut().receive(self.key, now, inbound);
    }

    fn poll_transmit(&self, now: Instant, sink: &mut impl FrameSink, writer: &Waker) -> Output {
        let (output, transmitted) =
            self.actor.0.shard.borrow_mut().poll_transmit(self.key, now, sink, writer);
        self.actor.count(&transmitted, self.transport);
        self.actor.check_alarm();
        output
    }

    fn note_written(&self, now: Instant) {
        let blocked_for = self.actor.0.shard.borrow_mut().note_written(self.key, now);
        self.actor.count_blocked(blocked_for);
    }

    fn note_taken(&self, now: Instant) {
        self.actor.0.shard.borrow_mut().note_taken(self.key, now);
    }

    fn note_sent(&self, bytes: usize) {
        self.actor.note_count(self.actor.0.tally.count_bytes(self.transport, bytes as u64));
    }

    fn note_writes(&self, count: u32) {
        self.actor.note_count(self.actor.0.tally.count_writes(self.transport, u64::from(count)));
    }

    fn beats(&self) -> bool {
        let shard = self.actor.0.shard.borrow();
        shard.session(self.key).is_some_and(Session::beats)
    }

    fn closed(&self) -> Option<Close> {
        let reason = self.actor.0.shard.borrow().session(self.key)?.closed()?;
        Some(Close::new(reason.code(), reason.text()))
    }

    fn end(&self, now: Instant) {
        let inner = &self.actor.0;
        let Some((id, reason)) = inner.shard.borrow_mut().forget(self.key, now) else { return };
        inner.open.fetch_sub(1, Ordering::Relaxed);
        inner.metrics.of(self.transport).open.dec();
        inner.metrics.closed.with_label_values(&[reason.label()]).inc();
        self.actor.log_end(&id, reason, now);
    }
}

impl Drop for StompSession {
    fn drop(&mut self) {
        self.end(Instant::now());
    }
}
