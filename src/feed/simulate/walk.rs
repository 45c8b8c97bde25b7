//! A mean-reverting random walk (an Ornstein-Uhlenbeck process), stepped exactly over any time.

/// How a walk moves.
#[derive(Clone, Copy, Debug)]
pub(super) struct WalkKind {
    /// Standard deviation after one second, of the logarithm of a price.
    pub(super) volatility: f64,
    /// The time after which a deviation has shrunk to 37 %.
    pub(super) reversion_s: f64,
}

/// Where a walk is: a deviation of the logarithm of a price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    value: f64,
    time_us: i64,
}

impl Walk {
    pub(super) const fn new(time_us: i64) -> Self {
        Self { value: 0.0, time_us }
    }

    pub(super) const fn value(&self) -> f64 {
        self.value
    }

    /// Moves to that time; `shock` is drawn from the standard normal distribution.
    pub(super) fn advance(&mut self, kind: WalkKind, time_us: i64, shock: f64) {
        let elapsed_s = (time_us - self.time_us).max(0) as f64 / 1e6;
        self.time_us = self.time_us.max(time_us);
        // The exact solution: however a time is cut into steps, the distribution is the same.
        let decay = (-elapsed_s / kind.reversion_s).exp();
        let deviation = kind.volatility * (kind.reversion_s / 2.0 * (1.0 - decay * decay)).sqrt();
        self.value = self.value * decay + deviation * shock;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: WalkKind = WalkKind { volatility: 1e-4, reversion_s: 10_000.0 };

    #[test]
    fn a_second_moves_by_the_volatility_and_a_long_time_reverts() {
        let mut walk = Walk::new(0);
        walk.advance(KIND, 1_000_000, 1.0);
        assert!((walk.value() / 1e-4 - 1.0).abs() < 1e-3, "{walk:?}");
        walk.advance(KIND, 1_000_000_000_000, 0.0);
        assert!(walk.value().abs() < 1e-12, "{walk:?}");
    }

    #[test]
    fn time_that_stands_still_or_runs_backwards_moves_nothing() {
        let mut walk = Walk { value: 0.5, time_us: 1000 };
        walk.advance(KIND, 1000, 3.0);
        walk.advance(KIND, 500, 3.0);
        assert!((walk.value() - 0.5).abs() < f64::EPSILON, "{walk:?}");
    }
}
