//! What is agreed with a subscription beyond "each symbol's newest state, as soon as the socket takes it".

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{outbox::SlotId, slots::Line};
use crate::publication::Publication;

/// What a subscription asks of its outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The least time between two messages for a symbol.
    pub interval: Option<Duration>,
    /// How many messages it may be sent before it grants more.
    pub credit: Option<u32>,
    /// Whether it's sent every tick.
    pub every: bool,
    /// Whether the state that was last sent of each symbol is kept.
    pub keeps_sent: bool,
}

/// What was agreed, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    pub(super) interval: Option<Duration>,
    pub(super) credit: Option<Credit>,
    pub(super) tape: Option<Tape>,
    pub(super) keeps_sent: bool,
}

/// How many messages a subscription may still be sent.
#[derive(Debug, Default)]
pub(super) struct Credit {
    pub(super) available: u32,
    /// How many of its slots stand in the outbox's line; never more than are available.
    pub(super) in_line: u32,
    /// Its dirty slots for which there was no credit.
    pub(super) waiting: Line,
}

/// The ticks that a subscription is owed, in order.
#[derive(Debug)]
pub(super) struct Tape {
    /// Its slot in the line.
    pub(super) turn: u32,
    pub(super) ticks: VecDeque<(SlotId, Arc<Publication>)>,
}

impl Terms {
    /// Whether there is nothing to remember.
    pub(super) fn are_plain(&self) -> bool {
        *self == Self::default()
    }
}
