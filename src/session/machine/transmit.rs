//! What goes out: answers first, then the states that are owed, the longest-waiting symbol first.

use std::time::Instant;

use super::{Session, State};
use crate::{
    conflation::{Baseline, Due, Stamp},
    publication::{Publication, Status, View},
    session::{
        FrameSink, Supplies, Transmitted,
        acknowledgement::{Acknowledgement, MessageId, SubscriptionKey},
        deadlines::Deadline,
        preamble::Preamble,
        subscription::{Projection, Subscription},
    },
    stomp::Version,
};

/// The `type` of a MESSAGE.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A whole state that replaces whatever was known.
    Snapshot,
    Update,
    Delisted,
}

impl Kind {
    fn put_into(self, preamble: &mut Preamble) {
        match self {
            Self::Snapshot => preamble.put_fixed(b"type:snapshot\n"),
            Self::Update => preamble.put_fixed(b"type:update\n"),
            Self::Delisted => preamble.put_fixed(b"type:delisted\n"),
        }
    }
}

/// What a state is to the one who gets it.
struct News {
    kind: Kind,
    /// Ticks that were folded into it beyond the one it shows.
    conflated: u64,
    /// What is told of it, if not everything: that is encoded once for all.
    view: Option<View>,
}

impl Session {
    /// Fills the sink with what is due. To be called when, and only when, everything that was put
    /// into a sink before is in the kernel's hands.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        supplies: &mut Supplies<'_>,
        sink: &mut impl FrameSink,
    ) -> Transmitted {
        let blocked_for = self.note_written(now);
        let mut transmitted = Transmitted { blocked_for, ..Transmitted::default() };
        let is_connected = matches!(self.state, State::Connected(_));
        if is_connected {
            self.note_flow(now);
            self.say_notices(supplies.cache.feed());
        }
        let mut is_heard = self.control.drain_into(sink);
        if is_connected {
            // A sink may have to ask the kernel: only if there is something for it.
            while self.outbox.is_dirty() && sink.has_room() {
                let Some(due) = self.outbox.take_next() else { break };
                self.serve(now, &due, supplies, sink, &mut transmitted);
                if due.is_last {
                    self.outbox.remove(due.slot, &mut supplies.pace);
                    self.end_if_told(due.subscription, &mut supplies.pace);
                }
            }
        }
        is_heard |= transmitted.messages > 0;
        if is_heard {
            self.last_sent = now;
        }
        if sink.is_empty() {
            self.note_rest(now);
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

    /// Sends what a slot is owed, if it's news.
    fn serve(
        &mut self,
        now: Instant,
        due: &Due,
        supplies: &mut Supplies<'_>,
        sink: &mut impl FrameSink,
        transmitted: &mut Transmitted,
    ) {
        let topic = supplies.cache.topic(due.topic);
        if let Some(route) = due.route {
            topic.routes.await_news(route);
        }
        let state = due.tick.as_ref().or(topic.current.as_ref());
        let news = state.and_then(|state| Some((state, self.news(due, state)?)));
        let Some((state, News { kind, conflated, view })) = news else {
            return self.outbox.skipped(due.slot);
        };
        self.outbox.sent(due.slot, state, now, &mut supplies.pace);
        let ack = self.note_sent(due.subscription, state);
        let Subscription { head, name, .. } = &self.subscriptions[due.subscription as usize];
        let mut preamble = Preamble::default();
        let begin = head.begin(name, &mut preamble);
        kind.put_into(&mut preamble);
        if conflated > 0 {
            preamble.put_fixed(b"conflated:");
            preamble.put(itoa::Buffer::new().format(conflated).as_bytes());
            preamble.put_fixed(b"\n");
        }
        let mut frame = |tail: &[u8]| match (begin, &*ack) {
            (b"", "") => sink.frame(&[preamble.as_bytes(), tail]),
            _ => sink.frame(&[begin, preamble.as_bytes(), ack.as_bytes(), tail]),
        };
        match view {
            None => frame(&state.tail(self.version)),
            Some(view) => {
                supplies.scratch.clear();
                state.write_tail(self.version, view, supplies.scratch);
                frame(supplies.scratch);
            }
        }
        transmitted.messages += 1;
        transmitted.conflated += conflated;
        let oldest = transmitted.oldest_ingested_us.map_or(state.ingested_us, |us| us.min(state.ingested_us));
        transmitted.oldest_ingested_us = Some(oldest);
    }

    /// What a state is to the one who was sent what the slot remembers; nothing if it's no news.
    fn news(&self, due: &Due, state: &Publication) -> Option<News> {
        let ordinal = state.ordinal;
        let (kind, conflated) = match due.baseline {
            // A delisted symbol has no state to take a snapshot of.
            Baseline::Snapshot if state.status == Status::Delisted => return None,
            Baseline::Snapshot => (Kind::Snapshot, 0),
            Baseline::After(sent) if sent >= Stamp::from(&**state) => return None,
            // No tick but the trading day began anew. A client that knows this `seq` takes a snapshot all the same.
            Baseline::After(sent) if sent.ordinal() == ordinal => (Kind::Snapshot, 0),
            Baseline::After(sent) => match state.status {
                Status::Listed => (Kind::Update, ordinal - sent.ordinal() - 1),
                Status::Delisted => (Kind::Delisted, ordinal - sent.ordinal() - 1),
            },
        };
        let projection = self.subscriptions[due.subscription as usize].projection();
        let Some(Projection { fields, delta }) = projection else {
            return Some(News { kind, conflated, view: None });
        };
        let mut view = View::State(fields);
        if let Some(last) = self.outbox.last_sent(due.slot) {
            let changed = state.changed_since(last).intersect(fields);
            if changed.is_empty() && last.status == state.status {
                return None;
            }
            if delta && kind != Kind::Snapshot {
                view = View::Changes(changed);
            }
        }
        Some(News { kind, conflated, view: Some(view) })
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
