//! Keeps what others cause, a bad feed or a stream of foreign requests, from filling the log.

use std::time::{Duration, Instant};

/// Lines in a row before the rate counts: enough to see what is wrong.
const BURST: u32 = 10;

/// Between two lines after that.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets a burst of lines through, and then one a second.
#[derive(Debug, Default)]
pub struct LogLimiter {
    window: Option<Instant>,
    told: u32,
    untold: u64,
}

impl LogLimiter {
    /// Whether a line may be written now; if so, how many weren't since the last one.
    pub fn may_tell(&mut self, now: Instant) -> Option<u64> {
        let age = self.window.map(|begin| now.duration_since(begin));
        if age.is_none_or(|age| age >= INTERVAL) {
            let is_quiet = age.is_none_or(|age| age >= INTERVAL * 10);
            self.told = if is_quiet { 0 } else { self.told.min(BURST - 1) };
            self.window = Some(now);
        }
        if self.told >= BURST {
            self.untold += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_and_then_one_a_second() {
        let mut limiter = LogLimiter::default();
        let start = Instant::now();
        let told =
            |limiter: &mut LogLimiter, at| (0..100).filter_map(|_| limiter.may_tell(at)).collect::<Vec<_>>();
        assert_eq!(told(&mut limiter, start), [0; 10]);
        assert_eq!(told(&mut limiter, start + INTERVAL), [90]);
        assert_eq!(told(&mut limiter, start + INTERVAL * 2), [99]);
        assert_eq!(told(&mut limiter, start + INTERVAL * 20).len(), 10);
    }
}
