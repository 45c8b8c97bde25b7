//! What a session tells beside prices: that a subscription stands, how the feed is, and how the session is.

use std::time::{Duration, Instant};

use super::Session;
use crate::{
    conflation::Pace,
    destination::Notices,
    last_value_cache::FeedNotice,
    market::Symbol,
    publication::Publication,
    session::{
        control::Control,
        deadlines::Deadline,
        flow::{Pulse, RECOVERY},
        subscription::{Subject, Subscription},
    },
    stomp::{FrameBuilder, Version},
};

impl Session {
    /// The subscription's routes stand and its snapshot is queued. `newest` is the state that the
    /// snapshot will have, if it's of one symbol.
    pub fn confirm(
        &mut self,
        subscription: u32,
        receipt: Option<&str>,
        newest: Option<&Publication>,
        pace: &mut Pace<'_>,
    ) {
        self.is_starting = false;
        if self.is_ending() {
            return;
        }
        if let Some(receipt) = receipt {
            let frame = FrameBuilder::new("RECEIPT", self.version).header("receipt-id", receipt);
            let standing = &self.subscriptions[subscription as usize];
            let frame = if standing.is_once() {
                frame.header("snapshots", &self.outbox.count_of(subscription).to_string())
            } else {
                standing.tell_effective(frame)
            };
            let seq = newest.map(|publication| publication.seq.to_string());
            let frame = frame
                .optional("seq", seq.as_deref())
                .optional("epoch", newest.map(|publication| &*publication.epoch))
                .end();
            self.control.push(Control::Frame(frame));
        }
        self.end_if_told(subscription, pace);
    }

    /// A subscription to something that is sent once is over when that was sent.
    pub(super) fn end_if_told(&mut self, subscription: u32, pace: &mut Pace<'_>) {
        let place = subscription as usize;
        if self.subscriptions[place].is_once() && self.outbox.count_of(subscription) == 0 {
            self.outbox.end(subscription, pace);
            self.remove_subscription(place);
        }
    }

    /// The client asked for the newest state of a symbol that has none.
    pub fn note_unknown(&mut self, symbol: &Symbol) {
        let json = format!(r#"{{"error":"unknown symbol","destination":"/app/snapshot.{symbol}"}}"#);
        let number = u64::from(self.next_serial);
        for (_, Subscription { subject, head, name, .. }) in &self.subscriptions {
            if matches!(subject, Subject::Notices { of: Notices::Errors, .. }) {
                self.control.push(notice(
                    &head.whole(name),
                    Notices::Errors,
                    "update",
                    number,
                    &json,
                    self.version,
                ));
            }
        }
    }

    /// Whoever subscribed to these notices is to be told.
    pub fn owe_notices(&mut self, notices: Notices) {
        if self.notices == 0 {
            return;
        }
        for (_, subscription) in &mut self.subscriptions {
            if let Subject::Notices { of, is_due, .. } = &mut subscription.subject
                && *of == notices
            {
                *is_due = true;
                self.notices_due = true;
            }
        }
    }

    /// Says the notices that are due. There is one a subscription at most, the newest.
    pub(super) fn say_notices(&mut self, feed: &FeedNotice) {
        if !std::mem::take(&mut self.notices_due) {
            return;
        }
        for (_, subscription) in &mut self.subscriptions {
            let Subscription { subject, head, name, .. } = subscription;
            let Subject::Notices { of, is_begun, is_due } = subject else { continue };
            if !std::mem::take(is_due) {
                continue;
            }
            let head = &head.whole(name);
            let kind = if std::mem::replace(is_begun, true) { "update" } else { "snapshot" };
            let frame = match of {
                Notices::Feed => notice(head, *of, kind, feed.number, &feed.json, self.version),
                Notices::Session => {
                    let (number, json) = self.flow.notice();
                    notice(head, *of, kind, number, &json, self.version)
                }
                // There is no present state of errors.
                Notices::Errors => continue,
            };
            self.control.push(frame);
        }
    }

    /// The server is about to stop, which whoever wants to know is told before the close.
    pub fn say_draining(&mut self, feed: &FeedNotice) {
        if !self.is_ending() {
            self.flow.drain();
            self.owe_notices(Notices::Session);
            self.say_notices(feed);
        }
    }

    /// There is nothing to say.
    pub(super) fn note_rest(&mut self, now: Instant) {
        if self.flow.note_rest() && !self.deadlines.is_set(Deadline::Recovery) && !self.is_ending() {
            self.deadlines.set(Deadline::Recovery, now + RECOVERY);
        }
    }

    /// The socket has taken everything: measures how long that took.
    pub(super) fn note_flow(&mut self, now: Instant) {
        let subscriptions = &self.subscriptions;
        let interval = || {
            let intervals = subscriptions.iter().filter(|(_, it)| !it.is_of_notices());
            let of = |it: &Subscription| it.terms().interval.unwrap_or_default();
            intervals.map(|(_, it)| of(it)).min().unwrap_or(Duration::ZERO)
        };
        match self.flow.note_room(now, self.outbox.progress(), interval) {
            Pulse::Steady => {}
            Pulse::Quick if self.deadlines.is_set(Deadline::Recovery) => {}
            Pulse::Quick => self.deadlines.set(Deadline::Recovery, now + RECOVERY),
            Pulse::Slow => self.deadlines.clear(Deadline::Recovery),
            Pulse::Changed => {
                self.deadlines.clear(Deadline::Recovery);
                self.owe_notices(Notices::Session);
            }
        }
    }
}

impl Subscription {
    /// What was asked for is told as it's in force.
    fn tell_effective(&self, receipt: FrameBuilder) -> FrameBuilder {
        if !matches!(self.subject, Subject::Price | Subject::Prices) {
            return receipt;
        }
        let max_rate = self.options.as_ref().map_or_else(Default::default, |options| options.max_rate);
        let prefetch = self.prefetch().map(|count| count.to_string());
        receipt
            .header("effective-mode", if self.is_every() { "every" } else { "latest" })
            .header("effective-max-rate", &max_rate.to_string())
            .optional("effective-prefetch-count", prefetch.as_deref())
    }
}

/// A notice as a MESSAGE, for the subscription whose frames begin so.
fn notice(head: &[u8], of: Notices, kind: &str, number: u64, json: &str, version: Version) -> Control {
    let name = match of {
        Notices::Feed => "feed",
        Notices::Session => "session",
        Notices::Errors => "error",
    };
    let frame = FrameBuilder::resume(head, version)
        .header("type", kind)
        .header("message-id", &format!("{name}-{number}"))
        .header("destination", of.destination())
        .header("content-type", "application/json")
        .body(json.as_bytes());
    Control::Frame(frame)
}
