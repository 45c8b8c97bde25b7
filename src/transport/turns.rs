//! Turns for costly work on a thread: it begins at a rate, so that those who are served there get their turn.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Lets work begin at a rate, and some of it at once after a pause.
#[derive(Debug)]
pub struct Turns {
    interval: Duration,
    /// For how much of the past it may be made up.
    slack: Duration,
    next: Cell<Option<Instant>>,
}

impl Turns {
    /// So many a second, and so many at once.
    pub fn new(per_s: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_s;
        Self { interval, slack: interval * burst.saturating_sub(1), next: Cell::new(None) }
    }

    /// Takes a turn; answers how long to wait for it. `None` if that's longer than `wait_max`: then none
    /// is taken.
    pub fn take(&self, now: Instant, wait_max: Duration) -> Option<Duration> {
        let earliest = now.checked_sub(self.slack).unwrap_or(now);
        let at = self.next.get().unwrap_or(earliest).max(earliest);
        let wait = at.saturating_duration_since(now);
        if wait > wait_max {
            return None;
        }
        self.next.set(Some(at + self.interval));
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_begins_at_once_and_the_rest_at_its_rate() {
        let turns = Turns::new(1000, 3);
        let start = Instant::now() + Duration::from_secs(60);
        let wait_max = Duration::from_millis(2);
        let waits = |at| [(); 5].map(|()| turns.take(at, wait_max).map(|wait| wait.as_millis()));
        assert_eq!(waits(start), [Some(0), Some(0), Some(0), Some(1), Some(2)]);
        // Two milliseconds later two have had their turn, and two more may wait.
        let later = start + Duration::from_millis(2);
        assert_eq!(waits(later), [Some(1), Some(2), None, None, None]);
        assert_eq!(waits(start + Duration::from_secs(60)), [Some(0), Some(0), Some(0), Some(1), Some(2)]);
    }
}
