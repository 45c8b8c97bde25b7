//! Who trades, and when: a few symbols most of the time, and each more at its session's ends.
//!
//! The share of a symbol falls with its place in the list as `1 / (place + 3)` (Zipf's law, with
//! the top cut off), so that of 500 the busiest has some 150 times the ticks of the idlest. Over
//! the day a sector's share follows the U of a session of eight hours, with the sectors' sessions
//! spread around the clock: whatever the hour, the market as a whole is as busy as was asked for,
//! and what is busy changes.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

const DAY_MINUTES: i64 = 24 * 60;
const SESSION_MINUTES: i64 = 8 * 60;

/// Activity outside of a session; in its middle it is 1, and at its ends [`AT_THE_ENDS`].
const OUTSIDE: f64 = 0.4;
const AT_THE_ENDS: f64 = 2.5;

/// The shares of the symbols, as of one minute.
#[derive(Debug)]
pub(super) struct Activity {
    /// A symbol's share before the time of day.
    base: Vec<f64>,
    sectors: Vec<usize>,
    sector_count: usize,
    /// The minute that `cumulative` is of.
    minute: Option<i64>,
    /// Sums of the shares up to and with each symbol.
    cumulative: Vec<f64>,
}

impl Activity {
    pub(super) fn new(sectors: Vec<usize>, sector_count: usize, random: &mut ChaCha8Rng) -> Self {
        let base = (0..sectors.len())
            .map(|place| {
                let noise: f64 = random.sample(StandardNormal);
                (noise * 0.25).exp() / (place as f64 + 3.0)
            })
            .collect();
        Self { base, sectors, sector_count, minute: None, cumulative: Vec::new() }
    }

    /// The place of the symbol that a number from 0 to 1 falls on.
    pub(super) fn pick(&mut self, time_us: i64, number: f64) -> usize {
        let minute = time_us.div_euclid(60_000_000);
        if self.minute != Some(minute) {
            self.weigh(minute);
        }
        let total = self.cumulative.last().copied().unwrap_or_default();
        let place = self.cumulative.partition_point(|sum| *sum <= number * total);
        place.min(self.cumulative.len() - 1)
    }

    fn weigh(&mut self, minute: i64) {
        self.minute = Some(minute);
        let by_sector: Vec<_> =
            (0..self.sector_count).map(|sector| at_minute(minute, sector, self.sector_count)).collect();
        let mut sum = 0.0;
        self.cumulative.clear();
        self.cumulative.extend(self.base.iter().zip(&self.sectors).map(|(base, sector)| {
            sum += base * by_sector[*sector];
            sum
        }));
    }
}

/// A sector's activity at a minute since the epoch.
fn at_minute(minute: i64, sector: usize, sector_count: usize) -> f64 {
    let opens = DAY_MINUTES * sector as i64 / sector_count as i64;
    let since_open = (minute - opens).rem_euclid(DAY_MINUTES);
    if since_open >= SESSION_MINUTES {
        return OUTSIDE;
    }
    let from_middle = 2.0 * since_open as f64 / SESSION_MINUTES as f64 - 1.0;
    1.0 + (AT_THE_ENDS - 1.0) * from_middle * from_middle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_busiest_at_its_ends() {
        let at = |minute| at_minute(minute, 0, 11);
        assert!((at(0) - AT_THE_ENDS).abs() < 1e-9);
        assert!((at(SESSION_MINUTES / 2) - 1.0).abs() < 1e-9);
        assert!(at(SESSION_MINUTES - 1) > 2.4);
        assert!((at(SESSION_MINUTES) - OUTSIDE).abs() < 1e-9);
        assert!((at(DAY_MINUTES) - AT_THE_ENDS).abs() < 1e-9);
    }

    #[test]
    fn at_every_minute_some_sector_is_in_its_session() {
        for minute in 0..DAY_MINUTES {
            assert!((0..11).any(|sector| at_minute(minute, sector, 11) >= 1.0), "{minute}");
        }
    }
}
