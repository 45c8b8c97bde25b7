//! A timing wheel: any number of timers for one alarm.
//!
//! Setting a timer, taking it back and letting it expire are a few writes each, however many there are: a timer stands
//! in a bucket by its next distinguishing digit, and moves to a finer one when that digit's turn comes (G. Varghese and
//! T. Lauck, "Hashed and Hierarchical Timing Wheels", 1987; a bucket for each value of six bits, as tokio has it).

use std::time::{Duration, Instant};

use slab::Slab;

/// The wheel's tick: timers expire on a whole one, never early and less than one late.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// Bits of a tick's number that one level looks at.
const DIGIT_BITS: usize = 6;

const BUCKETS: usize = 1 << DIGIT_BITS;

/// 2^48 ms are 8,900 years.
const LEVELS: usize = 8;

/// No timer: the end of a chain.
const NONE: u32 = u32::MAX;

/// Beyond so many the room for timers is given back when none is set.
const KEPT_TIMERS: usize = 1024;

/// A timer that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimerId(pub(super) u32);

/// Timers, each with a value that's handed out when it expires. 4 KiB, and 32 bytes for each timer with a value of 8.
#[derive(Debug)]
pub struct TimingWheel<T> {
    origin: Instant,
    /// Everything that was due by this tick has expired.
    elapsed: u64,
    timers: Slab<Timer<T>>,
    buckets: Box<[[Bucket; BUCKETS]; LEVELS]>,
    /// Which buckets of each level hold timers, a bit each.
    occupied: [u64; LEVELS],
}

#[derive(Clone, Copy, Debug)]
struct Timer<T> {
    due: u64,
    previous: u32,
    next: u32,
    place: Place,
    value: T,
}

/// Where a timer stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    level: u8,
    bucket: u8,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    first: u32,
    last: u32,
}

const EMPTY: Bucket = Bucket { first: NONE, last: NONE };

impl<T: Copy> TimingWheel<T> {
    /// A wheel without timers, which begins to turn now.
    pub fn starting_at(now: Instant) -> Self {
        Self {
            origin: now,
            elapsed: 0,
            timers: Slab::new(),
            buckets: Box::new([[EMPTY; BUCKETS]; LEVELS]),
            occupied: [0; LEVELS],
        }
    }

    /// When it began to turn.
    pub(super) const fn origin(&self) -> Instant {
        self.origin
    }

    /// How many timers are set.
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// When [`TimingWheel::pop_expired`] should be called next; never after the first timer is due, and maybe some time
    /// before.
    pub fn next_expiry(&self) -> Option<Instant> {
        let (_, tick) = self.first_bucket()?;
        // A tick is a millisecond.
        Some(self.origin + Duration::from_millis(tick))
    }

    /// A timer that is due and isn't set any longer; those that are due earlier first, and of those of one tick the one
    /// that was set first.
    pub fn pop_expired(&mut self, now: Instant) -> Option<T> {
        let now_tick = (now.saturating_duration_since(self.origin).as_nanos() / TICK.as_nanos()) as u64;
        loop {
            let (place, tick) = self.first_bucket()?;
            if tick > now_tick {
                self.elapsed = self.elapsed.max(now_tick);
                return None;
            }
            self.elapsed = self.elapsed.max(tick);
            if place.level == 0 {
                let first = self.bucket(place).first;
                return Some(self.remove(TimerId(first)));
            }
            self.refine(place);
        }
    }

    /// Sets a timer.
    pub(super) fn insert(&mut self, due: Instant, value: T) -> TimerId {
        let since = due.saturating_duration_since(self.origin).as_nanos();
        let due = (since.div_ceil(TICK.as_nanos()) as u64).max(self.elapsed);
        let timer = Timer { due, previous: NONE, next: NONE, place: Place { level: 0, bucket: 0 }, value };
        let id = u32::try_from(self.timers.insert(timer)).expect("slots are bounded, and each has one timer");
        self.join(id);
        TimerId(id)
    }

    /// Takes a timer back.
    pub(super) fn remove(&mut self, TimerId(id): TimerId) -> T {
        let Timer { previous, next, place, .. } = self.timers[id as usize];
        match previous {
            NONE => self.bucket(place).first = next,
            previous => self.timers[previous as usize].next = next,
        }
        match next {
            NONE => self.bucket(place).last = previous,
            next => self.timers[next as usize].previous = previous,
        }
        if self.bucket(place).first == NONE {
            self.occupied[place.level as usize] &= !(1 << place.bucket);
        }
        let value = self.timers.remove(id as usize).value;
        if self.timers.is_empty() && self.timers.capacity() > KEPT_TIMERS {
            self.timers = Slab::new();
        }
        value
    }

    /// The bucket of the timers that are due first, and the tick at which something is to be done with it. The timers
    /// of a level agree with the elapsed tick in all higher digits, so those of lower levels are due before it.
    fn first_bucket(&self) -> Option<(Place, u64)> {
        let level = self.occupied.iter().position(|buckets| *buckets != 0)?;
        let bucket = self.occupied[level].trailing_zeros();
        let shift = level * DIGIT_BITS;
        let higher = self.elapsed >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS);
        let place = Place { level: level as u8, bucket: bucket as u8 };
        Some((place, higher | u64::from(bucket) << shift))
    }

    /// The bucket's turn has come: its timers are told apart by their next digit.
    fn refine(&mut self, place: Place) {
        let mut next = std::mem::replace(self.bucket(place), EMPTY).first;
        self.occupied[place.level as usize] &= !(1 << place.bucket);
        while next != NONE {
            let id = next;
            next = self.timers[id as usize].next;
            self.join(id);
        }
    }

    /// Puts a timer at the end of the bucket for its highest digit that isn't the elapsed tick's.
    fn join(&mut self, id: u32) {
        let due = self.timers[id as usize].due;
        let distinct = (due ^ self.elapsed) | 1;
        let level = (distinct.ilog2() as usize / DIGIT_BITS).min(LEVELS - 1);
        let bucket = (due >> (level * DIGIT_BITS)) as usize % BUCKETS;
        let place = Place { level: level as u8, bucket: bucket as u8 };
        self.occupied[level] |= 1 << bucket;
        let last = std::mem::replace(&mut self.bucket(place).last, id);
        match last {
            NONE => self.bucket(place).first = id,
            last => self.timers[last as usize].next = id,
        }
        let timer = &mut self.timers[id as usize];
        (timer.previous, timer.next, timer.place) = (last, NONE, place);
    }

    fn bucket(&mut self, Place { level, bucket }: Place) -> &mut Bucket {
        &mut self.buckets[level as usize][bucket as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timers_are_small() {
        assert_eq!(size_of::<Timer<[u32; 2]>>(), 32);
    }

    #[test]
    fn a_timer_expires_on_the_tick_after_it_is_due() {
        let now = Instant::now();
        let mut wheel = TimingWheel::starting_at(now);
        wheel.insert(now + Duration::from_micros(2_500), 'b');
        wheel.insert(now + Duration::from_micros(1_000), 'a');
        assert_eq!(wheel.next_expiry(), Some(now + TICK));
        let mut pop = |us| wheel.pop_expired(now + Duration::from_micros(us));
        assert_eq!(
            [pop(999), pop(1_000), pop(2_999), pop(3_000), pop(9_000)],
            [None, Some('a'), None, Some('b'), None]
        );
    }

    #[test]
    fn nobody_wakes_too_early_after_months() {
        let origin = Instant::now();
        let mut wheel = TimingWheel::starting_at(origin);
        let now = origin + Duration::from_hours(24 * 365);
        wheel.insert(origin, 'a');
        assert_eq!(wheel.pop_expired(now), Some('a'));
        let due = now + Duration::from_millis(250);
        wheel.insert(due, 'b');
        for _ in 0..LEVELS {
            assert_eq!(wheel.pop_expired(now), None);
        }
        let wakes = wheel.next_expiry().unwrap();
        assert!(now < wakes && wakes <= due);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert { after_ms: u64 },
        Remove { which: usize },
        Pass { ms: u64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        let time = prop_oneof![0..70_u64, 0..5_000_u64, 0..400_000_u64];
        prop_oneof![
            3 => time.clone().prop_map(|after_ms| Step::Insert { after_ms }),
            1 => any::<usize>().prop_map(|which| Step::Remove { which }),
            2 => time.prop_map(|ms| Step::Pass { ms }),
        ]
    }

    proptest! {
        /// Against a sorted map: what expires, in which order, and that nobody sleeps past it.
        #[test]
        fn every_timer_expires_once_and_in_time(steps in prop::collection::vec(step(), 0..200)) {
            let origin = Instant::now();
            let mut wheel = TimingWheel::starting_at(origin);
            let mut expected = BTreeMap::new();
            let mut ids = BTreeMap::new();
            let mut now_ms = 0;
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert { after_ms } => {
                        let due = now_ms + after_ms;
                        ids.insert(number, (due, wheel.insert(origin + Duration::from_millis(due), number)));
                        expected.insert((due, number), ());
                    }
                    Step::Remove { which } if !ids.is_empty() => {
                        let number = *ids.keys().nth(which % ids.len()).unwrap();
                        let (due, id) = ids.remove(&number).unwrap();
                        prop_assert_eq!(wheel.remove(id), number);
                        expected.remove(&(due, number));
                    }
                    Step::Remove { .. } => {}
                    Step::Pass { ms } => {
                        now_ms += ms;
                        let now = origin + Duration::from_millis(now_ms);
                        while let Some(number) = wheel.pop_expired(now) {
                            let ((due, first), ()) = expected.pop_first().unwrap();
                            prop_assert!(due <= now_ms);
                            prop_assert_eq!(number, first);
                            ids.remove(&number);
                        }
                    }
                }
                prop_assert_eq!(wheel.len(), expected.len());
                if let Some(((due, _), ())) = expected.first_key_value() {
                    let wakes = wheel.next_expiry().unwrap();
                    prop_assert!(*due < now_ms || wakes <= origin + Duration::from_millis(*due));
                }
            }
        }
    }
}
