//! The promises of contract §5.4, by name, and how a broken one is told.

use std::fmt;

/// What a session is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// Whoever reads holds the last state of a symbol soon: at once, or when its rate allows.
    Freshness,
    /// The snapshot comes first and `seq` only rises.
    Order,
    /// What is sent is the newest state there is, and said once.
    Newest,
    /// What a session holds back is bounded.
    Bound,
    /// Symbols are served in turn.
    Fairness,
    /// No two messages of a symbol are closer than the subscription's rate allows.
    Rate,
    /// Every tick is delivered or counted.
    Count,
    /// Mode `every`: each tick, in order, or the end.
    Every,
    /// Notices tell what is, when it is, to whoever asked.
    Notice,
    /// The body is what the subscription asked for.
    Body,
    /// A delta on top of what was known gives what is.
    Delta,
    /// Nothing is said that nobody asked for, or no longer.
    Stray,
    /// A receipt comes in its turn and tells what is in force.
    Receipt,
    /// No more stands unacknowledged than was asked for, and credit is used.
    Credit,
    /// Only who takes nothing for the send time limit is closed for it, and who does is.
    Closing,
    /// What is written is STOMP.
    Wire,
    /// The log's fold is what its records add up to.
    Fold,
    /// Nothing panics.
    Sanity,
}

/// A promise that was broken, and how.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Broken {
    pub(super) promise: Promise,
    pub(super) how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.how)
    }
}

impl Broken {
    pub(super) fn of_session(mut self, session: u32) -> Self {
        self.how = format!("session {session}: {}", self.how);
        self
    }
}

pub(super) type Kept<T = ()> = Result<T, Broken>;

impl Promise {
    pub(super) fn broken<T>(self, how: impl Into<String>) -> Kept<T> {
        Err(Broken { promise: self, how: how.into() })
    }

    /// Broken unless `is_kept`.
    pub(super) fn check(self, is_kept: bool, how: impl FnOnce() -> String) -> Kept {
        if is_kept { Ok(()) } else { self.broken(how()) }
    }
}
