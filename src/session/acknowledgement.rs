//! Messages that a client has to acknowledge: what it may still be sent is its credit.
//!
//! Prices aren't work to be done once: a message that isn't acknowledged isn't sent again, and NACK
//! is as good as ACK. What is acknowledged makes room for newer states.

use std::{collections::VecDeque, fmt, str::FromStr};

use crate::publication::Content;

/// The value of `prefetch-count` when a client tells none: so many that each of the 1,024
/// subscriptions that a session may have by default gets its share of [`PREFETCH_SUM_MAX`].
pub(super) const PREFETCH_DEFAULT: u32 = 16;

/// The largest `prefetch-count`.
pub(super) const PREFETCH_MAX: u32 = 4096;

/// What the `prefetch-count`s of a session's subscriptions may come to. The names of that many
/// messages, 16 bytes each, are 256 KiB.
pub(super) const PREFETCH_SUM_MAX: u32 = 16_384;

/// What one acknowledgement stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckMode {
    /// The message and all that were sent before it for the subscription.
    Cumulative,
    /// The message.
    Individual,
}

/// A message's name within its subscription: the record of the state that it carried, and whether the trading day began
/// anew since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageId {
    partition: i32,
    rollovers: u32,
    seq: u64,
}

impl From<&Content> for MessageId {
    fn from(content: &Content) -> Self {
        Self { partition: content.partition, rollovers: content.rollovers, seq: content.seq }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partition, self.seq)?;
        if self.rollovers > 0 { write!(f, "-{}", self.rollovers) } else { Ok(()) }
    }
}

impl FromStr for MessageId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (partition, seq) = text.split_once('-').ok_or(())?;
        let (seq, rollovers) = match seq.split_once('-') {
            Some((seq, rollovers)) => {
                (seq, number(rollovers).and_then(|it| if it == 0 { Err(()) } else { Ok(it) })?)
            }
            None => (seq, 0),
        };
        Ok(Self { partition: number(partition)?, rollovers, seq: number(seq)? })
    }
}

/// Digits, and nothing else that Rust would take: there is one way to write a name.
fn number<T: FromStr>(text: &str) -> Result<T, ()> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or(())
}

/// A subscription of a session's: its place, which is used again, and its serial, which isn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SubscriptionKey {
    pub(super) subscription: u32,
    pub(super) serial: u32,
}

/// What a client acknowledges; in 1.2 the value of the `ack` header, `{place}-{serial}-{message}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledgement {
    pub(super) of: SubscriptionKey,
    pub(super) message: MessageId,
}

impl fmt::Display for Acknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of: SubscriptionKey { subscription, serial }, message } = self;
        write!(f, "{subscription}-{serial}-{message}")
    }
}

impl FromStr for Acknowledgement {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or(());
        let (subscription, serial) = (number(part()?)?, number(part()?)?);
        Ok(Self { of: SubscriptionKey { subscription, serial }, message: part()?.parse()? })
    }
}

/// The messages of one subscription that were sent and not acknowledged. The outbox sees to it that
/// there are no more than `prefetch`.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    mode: AckMode,
    prefetch: u32,
    sent: VecDeque<MessageId>,
}

impl Unacknowledged {
    pub(super) const fn new(mode: AckMode, prefetch: u32) -> Self {
        Self { mode, prefetch, sent: VecDeque::new() }
    }

    /// How many messages may stand unacknowledged.
    pub(super) const fn prefetch(&self) -> u32 {
        self.prefetch
    }

    pub(super) fn note_sent(&mut self, message: MessageId) {
        self.sent.push_back(message);
    }

    pub(super) fn has(&self, message: MessageId) -> bool {
        self.sent.contains(&message)
    }

    /// Takes the messages that this acknowledges, and tells how many they are.
    pub(super) fn acknowledge(&mut self, message: MessageId) -> u32 {
        let Some(at) = self.sent.iter().position(|sent| *sent == message) else { return 0 };
        match self.mode {
            AckMode::Cumulative => {
                self.sent.drain(..=at);
                u32::try_from(at + 1).expect("prefetch counts are bounded")
            }
            AckMode::Individual => {
                self.sent.remove(at);
                1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(seq: u64) -> MessageId {
        MessageId { partition: 3, rollovers: 0, seq }
    }

    fn with_sent(mode: AckMode) -> Unacknowledged {
        let mut unacknowledged = Unacknowledged::new(mode, 5);
        (1..=5).for_each(|seq| unacknowledged.note_sent(message(seq)));
        unacknowledged
    }

    #[test]
    fn cumulative_takes_all_before_and_individual_the_one() {
        let mut cumulative = with_sent(AckMode::Cumulative);
        assert_eq!([3, 3, 2, 5].map(|seq| cumulative.acknowledge(message(seq))), [3, 0, 0, 2]);
        let mut individual = with_sent(AckMode::Individual);
        assert_eq!([3, 3, 1, 5].map(|seq| individual.acknowledge(message(seq))), [1, 0, 1, 1]);
        assert!(individual.has(message(2)) && !individual.has(message(3)));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let of = SubscriptionKey { subscription: 7, serial: 12 };
        let acknowledgement = Acknowledgement { of, message: message(99) };
        assert_eq!(acknowledgement.to_string(), "7-12-3-99");
        assert_eq!("7-12-3-99".parse(), Ok(acknowledgement));
        let message = MessageId { rollovers: 1, ..message(99) };
        let of_new_day = Acknowledgement { of, message };
        assert_eq!(of_new_day.to_string(), "7-12-3-99-1");
        assert_eq!("7-12-3-99-1".parse(), Ok(of_new_day));
        for wrong in [
            "",
            "7",
            "7-12",
            "7-12-3",
            "7-12-3-",
            "7-12-3-99-0",
            "7-12-3-99-1-1",
            "-7-12-3-99",
            "a-b-c-d",
            "+7-12-3-99",
        ] {
            assert_eq!(wrong.parse::<Acknowledgement>(), Err(()), "{wrong}");
        }
    }
}
