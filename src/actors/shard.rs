//! The shard actor: gives a [`Shard`] a thread, a clock, sockets and metrics.
//!
//! Each worker thread has one. Its task waits for its mailbox and for the next look at the
//! deadlines. Each session has two more parties on the thread: a reader task, which waits for the
//! client's bytes, and a writer, the response body, which actix polls when every byte it wrote
//! before is in the kernel's hands.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{
    body::{BodySize, MessageBody},
    rt, web,
};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use prometheus::local::LocalHistogram;

use super::mailbox::{Delivery, Mailbox};
use crate::{
    clock::now_us,
    last_value_cache::LastValueCache,
    metrics::{SessionMetrics, seconds},
    session::{CloseReason, Inbound, Settings, Severity, SubscriptionCounts, Transmitted},
    shard::{Output, SessionKey, Shard},
    transport::{
        socket::Socket,
        websocket::{Reader, Received, Writer},
    },
};

/// A socket that was blocked for less isn't counted: it's how TCP works.
const BLOCKED_NOTABLE: Duration = Duration::from_millis(1);

/// A session whose socket has taken nothing for so long is a slow one.
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// One worker thread's shard.
#[derive(Clone)]
pub struct ShardActor(Rc<Inner>);

struct Inner {
    shard: RefCell<Shard<Socket>>,
    mailboxes: Arc<[Mailbox]>,
    index: usize,
    metrics: SessionMetrics,
    written: RefCell<LocalHistogram>,
    /// What is about to be handed to actix, which copies it; so the room is used again and again.
    scratch: RefCell<BytesMut>,
    /// Sessions open in the whole process.
    open: Arc<AtomicUsize>,
    next_session: Cell<u64>,
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
    /// Starts the shard of this worker thread, whose mailbox is the one at `index`.
    pub fn start(
        mailboxes: Arc<[Mailbox]>,
        index: usize,
        settings: Arc<Settings>,
        metrics: SessionMetrics,
        open: Arc<AtomicUsize>,
    ) -> Self {
        let deadline_interval = settings.deadline_interval();
        let actor = Self(Rc::new(Inner {
            shard: RefCell::new(Shard::new(settings)),
            mailboxes,
            index,
            written: RefCell::new(metrics.ingested_to_written.local()),
            metrics,
            scratch: RefCell::default(),
            open,
            next_session: Cell::new(0),
            reported: Cell::default(),
        }));
        rt::spawn(actor.clone().run(deadline_interval));
        actor
    }

    /// Looks into the last-value cache.
    pub fn with_cache<T>(&self, look: impl FnOnce(&LastValueCache) -> T) -> T {
        look(self.0.shard.borrow().cache())
    }

    /// Opens a session on a WebSocket whose client's bytes come out of `payload`. The body that's
    /// answered is its output; the session ends when the body is dropped.
    pub fn open(&self, socket: Socket, payload: web::Payload) -> SessionBody {
        let inner = &self.0;
        let number = inner.next_session.get();
        inner.next_session.set(number + 1);
        let id = format!("{}-{number}", inner.index);
        socket.leave_to_session();
        let key = inner.shard.borrow_mut().open(id, socket.clone(), Instant::now());
        inner.open.fetch_add(1, Ordering::Relaxed);
        inner.metrics.open.inc();
        inner.metrics.opened.inc();
        rt::spawn(self.clone().read(key, payload));
        SessionBody { actor: self.clone(), key, socket }
    }

    /// One timer a thread is cheaper than one a session, and tells all their deadlines.
    async fn run(self, deadline_interval: Duration) {
        let mailbox = &self.0.mailboxes[self.0.index];
        let mut deadlines = rt::time::interval(deadline_interval);
        deadlines.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut delivery = Delivery::default();
        loop {
            tokio::select! {
                () = mailbox.arrived() => {
                    mailbox.fetch(&mut delivery);
                    self.take(&mut delivery);
                }
                _ = deadlines.tick() => self.look_at_deadlines(Instant::now()),
            }
        }
    }

    fn take(&self, delivery: &mut Delivery) {
        let mut shard = self.0.shard.borrow_mut();
        shard.publish(delivery.publications.drain(..));
        if let Some(reason) = delivery.close {
            shard.close_all(Instant::now(), reason);
        }
    }

    fn look_at_deadlines(&self, now: Instant) {
        let mut shard = self.0.shard.borrow_mut();
        shard.note_progress(now, SLOW_AFTER, Socket::acknowledged_bytes);
        for socket in shard.handle_timeouts(now) {
            socket.abort();
        }
        self.0.written.borrow_mut().flush();
        let now_reported =
            Reported { subscriptions: shard.subscriptions(), slow: shard.blocked_sessions(now, SLOW_AFTER) };
        let reported = self.0.reported.replace(now_reported);
        let metrics = &self.0.metrics;
        let (before, after) = (reported.subscriptions, now_reported.subscriptions);
        metrics.exact_subscriptions.add(difference(before.exact, after.exact));
        metrics.wildcard_subscriptions.add(difference(before.wildcards, after.wildcards));
        metrics.slow.add(difference(reported.slow, now_reported.slow));
    }

    /// The session's reader. It reads to the end, also what can't be understood any more: a
    /// connection that is closed while bytes wait to be read is reset, and the client loses the
    /// ERROR that would have told it why.
    async fn read(self, key: SessionKey, mut payload: web::Payload) {
        let mut reader = Some(Reader::default());
        loop {
            let next = poll_fn(|context| {
                if self.0.shard.borrow_mut().accepts_input(key, context.waker()) {
                    Pin::new(&mut payload).poll_next(context)
                } else {
                    Poll::Pending
                }
            });
            let Some(Ok(bytes)) = next.await else { break };
            if let Some(frames) = &mut reader {
                frames.push(bytes);
                if !self.take_frames(key, frames).await {
                    reader = None;
                }
            }
            // A client that never stops sending takes its turn like everybody else.
            tokio::task::yield_now().await;
        }
        self.0.shard.borrow_mut().receive(key, Instant::now(), Inbound::Lost);
    }

    /// Hands on what has been read; false once nothing more can be understood.
    async fn take_frames(&self, key: SessionKey, reader: &mut Reader) -> bool {
        loop {
            poll_fn(|context| {
                let accepts = self.0.shard.borrow_mut().accepts_input(key, context.waker());
                if accepts { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let mut shard = self.0.shard.borrow_mut();
            let Some(payload_bytes_max) = shard.message_bytes_max(key) else { return false };
            let now = Instant::now();
            match reader.next(payload_bytes_max) {
                Ok(Some(Received::Data(bytes))) => shard.receive(key, now, Inbound::Data(&bytes)),
                Ok(Some(Received::Ping(payload))) => shard.receive(key, now, Inbound::Ping(payload)),
                Ok(Some(Received::Pong)) => shard.receive(key, now, Inbound::Pong),
                Ok(Some(Received::Close(code))) => shard.receive(key, now, Inbound::Close(code)),
                Ok(None) => return true,
                Err(violation) => {
                    shard.receive(key, now, Inbound::Fault(violation.reason, violation.detail));
                    return false;
                }
            }
        }
    }

    fn count(&self, transmitted: &Transmitted, bytes: usize) {
        let metrics = &self.0.metrics;
        metrics.bytes.inc_by(bytes as u64);
        if let Some(oldest_us) = transmitted.oldest_ingested_us {
            metrics.messages.inc_by(u64::from(transmitted.messages));
            metrics.conflated.inc_by(transmitted.conflated);
            self.0.written.borrow_mut().observe(seconds((now_us() - oldest_us).max(0)));
        }
    }
}

fn difference(before: usize, after: usize) -> i64 {
    after as i64 - before as i64
}

/// A session's writer: the body of the response that upgraded the connection.
///
/// The server is set up so that actix asks for the next chunk only when it has written all of the
/// one before ([`h1_write_buffer_size`](actix_web::HttpServer::h1_write_buffer_size) of one byte).
/// So nothing waits between the session's outbox and the kernel but the chunk that is being written.
#[derive(Debug)]
pub struct SessionBody {
    actor: ShardActor,
    key: SessionKey,
    socket: Socket,
}

impl MessageBody for SessionBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let inner = &self.actor.0;
        let mut scratch = inner.scratch.borrow_mut();
        let mut writer = Writer(&mut scratch);
        let (output, transmitted) =
            inner.shard.borrow_mut().poll_transmit(self.key, Instant::now(), &mut writer, context.waker());
        if let Some(blocked) = transmitted.blocked_for.filter(|blocked| *blocked > BLOCKED_NOTABLE) {
            inner.metrics.write_blocked.observe(blocked.as_secs_f64());
        }
        match output {
            Output::Ready => {
                let chunk = scratch.split().freeze();
                self.actor.count(&transmitted, chunk.len());
                Poll::Ready(Some(Ok(chunk)))
            }
            Output::Pending => Poll::Pending,
            Output::Finished => {
                // Everything that was said is in the kernel's hands.
                self.socket.finish();
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for SessionBody {
    fn drop(&mut self) {
        let inner = &self.actor.0;
        let Some((id, reason)) = inner.shard.borrow_mut().forget(self.key, Instant::now()) else { return };
        inner.open.fetch_sub(1, Ordering::Relaxed);
        inner.metrics.open.dec();
        inner.metrics.closed.with_label_values(&[reason.label()]).inc();
        log_end(&id, reason);
    }
}

fn log_end(session: &str, reason: CloseReason) {
    let (code, reason_label) = (reason.code(), reason.label());
    match reason.severity() {
        Severity::Expected => tracing::debug!(session, code, reason = reason_label, "session ended"),
        Severity::Notable => tracing::info!(session, code, reason = reason_label, "session ended"),
    }
}
