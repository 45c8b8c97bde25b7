//! A subscription that stands: its name, what it's of, and what was agreed; contract §5.2.

mod head;
mod name;
mod options;
mod parse;

pub(super) use head::{Head, ORDINARY_BYTES_MAX};
pub(super) use name::{Name, Naming};
pub(super) use options::{Options, Projection};
pub(super) use parse::{NOTICES_MAX, missing, parse};

use super::acknowledgement::Unacknowledged;
use crate::{
    conflation::Terms,
    destination::{Notices, Symbols},
};

/// A subscription that stands.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The client's name for it.
    pub(super) name: Name,
    /// Tells it from others that had its place before.
    pub(super) serial: u32,
    /// What each of its MESSAGE frames begins with.
    pub(super) head: Head,
    /// What it's of.
    pub(super) subject: Subject,
    /// What was asked for beside the ordinary, if anything was.
    pub(super) options: Option<Box<Options>>,
    /// What the client has to acknowledge, if it does.
    pub(super) unacknowledged: Option<Box<Unacknowledged>>,
}

/// What a subscription is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The prices of one symbol.
    Price,
    /// The prices of what a pattern takes.
    Prices,
    /// The newest state of one symbol, once.
    Snapshot,
    /// The newest states of what a pattern takes, once.
    Snapshots,
    /// What is told beside prices.
    Notices {
        of: Notices,
        /// Whether anything was told yet.
        is_begun: bool,
        /// Whether something is to be told.
        is_due: bool,
    },
}

/// What a shard has to find for a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose prices; none if it's about something else.
    pub symbols: Option<Symbols>,
    /// How they are told.
    pub delivery: Delivery,
    /// Whether the newest state is to be sent at once.
    pub snapshot: bool,
}

/// How prices are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The newest state, as often as there is a newer one and it may be sent.
    Latest,
    /// Every tick.
    Every,
    /// The newest state, once.
    Once,
}

impl Subscription {
    /// How many messages it may be sent unacknowledged, if there is a limit.
    pub(super) fn prefetch(&self) -> Option<u32> {
        self.unacknowledged.as_ref().map(|unacknowledged| unacknowledged.prefetch())
    }

    /// Whether it takes symbols that appear later.
    pub(super) fn is_wildcard(&self) -> bool {
        self.subject == Subject::Prices
    }

    /// Whether it may have a slot for every symbol there is.
    pub(super) fn takes_many(&self) -> bool {
        matches!(self.subject, Subject::Prices | Subject::Snapshots)
    }

    /// Whether it's over when everything was sent that there is.
    pub(super) fn is_once(&self) -> bool {
        matches!(self.subject, Subject::Snapshot | Subject::Snapshots)
    }

    pub(super) fn is_of_notices(&self) -> bool {
        matches!(self.subject, Subject::Notices { .. })
    }

    /// Whether it takes every tick.
    pub(super) fn is_every(&self) -> bool {
        self.options.as_ref().is_some_and(|options| options.every)
    }

    /// What parts of a state it's sent, if not the whole.
    pub(super) fn projection(&self) -> Option<Projection> {
        self.options.as_ref()?.projection
    }

    /// What its outbox has to know.
    pub(super) fn terms(&self) -> Terms {
        let credit = self.prefetch();
        let Some(options) = &self.options else { return Terms { credit, ..Terms::default() } };
        Terms {
            interval: options.max_rate.interval(),
            credit,
            every: options.every,
            keeps_sent: options.projection.is_some(),
        }
    }
}
