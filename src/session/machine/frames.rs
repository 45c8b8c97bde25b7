//! What each of a client's frames does to its session.

use std::time::Instant;

use super::{Request, Session, State, timing::BEAT_SHARE};
use crate::{
    conflation::room_step,
    session::{
        CloseReason, connect,
        control::Control,
        deadlines::Deadline,
        subscription::{self, Naming, Subject, Subscription},
        violation::Violation,
    },
    stomp::{Command, Frame, FrameBuilder, Limits},
};

impl Session {
    pub(super) fn handle_frame(&mut self, now: Instant, frame: &Frame) -> Result<Option<Request>, Violation> {
        let is_connected = matches!(self.state, State::Connected(_));
        match frame.command {
            Command::Connect | Command::Stomp if is_connected => {
                Err(Violation::new("already connected", "a session has one CONNECT"))
            }
            Command::Connect | Command::Stomp => self.connect(now, frame).map(|()| None),
            _ if !is_connected => {
                Err(Violation::new("not connected", "the first frame must be CONNECT or STOMP"))
            }
            Command::Subscribe => self.subscribe(frame).map(Some),
            Command::Unsubscribe => self.unsubscribe(frame),
            Command::Disconnect => {
                self.disconnect(now, frame);
                Ok(None)
            }
            Command::Send => {
                let destination =
                    frame.headers.get("destination").ok_or_else(|| subscription::missing("destination"))?;
                let detail = format!("nothing can be sent to {destination:.100?}; prices come from Kafka");
                Err(Violation::new("unknown destination", detail))
            }
            Command::Ack | Command::Nack => self.acknowledge(frame).map(|()| None),
            Command::Begin | Command::Commit | Command::Abort => self.transact(frame).map(|()| None),
        }
    }

    fn connect(&mut self, now: Instant, frame: &Frame) -> Result<(), Violation> {
        let (agreed, connected) = connect::negotiate(frame, &self.id, &self.settings)?;
        self.deadlines.clear(Deadline::Connect);
        if let Some(interval) = agreed.beat_to_client {
            self.deadlines.set(Deadline::Beat, now + interval.mul_f64(BEAT_SHARE));
        }
        self.version = agreed.version;
        self.decoder.agree(agreed.version, Limits::with_frame_bytes(self.settings.frame_bytes));
        self.state = State::Connected(agreed);
        self.control.push(Control::Frame(connected));
        Ok(())
    }

    fn subscribe(&mut self, frame: &Frame) -> Result<Request, Violation> {
        let standing = self.subscriptions.iter().map(|(_, subscription)| subscription);
        let (subscription, wanted) =
            subscription::parse(frame, self.version, self.next_serial, standing, &self.settings)?;
        self.next_serial += 1;
        self.wildcards += usize::from(subscription.is_wildcard());
        self.notices += usize::from(subscription.is_of_notices());
        self.notices_due |= matches!(subscription.subject, Subject::Notices { is_due: true, .. });
        self.is_starting = true;
        let terms = subscription.terms();
        if self.subscriptions.len() == self.subscriptions.capacity() {
            self.subscriptions.reserve_exact(room_step(self.subscriptions.len()));
        }
        let place = self.subscriptions.insert(subscription);
        let subscription = u32::try_from(place).expect("subscriptions are bounded");
        self.outbox.begin(subscription, terms);
        Ok(Request::Subscribe { subscription, wanted, receipt: receipt_of(frame) })
    }

    fn unsubscribe(&mut self, frame: &Frame) -> Result<Option<Request>, Violation> {
        let naming = Naming::of(frame, self.version)?;
        let standing = || self.subscriptions.iter();
        let own = standing().find(|(_, subscription)| naming.is_of(&subscription.name));
        let found = own.or_else(|| standing().find(|(_, it)| naming.is_destination_of(&it.name)));
        // An unknown name is answered like a known one: pages unmount twice.
        let request = found.map(|(place, _)| place).map(|place| {
            let ended = self.remove_subscription(place);
            let subscription = u32::try_from(place).expect("subscriptions are bounded");
            Request::Unsubscribe {
                subscription,
                is_wildcard: ended.is_wildcard(),
                is_every: ended.is_every(),
            }
        });
        self.give_receipt(frame);
        Ok(request)
    }

    pub(super) fn remove_subscription(&mut self, place: usize) -> Subscription {
        let ended = self.subscriptions.remove(place);
        self.wildcards -= usize::from(ended.is_wildcard());
        self.notices -= usize::from(ended.is_of_notices());
        self.credit_has_ended |= ended.unacknowledged.is_some();
        ended
    }

    fn disconnect(&mut self, now: Instant, frame: &Frame) {
        if self.give_receipt(frame) {
            self.state = State::Disconnecting;
            self.await_close(now);
        } else {
            self.close(now, CloseReason::Disconnected);
        }
    }

    pub(super) fn give_receipt(&mut self, frame: &Frame) -> bool {
        let Some(receipt) = frame.headers.get("receipt") else { return false };
        let frame = FrameBuilder::new("RECEIPT", self.version).header("receipt-id", receipt).end();
        self.control.push(Control::Frame(frame));
        true
    }
}

fn receipt_of(frame: &Frame) -> Option<String> {
    frame.headers.get("receipt").map(str::to_owned)
}
