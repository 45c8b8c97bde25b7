//! When a recorded tick is due: as recorded, faster, or at once.

use std::{str::FromStr, time::Duration};

/// How fast a recording is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as Kafka takes it.
    Max,
    /// So many times as fast as it was recorded.
    Times(f64),
}

/// A text that is no speed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("speed {0:?} isn't known; allowed are max, or how many times as fast as recorded: 1, 10, 0.5")]
pub struct SpeedError(String);

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.strip_suffix('x').unwrap_or(text).parse() {
            Ok(times) if times > 0.0 && f64::is_finite(times) => Ok(Self::Times(times)),
            _ => Err(SpeedError(text.to_owned())),
        }
    }
}

/// Tells for each tick how long to wait. The first timed tick sets the origin.
#[derive(Debug)]
pub struct Pace {
    speed: Speed,
    origin: Option<Origin>,
}

#[derive(Clone, Copy, Debug)]
struct Origin {
    recorded_us: i64,
    elapsed: Duration,
}

impl Pace {
    /// A pace that begins with the first tick it is asked about.
    pub const fn new(speed: Speed) -> Self {
        Self { speed, origin: None }
    }

    /// How long to wait before a tick of that recorded time is due, when the replay has run for
    /// `elapsed`. Zero if it is due: at full speed, without a time, or late.
    pub fn wait(&mut self, recorded_us: Option<i64>, elapsed: Duration) -> Duration {
        let (Speed::Times(times), Some(recorded_us)) = (self.speed, recorded_us) else {
            return Duration::ZERO;
        };
        let origin = *self.origin.get_or_insert(Origin { recorded_us, elapsed });
        // A time before the first one is due at once.
        let recorded_s = recorded_us.saturating_sub(origin.recorded_us).max(0) as f64 / 1e6;
        let due = Duration::try_from_secs_f64(recorded_s / times).unwrap_or(Duration::MAX);
        origin.elapsed.saturating_add(due).saturating_sub(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_US: i64 = 1_700_000_000_000_000;

    #[track_caller]
    fn check(speed: &str, offsets_ms: &[i64], expected_ms: &[u64]) {
        let mut pace = Pace::new(speed.parse().unwrap());
        let waits: Vec<_> = offsets_ms
            .iter()
            .map(|offset_ms| pace.wait(Some(START_US + offset_ms * 1000), Duration::from_secs(3)))
            .collect();
        let expected: Vec<_> = expected_ms.iter().copied().map(Duration::from_millis).collect();
        assert_eq!(waits, expected);
    }

    #[test]
    fn ticks_are_due_at_their_recorded_distance_divided_by_the_speed() {
        check("1", &[0, 1000, 60_000], &[0, 1000, 60_000]);
        check("10", &[0, 1000, 60_000], &[0, 100, 6000]);
        check("0.5", &[0, 1000], &[0, 2000]);
        check("max", &[0, 1000, 60_000], &[0, 0, 0]);
    }

    #[test]
    fn a_time_that_runs_backwards_is_due_at_once() {
        check("1", &[0, -5000, 1000], &[0, 0, 1000]);
    }

    #[test]
    fn a_late_replay_catches_up() {
        let mut pace = Pace::new(Speed::Times(1.0));
        assert_eq!(pace.wait(Some(0), Duration::ZERO), Duration::ZERO);
        assert_eq!(pace.wait(Some(2_000_000), Duration::from_secs(5)), Duration::ZERO);
        assert_eq!(pace.wait(Some(6_000_000), Duration::from_secs(5)), Duration::from_secs(1));
    }

    #[test]
    fn a_tick_without_a_time_is_due_at_once_and_sets_no_origin() {
        let mut pace = Pace::new(Speed::Times(1.0));
        assert_eq!(pace.wait(None, Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(pace.wait(Some(9), Duration::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn what_is_no_speed_is_named() {
        for text in ["", "fast", "0", "-1", "inf", "NaN"] {
            assert_eq!(text.parse::<Speed>(), Err(SpeedError(text.to_owned())));
        }
        assert_eq!("10x".parse(), Ok(Speed::Times(10.0)));
    }
}
