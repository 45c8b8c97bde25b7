//! Tells of bad records in the log, without letting a bad feed fill the disk.

use std::time::{Duration, Instant};

use crate::{feed::Rejection, fold::Record};

/// Lines in a row before the rate counts: enough to see what is wrong.
const BURST: u32 = 10;

/// Between two lines after that.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes a warning for a bad record, rate-limited.
#[derive(Debug, Default)]
pub struct RejectionLog {
    window: Option<Instant>,
    told: u32,
    untold: u64,
}

impl RejectionLog {
    /// Tells of one record, or counts it for the next line.
    pub fn tell(&mut self, topic: &str, record: &Record<'_>, rejection: &Rejection, now: Instant) {
        if !self.may_tell(now) {
            self.untold += 1;
            return;
        }
        tracing::warn!(
            topic,
            partition = record.partition,
            offset = record.offset,
            reason = rejection.label(),
            untold = self.untold,
            "bad record: {rejection}"
        );
        self.untold = 0;
    }

    /// A burst, and then one a window.
    fn may_tell(&mut self, now: Instant) -> bool {
        let is_new = self.window.is_none_or(|begin| now.duration_since(begin) >= INTERVAL);
        if is_new {
            let quiet = self.window.is_none_or(|begin| now.duration_since(begin) >= INTERVAL * 10);
            self.told = if quiet { 0 } else { self.told.min(BURST - 1) };
            self.window = Some(now);
        }
        self.told += 1;
        self.told <= BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_and_then_one_a_second() {
        let mut log = RejectionLog::default();
        let start = Instant::now();
        let told = |log: &mut RejectionLog, count, at| (0..count).filter(|_| log.may_tell(at)).count();
        assert_eq!(told(&mut log, 100, start), 10);
        assert_eq!(told(&mut log, 100, start + INTERVAL), 1);
        assert_eq!(told(&mut log, 100, start + INTERVAL * 2), 1);
        assert_eq!(told(&mut log, 100, start + INTERVAL * 20), 10);
    }
}
