//! How many ticks are due, so that a rate is met on average without a timer for each tick.

use std::time::Duration;

/// The most that is made up for after a pause: without it a process that was suspended for an hour
/// would publish an hour's ticks at once.
const BACKLOG_S: f64 = 1.0;

/// Counts ticks against a rate.
#[derive(Debug)]
pub struct Pacer {
    rate: f64,
    origin: Duration,
    sent: u64,
}

impl Pacer {
    /// So many ticks a second, from elapsed time zero on.
    pub const fn new(rate: f64) -> Self {
        Self { rate, origin: Duration::ZERO, sent: 0 }
    }

    /// How many ticks to send now, when so much time has elapsed.
    pub fn due(&mut self, elapsed: Duration) -> u64 {
        let since_origin = elapsed.saturating_sub(self.origin);
        let due = ((self.rate * since_origin.as_secs_f64()) as u64).saturating_sub(self.sent);
        let backlog_max = (self.rate * BACKLOG_S).ceil().max(1.0) as u64;
        if due > backlog_max {
            self.origin = elapsed;
            self.sent = 0;
            return backlog_max;
        }
        self.sent += due;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However irregular the turns are, as long as none is longer than the backlog.
        #[test]
        fn the_rate_is_met_on_average(
            rate in 0.1_f64..100_000.0,
            turns_us in prop::collection::vec(1_u64..900_000, 1..200),
        ) {
            let mut pacer = Pacer::new(rate);
            let mut elapsed = Duration::ZERO;
            let mut sent = 0;
            for turn_us in turns_us {
                elapsed += Duration::from_micros(turn_us);
                sent += pacer.due(elapsed);
            }
            let expected = rate * elapsed.as_secs_f64();
            prop_assert!((sent as f64 - expected).abs() <= 1.0, "{sent} sent, {expected} expected");
        }
    }

    #[test]
    fn a_long_pause_is_not_made_up_for() {
        let mut pacer = Pacer::new(1000.0);
        assert_eq!(pacer.due(Duration::from_secs(1)), 1000);
        assert_eq!(pacer.due(Duration::from_secs(3601)), 1000);
        assert_eq!(pacer.due(Duration::from_millis(3_601_500)), 500);
    }
}
