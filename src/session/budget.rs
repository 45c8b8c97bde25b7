//! How much a client may ask for: a token bucket that may run into debt.
//!
//! A frame costs a token, and what costs the server more costs more tokens. Whoever has none left
//! isn't cut off: nothing more is read from it until it has, so that it's slowed down to its rate,
//! and nobody else is.

use std::time::{Duration, Instant};

/// Tokens a second, and how many may be saved up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameRate {
    /// Frames a second.
    pub frames_per_s: f64,
    /// Frames at once, after a pause.
    pub burst: f64,
}

/// What one client has left.
#[derive(Debug)]
pub(super) struct Budget {
    tokens: f64,
    refilled: Instant,
}

impl Budget {
    pub(super) const fn full(rate: FrameRate, now: Instant) -> Self {
        Self { tokens: rate.burst, refilled: now }
    }

    /// Whether there is a token; if not, when there will be.
    pub(super) fn check(&mut self, rate: FrameRate, now: Instant) -> Result<(), Instant> {
        let earned = now.duration_since(self.refilled).as_secs_f64() * rate.frames_per_s;
        self.tokens = (self.tokens + earned).min(rate.burst);
        self.refilled = now;
        if self.tokens >= 1.0 {
            return Ok(());
        }
        Err(now + Duration::from_secs_f64((1.0 - self.tokens) / rate.frames_per_s))
    }

    /// Gives back what a frame took.
    pub(super) const fn refund(&mut self) {
        self.tokens += 1.0;
    }

    /// Takes tokens, whether they are there or not.
    pub(super) const fn spend(&mut self, tokens: f64) {
        self.tokens -= tokens;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let rate = FrameRate { frames_per_s: 50.0, burst: 200.0 };
        let start = Instant::now();
        let mut budget = Budget::full(rate, start);
        for _ in 0..200 {
            assert_eq!(budget.check(rate, start), Ok(()));
            budget.spend(1.0);
        }
        assert_eq!(budget.check(rate, start), Err(start + Duration::from_millis(20)));
        assert_eq!(budget.check(rate, start + Duration::from_millis(20)), Ok(()));
        assert_eq!(budget.check(rate, start + Duration::from_secs(3600)), Ok(()));
        assert!(budget.tokens <= rate.burst, "no more is saved up than a burst");
    }

    #[test]
    fn a_debt_has_to_be_paid_first() {
        let rate = FrameRate { frames_per_s: 50.0, burst: 200.0 };
        let start = Instant::now();
        let mut budget = Budget::full(rate, start);
        budget.spend(400.0);
        let paid = budget.check(rate, start).unwrap_err();
        assert_eq!(paid, start + Duration::from_millis(4020));
        assert!(budget.check(rate, start + Duration::from_secs(4)).is_err());
        assert_eq!(budget.check(rate, paid), Ok(()));
    }
}
