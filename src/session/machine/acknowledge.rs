//! ACK, NACK, and the transactions that they may be in.

use super::Session;
use crate::{
    session::{
        acknowledgement::{Acknowledgement, MessageId, SubscriptionKey},
        subscription::{self, Name, Subscription},
        violation::Violation,
    },
    stomp::{Command, Frame, Version},
};

impl Session {
    pub(super) fn acknowledge(&mut self, frame: &Frame) -> Result<(), Violation> {
        if frame.command == Command::Nack && self.version == Version::V1_0 {
            return Err(Violation::new("unknown command", "there is no NACK in STOMP 1.0"));
        }
        let acknowledgement = self.find_acknowledged(frame)?;
        match (frame.headers.get("transaction"), acknowledgement) {
            (Some(transaction), it) => self.transactions.add(transaction, it)?,
            (None, Some(it)) => {
                self.apply(it);
                // The client answers what it was sent: that can't be more than the server wants.
                self.budget.refund();
            }
            (None, None) => {}
        }
        self.give_receipt(frame);
        Ok(())
    }

    pub(super) fn transact(&mut self, frame: &Frame) -> Result<(), Violation> {
        let name = frame.headers.get("transaction").ok_or_else(|| subscription::missing("transaction"))?;
        match frame.command {
            Command::Begin => self.transactions.begin(name)?,
            Command::Commit => {
                for acknowledgement in self.transactions.end(name)? {
                    self.apply(acknowledgement);
                }
            }
            _ => drop(self.transactions.end(name)?),
        }
        self.give_receipt(frame);
        Ok(())
    }

    /// Makes room for what was acknowledged. What isn't there any more, its subscription being gone
    /// or the message acknowledged twice within a transaction, makes none.
    fn apply(&mut self, Acknowledgement { of, message }: Acknowledgement) {
        let standing = self.subscriptions.get_mut(of.subscription as usize);
        let Some(subscription) = standing.filter(|it| it.serial == of.serial) else { return };
        let Some(unacknowledged) = &mut subscription.unacknowledged else { return };
        let messages = unacknowledged.acknowledge(message);
        self.outbox.grant(of.subscription, messages);
    }

    /// Which message a frame names; `None` if it's one of a subscription that has ended since. Pages
    /// acknowledge when they have drawn a message, and may have unsubscribed meanwhile. (Once that
    /// has happened, a name that was never given can't be told from one of those.)
    fn find_acknowledged(&self, frame: &Frame) -> Result<Option<Acknowledgement>, Violation> {
        let header = |name| frame.headers.get(name).ok_or_else(|| subscription::missing(name));
        match self.version {
            Version::V1_2 => {
                let text = header("id")?;
                let named: Acknowledgement = text.parse().map_err(|()| unknown("id", text))?;
                match self.subscriptions.get(named.of.subscription as usize) {
                    Some(standing) if standing.serial == named.of.serial => {
                        if has(standing, named.message) {
                            Ok(Some(named))
                        } else {
                            Err(unknown("id", text))
                        }
                    }
                    _ if self.credit_has_ended && named.of.serial < self.next_serial => Ok(None),
                    _ => Err(unknown("id", text)),
                }
            }
            Version::V1_1 => {
                let (text, id) = (header("message-id")?, header("subscription")?);
                let is_named = |it: &Subscription| matches!(&it.name, Name::Id(own) if **own == *id);
                // The one of this id that stands may not be the one that is meant.
                self.find_sent(text, is_named, self.credit_has_ended)
            }
            Version::V1_0 => {
                // It names no subscription. Where several are sent the same message, what was meant for one may have
                // been taken for another's, and have stood for those before it there.
                let limited = self.subscriptions.iter().filter(|(_, it)| it.unacknowledged.is_some());
                let may_be_taken = self.credit_has_ended || limited.count() > 1;
                self.find_sent(header("message-id")?, |_| true, may_be_taken)
            }
        }
    }

    /// The message of this id that was sent for one of these subscriptions, if it isn't one that may be gone.
    fn find_sent(
        &self,
        text: &str,
        of: impl Fn(&Subscription) -> bool,
        may_be_gone: bool,
    ) -> Result<Option<Acknowledgement>, Violation> {
        let message: MessageId = text.parse().map_err(|()| unknown("message-id", text))?;
        match self.subscriptions.iter().find(|(_, it)| of(it) && has(it, message)) {
            Some((place, subscription)) => {
                Ok(Some(Acknowledgement { of: key(place, subscription), message }))
            }
            None if may_be_gone => Ok(None),
            None => Err(unknown("message-id", text)),
        }
    }
}

fn key(place: usize, subscription: &Subscription) -> SubscriptionKey {
    let place = u32::try_from(place).expect("subscriptions are bounded");
    SubscriptionKey { subscription: place, serial: subscription.serial }
}

fn has(subscription: &Subscription, message: MessageId) -> bool {
    subscription.unacknowledged.as_ref().is_some_and(|unacknowledged| unacknowledged.has(message))
}

fn unknown(header: &str, text: &str) -> Violation {
    let detail = format!("{header} {text:.100?} is no message that waits to be acknowledged");
    Violation::new("nothing to acknowledge", detail)
}
