//! When a slot that was served may be served again.
//!
//! A session's slots would come due one by one, each an interval after its own last message, and each would cost a write
//! of its own. So rests end on the points of a grid, an eighth of the interval apart at most, and what ends together goes
//! out together: in eight writes an interval at most, however many symbols there are. Measured with 20 symbols at ten
//! updates a second each, a message takes a sixth of the time.
//!
//! The points of two sessions differ, so that not all are served at once.

use std::time::{Duration, Instant};

use super::{
    outbox::SlotId,
    wheel::{TimerId, TimingWheel},
};

/// A slot that rests, in a shard's timing wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The session's place on the shard.
    pub session: u32,
    /// The slot in its outbox.
    pub slot: SlotId,
}

/// Where a session's slots rest.
#[derive(Debug)]
pub struct Pace<'a> {
    /// The shard's.
    pub wheel: &'a mut TimingWheel<Rest>,
    /// The session's place on the shard.
    pub session: u32,
}

impl Pace<'_> {
    /// Lets a slot rest that is served `now`.
    pub(super) fn rest(&mut self, now: Instant, interval: Duration, slot: SlotId) -> TimerId {
        let origin = self.wheel.origin();
        let end = end_of_rest(now.saturating_duration_since(origin), interval, self.session);
        self.wheel.insert(origin + end, Rest { session: self.session, slot })
    }
}

/// Points of the grid in an interval, unless they would be closer than [`STEP_MIN`] or farther apart than [`STEP_MAX`]. It's
/// a whole number, so that a point comes an interval after a point.
const POINTS: u128 = 8;

/// Timers tell milliseconds.
const STEP_MIN: Duration = Duration::from_millis(10);

/// What an update waits at most beyond its interval.
const STEP_MAX: Duration = Duration::from_millis(100);

/// Who is served so much after a point counts as served on it, so that a busy symbol keeps its rate: timers are late by up
/// to 3 ms. It doesn't add up: the next point is an interval after that one.
const LATE_MAX: Duration = Duration::from_millis(5);

/// How far the points of one session are from those of the one before it, of 2^32: the golden ratio spreads any number of
/// them evenly.
const SPREAD: u32 = 0x9e37_79b9;

/// The end of the rest of a slot that is served `now`: both since the wheel's origin.
fn end_of_rest(now: Duration, interval: Duration, session: u32) -> Duration {
    let nanos = interval.as_nanos();
    let points = (nanos / STEP_MIN.as_nanos()).clamp(1, POINTS).max(nanos.div_ceil(STEP_MAX.as_nanos()));
    let step = interval / points as u32;
    let late_max = (step / 2).min(LATE_MAX);
    let offset = step.mul_f64(f64::from(session.wrapping_mul(SPREAD)) / f64::from(u32::MAX));
    let earliest = (now + interval).saturating_sub(late_max + offset);
    let points = earliest.as_nanos().div_ceil(step.as_nanos());
    offset + Duration::from_nanos((points * step.as_nanos()) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_was_served_on_a_point_is_served_again_an_interval_later() {
        let first = end_of_rest(ms(1000), INTERVAL, 7);
        for late in 0..=5 {
            assert_eq!(end_of_rest(first + ms(late), INTERVAL, 7), first + INTERVAL, "{late} ms late");
        }
        assert_eq!(end_of_rest(first + ms(6), INTERVAL, 7), first + INTERVAL + INTERVAL / 8);
    }

    #[test]
    fn an_interval_has_eight_points_and_sessions_have_their_own() {
        let ends = |session| {
            let mut ends: Vec<_> =
                (0..1000).map(|at| end_of_rest(at * INTERVAL / 1000, INTERVAL, session)).collect();
            ends.dedup();
            ends
        };
        assert!(ends(1).len() <= 9, "{:?}", ends(1));
        let points: std::collections::BTreeSet<_> = (0..64).flat_map(ends).collect();
        assert!(points.len() > 500, "{}", points.len());
    }

    proptest! {
        #[test]
        fn a_rest_is_hardly_shorter_than_the_interval_and_little_longer(
            now in 0..10_000_000_u64, interval in 1_000..100_000_000_u64, session in any::<u32>(),
        ) {
            let (now, interval) = (Duration::from_micros(now), Duration::from_micros(interval));
            let rest = end_of_rest(now, interval, session) - now;
            prop_assert!(rest + LATE_MAX.min(interval / 2) >= interval, "{rest:?} of {interval:?}");
            prop_assert!(rest <= interval + STEP_MAX.min((interval / 8).max(2 * STEP_MIN)), "{rest:?} of {interval:?}");
        }

        #[test]
        fn messages_take_an_interval_each_however_late_they_are(
            rate in 0.01..1000.0_f64, session in any::<u32>(),
            lates in prop::collection::vec(0..3_000_u64, 1..200),
        ) {
            let interval = Duration::from_secs_f64(1.0 / rate);
            let (begin, mut now) = (ms(77), ms(77));
            for (served, late) in (1_u32..).zip(lates) {
                now = end_of_rest(now, interval, session) + Duration::from_micros(late);
                // Nanoseconds of a step are whole: up to one is lost in each.
                let rounding = Duration::from_nanos(u64::from(served) * 20_000);
                prop_assert!(now + LATE_MAX + rounding >= begin + interval * served, "{served}: {now:?} of {interval:?}");
            }
        }
    }
}
