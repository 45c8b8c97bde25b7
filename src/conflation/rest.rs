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

/// Points of the grid in an interval.
const POINTS: u32 = 8;

/// The points are no farther apart.
const STEP_MAX: Duration = Duration::from_millis(100);

/// Who is served so much after a point counts as served on it, so that a busy symbol keeps its rate: a point comes an
/// interval after a point. Timers are late by up to 3 ms.
const LATE_MAX: Duration = Duration::from_millis(5);

/// How far the points of one session are from those of the one before it, of 2^32: the golden ratio spreads any number of
/// them evenly.
const SPREAD: u32 = 0x9e37_79b9;

/// The end of the rest of a slot that is served `now`: both since the wheel's origin.
fn end_of_rest(now: Duration, interval: Duration, session: u32) -> Duration {
    let step = (interval / POINTS).min(STEP_MAX);
    if step.is_zero() {
        return now + interval;
    }
    let late_max = (step / 4).min(LATE_MAX);
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
        for late in 0..=3 {
            assert_eq!(end_of_rest(first + ms(late), INTERVAL, 7), first + INTERVAL, "{late} ms late");
        }
        assert_eq!(end_of_rest(first + ms(4), INTERVAL, 7), first + INTERVAL + INTERVAL / 8);
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
            let step = (interval / 8).min(STEP_MAX);
            prop_assert!(rest + LATE_MAX.min(step / 4) >= interval, "{rest:?} of {interval:?}");
            prop_assert!(rest <= interval + step, "{rest:?} of {interval:?}");
        }
    }
}
