//! What goes into a session, what comes out, and what its shard has to do for it.

use std::time::Duration;

use bytes::Bytes;

use super::{CloseReason, Wanted};
use crate::{conflation::Pace, last_value_cache::LastValueCache};

/// What comes from the client's side.
#[derive(Debug)]
pub enum Inbound<'a> {
    /// Bytes of the STOMP stream.
    Data(&'a [u8]),
    /// The transport's question whether this side is there.
    Ping(Bytes),
    /// The answer to this side's.
    Pong,
    /// The client closes, and gives this status code, if any.
    Close(Option<u16>),
    /// The connection is gone.
    Lost,
    /// The client broke the transport's rules.
    Fault(CloseReason, &'static str),
}

/// What a shard has to do for a session.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Route what's wanted to the subscription, then call [`Session::confirm`](super::Session::confirm).
    Subscribe {
        /// The subscription's number.
        subscription: u32,
        /// What it wants.
        wanted: Wanted,
        /// The receipt that was asked for.
        receipt: Option<String>,
    },
    /// Take away the routes to the subscription, then end it in the outbox.
    Unsubscribe {
        /// The subscription's number.
        subscription: u32,
        /// Whether it takes symbols that appear later.
        is_wildcard: bool,
        /// Whether it takes every tick.
        is_every: bool,
    },
}

/// What a session works with that is its shard's.
#[derive(Debug)]
pub struct Supplies<'a> {
    /// The newest states.
    pub cache: &'a LastValueCache,
    /// Where its slots rest.
    pub pace: Pace<'a>,
    /// Room to encode in, which is used again and again.
    pub scratch: &'a mut Vec<u8>,
}

/// How many subscriptions stand, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// To single symbols.
    pub exact: usize,
    /// To wildcards.
    pub wildcards: usize,
    /// To what is told beside prices.
    pub notices: usize,
}

impl std::iter::Sum for SubscriptionCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, counts| Self {
            exact: sum.exact + counts.exact,
            wildcards: sum.wildcards + counts.wildcards,
            notices: sum.notices + counts.notices,
        })
    }
}

/// What one [`Session::poll_transmit`](super::Session::poll_transmit) put into the sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transmitted {
    /// MESSAGE frames.
    pub messages: u32,
    /// Ticks that were folded into them beyond one each.
    pub conflated: u64,
    /// When the oldest state among them was ingested, in microseconds since the Unix epoch.
    pub oldest_ingested_us: Option<i64>,
    /// How long it took until what was handed over before was in the kernel's hands.
    pub blocked_for: Option<Duration>,
}
