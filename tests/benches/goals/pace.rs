//! Points of time at a rate.

use std::{
    thread,
    time::{Duration, Instant},
};

/// So many points of time a second, counted from its making, so that one that is late delays none after it.
pub(crate) struct Pace {
    begun: Instant,
    interval: Duration,
    count: u32,
}

impl Pace {
    /// The first is now.
    pub(crate) fn new(per_s: f64) -> Self {
        Self { begun: Instant::now(), interval: Duration::from_secs_f64(1.0 / per_s), count: 0 }
    }

    /// Waits for the next point of time; not at all if it's over.
    pub(crate) fn wait(&mut self) {
        wait_until(self.begun + self.interval * self.count);
        self.count += 1;
    }
}

/// Waits for a point of time.
pub(crate) fn wait_until(at: Instant) {
    wait(at.saturating_duration_since(Instant::now()));
}

/// Waits for so long: for what can't be asked whether it's over.
#[expect(clippy::disallowed_methods, reason = "a load has a pace")]
pub(crate) fn wait(duration: Duration) {
    thread::sleep(duration);
}
