//! What is counted while a measurement runs. It takes the same memory however long that is.

use hdrhistogram::Histogram;

use super::report::Ages;

/// Counters and ages of one measurement.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) messages: u64,
    /// Messages before this measurement.
    messages_before: u64,
    pub(super) conflated: u64,
    pub(super) disorder: u64,
    pub(super) bytes: u64,
    pub(super) reads: u64,
    /// In microseconds.
    ages: Histogram<u64>,
    ahead: u64,
}

/// What is older counts as of this age: an hour.
const AGE_US_MAX: u64 = 3_600_000_000;

/// Digits that are exact in an age, whatever its size.
const AGE_DIGITS: u8 = 3;

impl Default for Tally {
    fn default() -> Self {
        Self {
            messages: 0,
            messages_before: 0,
            conflated: 0,
            disorder: 0,
            bytes: 0,
            reads: 0,
            ages: Histogram::new_with_bounds(1, AGE_US_MAX, AGE_DIGITS).expect("the bounds are in order"),
            ahead: 0,
        }
    }
}

impl Tally {
    /// Begins anew.
    pub(super) fn reset(&mut self) {
        self.messages_before = self.messages_in_all();
        (self.messages, self.conflated, self.disorder) = (0, 0, 0);
        (self.bytes, self.reads, self.ahead) = (0, 0, 0);
        self.ages.reset();
    }

    /// Messages since the sessions were opened.
    pub(super) const fn messages_in_all(&self) -> u64 {
        self.messages_before + self.messages
    }

    /// Notes that what happened at `then_us` was read at `now_us`.
    pub(super) fn age(&mut self, now_us: u64, then_us: u64) {
        if then_us > now_us {
            self.ahead += 1;
        }
        self.ages.saturating_record(now_us.saturating_sub(then_us));
    }

    /// The ages, if there were any.
    pub(super) fn ages(&self) -> Option<Ages> {
        let ms = |us: u64| us as f64 / 1000.0;
        let at = |quantile| ms(self.ages.value_at_quantile(quantile));
        (!self.ages.is_empty()).then(|| Ages {
            count: self.ages.len(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: ms(self.ages.max()),
            ahead: self.ahead,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_ages_are_told_in_milliseconds() {
        let mut tally = Tally::default();
        assert_eq!(tally.ages(), None);
        for age_us in 1..=10_000 {
            tally.age(1_000_000, 1_000_000 - age_us);
        }
        let ages = tally.ages().unwrap();
        let near = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.001;
        assert_eq!((ages.count, ages.ahead), (10_000, 0));
        assert!(near(ages.p50_ms, 5.0) && near(ages.p90_ms, 9.0), "{ages:?}");
        assert!(near(ages.p99_ms, 9.9) && near(ages.p999_ms, 9.99) && near(ages.max_ms, 10.0), "{ages:?}");
        tally.reset();
        assert_eq!(tally.ages(), None);
    }

    #[test]
    fn a_clock_that_is_ahead_is_told_and_an_age_without_measure_counts_as_an_hour() {
        let mut tally = Tally::default();
        tally.age(1000, 2000);
        tally.age(u64::MAX, 0);
        let ages = tally.ages().unwrap();
        assert_eq!((ages.count, ages.ahead, ages.p50_ms), (2, 1, 0.0));
        assert!(ages.max_ms >= 3_600_000.0, "{ages:?}");
    }
}
