//! What time does to a session: its deadlines, its pings and its heart-beats.

use std::time::{Duration, Instant};

use super::{Session, State};
use crate::{
    destination::Notices,
    session::{CloseReason, connect::Agreed, control::Control, deadlines::Deadline, violation::Violation},
};

/// Beats are sent after this share of the agreed interval, to leave the network the rest.
pub(in crate::session) const BEAT_SHARE: f64 = 0.8;

impl Session {
    /// When [`Session::handle_timeout`] has to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Lets everything happen that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadlines.take_due(Deadline::Send, now) {
            self.end(CloseReason::Slow);
        }
        self.deadlines.take_due(Deadline::Budget, now);
        if self.deadlines.take_due(Deadline::Recovery, now) && self.flow.recover(now) {
            self.owe_notices(Notices::Session);
        }
        if self.deadlines.take_due(Deadline::Connect, now) {
            let violation = Violation::new("no CONNECT", "no CONNECT or STOMP frame came in time")
                .closing_with(CloseReason::ConnectDeadline);
            self.refuse(now, &violation);
        }
        if self.deadlines.take_due(Deadline::Close, now) {
            match self.state {
                State::Disconnecting => self.close(now, CloseReason::Disconnected),
                State::Closing { reason, .. } => self.end(reason),
                State::AwaitingConnect | State::Connected(_) | State::Closed(_) => {}
            }
        }
        if self.deadlines.take_due(Deadline::Ping, now) {
            self.ping(now);
        }
        if self.deadlines.take_due(Deadline::Beat, now) {
            self.beat(now);
        }
    }

    /// The client has acknowledged so many bytes since its connection began. Whoever takes a little
    /// of what was handed over gets time for the rest.
    pub fn note_progress(&mut self, now: Instant, acknowledged: u64) {
        if self.acknowledged != acknowledged && self.handed_over.is_some() {
            self.acknowledged = acknowledged;
            self.deadlines.set(Deadline::Send, now + self.settings.send_deadline);
        }
    }

    /// Everything that was handed over is in the kernel's hands, while nobody asks for more: a client that polls has
    /// its answer and hasn't sent the next request. How long it took.
    pub fn note_written(&mut self, now: Instant) -> Option<Duration> {
        self.deadlines.clear(Deadline::Send);
        self.handed_over.take().map(|begin| now.duration_since(begin))
    }

    /// The client, or the kernel for it, takes what is said, on a transport without an answer to a PING. That's no sign
    /// of a client that has promised to send heart-beats.
    pub const fn note_taken(&mut self, now: Instant) {
        if !matches!(self.state, State::Connected(Agreed { beat_from_client: Some(_), .. })) {
            self.last_received = now;
            self.unanswered_pings = 0;
        }
    }

    pub(super) fn stop_timers_but_send(&mut self) {
        const TIMERS: [Deadline; 6] = [
            Deadline::Connect,
            Deadline::Beat,
            Deadline::Ping,
            Deadline::Close,
            Deadline::Budget,
            Deadline::Recovery,
        ];
        TIMERS.into_iter().for_each(|deadline| self.deadlines.clear(deadline));
    }

    fn ping(&mut self, now: Instant) {
        let patience = match self.state {
            State::Connected(Agreed { beat_from_client: Some(interval), .. }) => {
                self.settings.silence_floor.max(interval * 3)
            }
            _ => self.settings.silence_floor,
        };
        // Whoever isn't listened to can't be told from somebody silent.
        let is_heard = self.accepts_input();
        if is_heard && self.unanswered_pings >= 2 && now.duration_since(self.last_received) >= patience {
            self.close(now, CloseReason::Silent);
            return;
        }
        self.control.push(Control::Ping);
        self.unanswered_pings = self.unanswered_pings.saturating_add(1);
        self.deadlines.set(Deadline::Ping, now + self.settings.ping_interval);
    }

    fn beat(&mut self, now: Instant) {
        let State::Connected(Agreed { beat_to_client: Some(interval), .. }) = self.state else { return };
        let interval = interval.mul_f64(BEAT_SHARE);
        if self.last_sent + interval <= now {
            self.control.push(Control::Beat);
            self.deadlines.set(Deadline::Beat, now + interval);
        } else {
            self.deadlines.set(Deadline::Beat, self.last_sent + interval);
        }
    }
}
