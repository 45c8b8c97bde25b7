//! How fast sessions are begun, and when all of them are open. Pure: the engine does what it says.

use std::time::{Duration, Instant};

use super::plan::Plan;

/// Sessions that are begun and not open, at most. Below the backlog of any server, so that no connection has to be
/// asked for twice, and enough that a server has always something to do.
const IN_FLIGHT_MAX: usize = 256;

/// The opening of all sessions of a load.
#[derive(Debug)]
pub(super) struct Opening {
    began: Instant,
    deadline: Instant,
    rate: Option<f64>,
    /// How many there will be.
    total: usize,
    begun: usize,
    pub(super) open: usize,
    ended: usize,
    last_open: Instant,
}

impl Opening {
    pub(super) fn new(plan: &Plan, total: usize, now: Instant) -> Self {
        Self {
            began: now,
            deadline: now + plan.open_deadline,
            rate: plan.connect_rate,
            total,
            begun: 0,
            open: 0,
            ended: 0,
            last_open: now,
        }
    }

    /// The number of the session to begin now, if any. The first one goes ahead alone: what is wrong with it is wrong
    /// with all.
    pub(super) fn begin(&mut self, now: Instant) -> Option<usize> {
        let in_flight_max = if self.open == 0 { 1 } else { IN_FLIGHT_MAX };
        let in_flight = self.begun - self.open - self.ended;
        if self.begun == self.total || in_flight >= in_flight_max || self.next_due() > now {
            return None;
        }
        self.begun += 1;
        Some(self.begun - 1)
    }

    /// When the rate allows the next.
    fn next_due(&self) -> Instant {
        let after_s = self.rate.map_or(0.0, |rate| self.begun as f64 / rate);
        self.began + Duration::from_secs_f64(after_s)
    }

    /// A session is open.
    pub(super) fn opened(&mut self, now: Instant) {
        self.open += 1;
        self.last_open = now;
    }

    /// A session that wasn't open has ended.
    pub(super) fn refused(&mut self) {
        self.ended += 1;
    }

    /// Whether there is none to come.
    pub(super) fn is_over(&self) -> bool {
        self.open + self.ended == self.total
    }

    /// Whether none may come any more.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    /// Sessions that were never begun.
    pub(super) fn not_begun(&self) -> usize {
        self.total - self.begun
    }

    /// How long it took until the last session was open.
    pub(super) fn took(&self) -> Duration {
        self.last_open - self.began
    }

    /// When to look again.
    pub(super) fn next_look(&self, now: Instant) -> Instant {
        match self.rate {
            Some(_) if self.begun < self.total => self.deadline.min(self.next_due().max(now)),
            _ => self.deadline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HostPort;

    fn opening(rate: Option<f64>, total: usize, now: Instant) -> Opening {
        let server = HostPort { host: "h".to_owned(), port: 1 };
        Opening::new(&Plan { connect_rate: rate, ..Plan::new(server) }, total, now)
    }

    fn begun(opening: &mut Opening, now: Instant) -> usize {
        std::iter::from_fn(|| opening.begin(now)).count()
    }

    #[test]
    fn the_first_goes_alone_and_the_others_as_fast_as_they_open() {
        let now = Instant::now();
        let mut opening = opening(None, 1000, now);
        assert_eq!(begun(&mut opening, now), 1);
        opening.opened(now);
        assert_eq!(begun(&mut opening, now), IN_FLIGHT_MAX);
        opening.opened(now);
        opening.refused();
        assert_eq!(begun(&mut opening, now), 2);
        assert_eq!((opening.not_begun(), opening.is_over()), (1000 - 1 - IN_FLIGHT_MAX - 2, false));
    }

    #[test]
    fn a_rate_is_kept() {
        let now = Instant::now();
        let mut opening = opening(Some(10.0), 5, now);
        assert_eq!(begun(&mut opening, now), 1);
        opening.opened(now);
        assert_eq!(begun(&mut opening, now), 0);
        assert_eq!(opening.next_look(now), now + Duration::from_millis(100));
        assert_eq!(begun(&mut opening, now + Duration::from_millis(350)), 3);
        let last = now + Duration::from_millis(500);
        assert_eq!(begun(&mut opening, last), 1);
        (0..4).for_each(|_| opening.opened(last));
        assert!(opening.is_over());
        assert_eq!(opening.took(), Duration::from_millis(500));
    }

    #[test]
    fn it_is_late_after_its_deadline() {
        let now = Instant::now();
        let opening = opening(None, 5, now);
        assert!(!opening.is_late(now));
        assert!(opening.is_late(opening.next_look(now)));
    }
}
