//! All deadlines of a session in one table, so that one question tells the next of them.

use std::time::Instant;

/// What a session waits for. The variants' docs say what happens at the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deadline {
    /// No CONNECT came: the session is closed.
    Connect,
    /// It's time for a heart-beat, unless something else was sent in the meantime.
    Beat,
    /// It's time for a PING, which also tells whether the client is still there.
    Ping,
    /// The socket took nothing since: the session is aborted as slow.
    Send,
    /// The last word couldn't be written, or the peer didn't answer it in time: the session ends.
    Close,
    /// The client asked for too much at once: it may ask again.
    Budget,
    /// The socket that was slow has been quick since: the client is told.
    Recovery,
}

const COUNT: usize = 7;

/// When each of them is, if at all.
#[derive(Debug, Default)]
pub(super) struct Deadlines([Option<Instant>; COUNT]);

impl Deadlines {
    pub(super) fn set(&mut self, deadline: Deadline, at: Instant) {
        self.0[deadline as usize] = Some(at);
    }

    /// Lets a deadline that is set be no later than this.
    pub(super) fn bring_forward(&mut self, deadline: Deadline, at: Instant) {
        let entry = &mut self.0[deadline as usize];
        *entry = entry.map(|set| set.min(at));
    }

    pub(super) fn clear(&mut self, deadline: Deadline) {
        self.0[deadline as usize] = None;
    }

    pub(super) const fn is_set(&self, deadline: Deadline) -> bool {
        self.0[deadline as usize].is_some()
    }

    /// Whether the deadline has passed; it's cleared if so.
    pub(super) fn take_due(&mut self, deadline: Deadline, now: Instant) -> bool {
        let entry = &mut self.0[deadline as usize];
        let is_due = entry.is_some_and(|at| at <= now);
        if is_due {
            *entry = None;
        }
        is_due
    }

    /// The first of them.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }
}
