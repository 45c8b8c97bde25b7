//! The session's states and what moves it from one to the next.

mod acknowledge;
mod frames;
mod notices;
mod timing;
mod transmit;

pub(super) use timing::BEAT_SHARE;

use std::{sync::Arc, time::Instant};

use slab::Slab;

use super::{
    CloseReason, Inbound, Request, Settings, SubscriptionCounts,
    budget::Budget,
    connect::Agreed,
    control::{Control, ControlQueue},
    deadlines::{Deadline, Deadlines},
    flow::Flow,
    subscription::Subscription,
    transactions::Transactions,
    violation::Violation,
};
use crate::{
    conflation::Outbox,
    stomp::{Decoder, Limits, Version},
};

/// What a message of the transport costs beside the frames in it, in frames. Without it messages that
/// carry nothing, a million of them a second, would take the thread's time from everybody else; one
/// takes 0.4 µs, a frame some 6 µs.
const MESSAGE_COST: f64 = 1.0 / 16.0;

/// One client's conversation.
///
/// The outbox comes first: a tick is marked there, in session after session.
#[derive(Debug)]
#[repr(C)]
pub struct Session {
    outbox: Outbox,
    id: Box<str>,
    settings: Arc<Settings>,
    state: State,
    /// What the client understands: before it's agreed on, frames without escapes.
    version: Version,
    decoder: Decoder,
    control: ControlQueue,
    subscriptions: Slab<Subscription>,
    /// How many of them are wildcards.
    wildcards: usize,
    /// How many of them are to notices.
    notices: usize,
    /// The next subscription's serial.
    next_serial: u32,
    /// Whether a subscription has ended whose messages may still be acknowledged.
    credit_has_ended: bool,
    /// Whether the shard still finds out what the client subscribed to: nothing more is read from it until then, so
    /// that all answers come in order.
    is_starting: bool,
    /// Whether a notice is to be told.
    notices_due: bool,
    flow: Flow,
    transactions: Transactions,
    budget: Budget,
    deadlines: Deadlines,
    last_received: Instant,
    last_sent: Instant,
    /// When output was handed over that isn't in the kernel's hands yet.
    handed_over: Option<Instant>,
    /// How many bytes the client had acknowledged when it was last looked at.
    acknowledged: u64,
    unanswered_pings: u8,
}

#[derive(Clone, Copy, Debug)]
enum State {
    AwaitingConnect,
    Connected(Agreed),
    /// DISCONNECT's receipt is on its way; the client closes first, or the server in the end.
    Disconnecting,
    /// The close frame is queued or sent.
    Closing {
        reason: CloseReason,
        peer_closed: bool,
    },
    /// There is nothing more to say or to hear.
    Closed(CloseReason),
}

impl Session {
    /// A session whose transport has just been opened.
    pub fn new(id: impl Into<Box<str>>, settings: Arc<Settings>, now: Instant) -> Self {
        let mut deadlines = Deadlines::default();
        deadlines.set(Deadline::Connect, now + settings.connect_deadline);
        deadlines.set(Deadline::Ping, now + settings.ping_interval);
        Self {
            id: id.into(),
            state: State::AwaitingConnect,
            version: Version::V1_0,
            decoder: Decoder::new(Limits::with_frame_bytes(settings.frame_bytes_before_connect)),
            budget: Budget::full(settings.frame_rate, now),
            settings,
            control: ControlQueue::default(),
            subscriptions: Slab::new(),
            wildcards: 0,
            notices: 0,
            next_serial: 0,
            credit_has_ended: false,
            is_starting: false,
            notices_due: false,
            flow: Flow::default(),
            transactions: Transactions::default(),
            outbox: Outbox::default(),
            deadlines,
            last_received: now,
            last_sent: now,
            handed_over: None,
            acknowledged: 0,
            unanswered_pings: 0,
        }
    }

    /// The session's name, which the client is told too.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the session is owed.
    pub const fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Since when the socket has taken nothing of what was handed over.
    pub const fn blocked_since(&self) -> Option<Instant> {
        self.handed_over
    }

    /// Whether the client was promised heart-beats, so that it hears from the server without anybody else's doing.
    pub const fn beats(&self) -> bool {
        matches!(self.state, State::Connected(Agreed { beat_to_client: Some(_), .. }))
    }

    /// How many subscriptions stand.
    pub fn subscriptions(&self) -> SubscriptionCounts {
        let Self { wildcards, notices, .. } = *self;
        SubscriptionCounts { exact: self.subscriptions.len() - wildcards - notices, wildcards, notices }
    }

    /// Whether more may be read from the client: not while it doesn't read its answers, not while it
    /// has asked for more than it may, and not while its subscription begins.
    pub fn accepts_input(&self) -> bool {
        !self.control.is_full() && !self.deadlines.is_set(Deadline::Budget) && !self.is_starting
    }

    /// What was just done for the client was this much work, in frames beyond the one it took.
    pub const fn charge(&mut self, frames: f64) {
        self.budget.spend(frames);
    }

    /// The client pays for what it said; nothing more is taken from it while it can't.
    fn pay(&mut self, now: Instant, frames: f64) {
        if matches!(self.state, State::AwaitingConnect | State::Connected(_)) {
            self.budget.spend(frames);
            self.check_budget(now);
        }
    }

    /// Whether the client may ask for something; if not, a deadline tells when.
    fn check_budget(&mut self, now: Instant) -> bool {
        match self.budget.check(self.settings.frame_rate, now) {
            Ok(()) => true,
            Err(at) => {
                self.deadlines.set(Deadline::Budget, at);
                false
            }
        }
    }

    /// How large a message of the transport may be now: no larger than a frame.
    pub fn message_bytes_max(&self) -> usize {
        match self.state {
            State::AwaitingConnect => self.settings.frame_bytes_before_connect,
            _ => self.settings.frame_bytes,
        }
    }

    /// Why the session ended, once there is nothing more to say or to hear.
    pub const fn closed(&self) -> Option<CloseReason> {
        match self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether [`Session::poll_transmit`] has something to do.
    pub fn has_output(&self) -> bool {
        !self.control.is_empty()
            || match self.state {
                State::Connected(_) => self.outbox.is_dirty() || self.notices_due,
                State::Closing { peer_closed, .. } => peer_closed,
                State::Closed(_) => true,
                State::AwaitingConnect | State::Disconnecting => false,
            }
    }

    /// Takes what came from the client. Call [`Session::next_request`] afterwards, until it's `None`.
    pub fn receive(&mut self, now: Instant, inbound: Inbound<'_>) {
        self.last_received = now;
        self.unanswered_pings = 0;
        match inbound {
            Inbound::Data(bytes) => {
                self.pay(now, MESSAGE_COST);
                match self.state {
                    State::AwaitingConnect | State::Connected(_) => self.decoder.push(bytes),
                    // "Clients MUST NOT send any more frames after the DISCONNECT frame is sent."
                    State::Disconnecting | State::Closing { .. } | State::Closed(_) => {}
                }
            }
            Inbound::Ping(payload) if !self.is_ending() => {
                self.control.push(Control::Pong(payload));
                self.pay(now, 1.0);
            }
            Inbound::Ping(_) | Inbound::Pong => self.pay(now, MESSAGE_COST),
            Inbound::Close(code) => self.peer_closes(now, code),
            Inbound::Lost => self.end(CloseReason::ConnectionLost),
            Inbound::Fault(reason, detail) => self.fault(now, reason, detail),
        }
    }

    /// What the shard has to do next for what was received.
    pub fn next_request(&mut self, now: Instant) -> Option<Request> {
        while self.accepts_input() && matches!(self.state, State::AwaitingConnect | State::Connected(_)) {
            if !self.check_budget(now) {
                return None;
            }
            let frame = match self.decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return None,
                Err(error) => {
                    self.refuse(now, &error.into());
                    return None;
                }
            };
            self.budget.spend(1.0);
            match self.handle_frame(now, &frame) {
                Ok(Some(request)) => return Some(request),
                Ok(None) => {}
                Err(violation) => self.refuse(now, &violation.of(&frame)),
            }
        }
        None
    }

    /// The server wants the session to end.
    pub fn close(&mut self, now: Instant, reason: CloseReason) {
        if !self.is_ending() {
            self.control.push(Control::Close { code: reason.code(), text: reason.text() });
            self.begin_close(now, reason, false);
        }
    }

    fn refuse(&mut self, now: Instant, violation: &Violation) {
        if !self.is_ending() {
            self.control.push(Control::Frame(violation.to_frame(self.version)));
            self.close(now, violation.reason());
        }
    }

    /// Whether the last word has been said: nothing may follow a close frame.
    const fn is_ending(&self) -> bool {
        matches!(self.state, State::Closing { .. } | State::Closed(_))
    }

    fn fault(&mut self, now: Instant, reason: CloseReason, detail: &'static str) {
        match reason {
            // Too big is a matter of our limits, which the client can't know: it's told.
            CloseReason::TooBig => {
                self.refuse(now, &Violation::new("frame too big", detail).closing_with(reason));
            }
            _ => self.close(now, reason),
        }
    }

    /// The answer follows what is owed, receipts among it, and carries the client's own code: "the
    /// endpoint typically echos the status code it received" (RFC 6455 §5.5.1).
    fn peer_closes(&mut self, now: Instant, code: Option<u16>) {
        let reason = match self.state {
            State::Closing { reason, .. } => {
                self.state = State::Closing { reason, peer_closed: true };
                return;
            }
            State::Closed(_) => return,
            State::Disconnecting => CloseReason::Disconnected,
            State::AwaitingConnect | State::Connected(_) => CloseReason::ClientClosed,
        };
        self.control.push(Control::Close { code: code.unwrap_or(reason.code()), text: "" });
        self.begin_close(now, reason, true);
    }

    fn begin_close(&mut self, now: Instant, reason: CloseReason, peer_closed: bool) {
        self.state = State::Closing { reason, peer_closed };
        self.await_close(now);
    }

    /// Says the last word, for which there is as long as for any, and waits for the client's.
    pub(super) fn await_close(&mut self, now: Instant) {
        self.stop_timers_but_send();
        let patience = self.settings.send_deadline.max(self.settings.close_deadline);
        self.deadlines.set(Deadline::Close, now + patience);
    }

    fn end(&mut self, reason: CloseReason) {
        let reason = match self.state {
            State::Closing { reason, .. } | State::Closed(reason) => reason,
            State::Disconnecting => CloseReason::Disconnected,
            State::AwaitingConnect | State::Connected(_) => reason,
        };
        self.state = State::Closed(reason);
        self.control.clear();
        // A socket that is stuck is never asked again, and so its writer never sees the end: it's
        // aborted at the deadline of what was handed to it.
        self.stop_timers_but_send();
    }
}
