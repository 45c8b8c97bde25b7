//! What goes out: answers first, then the states that are owed, the longest-waiting symbol first.

use std::time::Instant;

use super::{Session, State, Transmitted};
use crate::{
    conflation::{Baseline, Due},
    last_value_cache::LastValueCache,
    publication::{Publication, Status},
    session::{
        FrameSink,
        acknowledgement::{Acknowledgement, MessageId, SubscriptionKey},
        deadlines::Deadline,
    },
    stomp::Version,
};

impl Session {
    /// Fills the sink with what is due. To be called when, and only when, everything that was put
    /// into a sink before is in the kernel's hands.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        cache: &LastValueCache,
        sink: &mut impl FrameSink,
    ) -> Transmitted {
        let blocked_for = self.note_written(now);
        let mut transmitted = Transmitted { blocked_for, ..Transmitted::default() };
        let mut is_heard = self.control.drain_into(sink);
        if matches!(self.state, State::Connected(_)) {
            while sink.has_room() {
                let Some(due) = self.outbox.take_next() else { break };
                if let Some(publication) = &cache.topic(due.topic).current {
                    self.transmit(due, publication, sink, &mut transmitted);
                }
            }
        }
        is_heard |= transmitted.messages > 0;
        if is_heard {
            self.last_sent = now;
        }
        if sink.is_empty() {
            self.said_all(now);
        } else {
            self.handed_over = Some(now);
            self.deadlines.set(Deadline::Send, now + self.settings.send_deadline);
        }
        transmitted
    }

    /// There is nothing to say, and what was said is in the kernel's hands.
    fn said_all(&mut self, now: Instant) {
        match self.state {
            State::Closing { reason, peer_closed: true } => self.end(reason),
            // From here on the client has its time to answer.
            State::Closing { peer_closed: false, .. } | State::Disconnecting => {
                self.deadlines.bring_forward(Deadline::Close, now + self.settings.close_deadline);
            }
            State::AwaitingConnect | State::Connected(_) | State::Closed(_) => {}
        }
    }

    fn transmit(
        &mut self,
        due: Due,
        publication: &Publication,
        sink: &mut impl FrameSink,
        transmitted: &mut Transmitted,
    ) {
        let ordinal = publication.ordinal;
        let (kind, conflated): (&[u8], u64) = match due.baseline {
            // A delisted symbol has no state to take a snapshot of.
            Baseline::Snapshot if publication.status == Status::Delisted => {
                return self.outbox.skipped(due.slot);
            }
            Baseline::Snapshot => (b"type:snapshot\n", 0),
            Baseline::After(sent) if sent >= ordinal => return self.outbox.skipped(due.slot),
            Baseline::After(sent) => match publication.status {
                Status::Listed => (b"type:update\n", ordinal - sent - 1),
                Status::Delisted => (b"type:delisted\n", ordinal - sent - 1),
            },
        };
        self.outbox.sent(due.slot, ordinal);
        let ack = self.note_sent(due.subscription, publication);
        let mut digits = itoa::Buffer::new();
        let conflated_line: [&[u8]; 3] = match conflated {
            0 => [b"", b"", b""],
            _ => [b"conflated:", digits.format(conflated).as_bytes(), b"\n"],
        };
        let [name, count, end] = conflated_line;
        let head = &self.subscriptions[due.subscription as usize].head;
        sink.frame(&[head, kind, name, count, end, ack.as_bytes(), &publication.tail(self.version)]);
        transmitted.messages += 1;
        transmitted.conflated += conflated;
        let oldest = transmitted
            .oldest_ingested_us
            .map_or(publication.ingested_us, |oldest| oldest.min(publication.ingested_us));
        transmitted.oldest_ingested_us = Some(oldest);
    }

    /// Remembers what the client has to acknowledge. Answers the header that tells it by which name,
    /// which 1.2 has and the versions before have not.
    fn note_sent(&mut self, subscription: u32, publication: &Publication) -> String {
        let standing = &mut self.subscriptions[subscription as usize];
        let serial = standing.serial;
        let Some(unacknowledged) = &mut standing.unacknowledged else { return String::new() };
        let message = MessageId::from(&**publication);
        unacknowledged.note_sent(message);
        if self.version < Version::V1_2 {
            return String::new();
        }
        let of = SubscriptionKey { subscription, serial };
        format!("ack:{}\n", Acknowledgement { of, message })
    }
}
