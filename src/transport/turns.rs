//! Turns for costly work on a thread: it begins at a rate, so that those who are served there get their turn,
//! and each address in its turn, so that one that wants much doesn't keep the others from theirs.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::rt;
use tokio::{sync::oneshot, time::sleep_until};

use crate::admission::Source;

/// Gives turns to those on this thread who wait for one.
#[derive(Debug)]
pub struct Turns(Rc<RefCell<Giver>>);

/// Somebody's place in the queue, which is given up when this is dropped. It's ready when the turn has come.
#[derive(Debug)]
#[must_use = "who doesn't wait has no place"]
pub struct Turn {
    giver: Rc<RefCell<Giver>>,
    source: Source,
    number: u64,
    comes: oneshot::Receiver<()>,
}

#[derive(Debug)]
struct Giver {
    pace: Pace,
    queue: Queue<oneshot::Sender<()>>,
    is_at_work: bool,
}

impl Turns {
    /// So many a second, and so many at once.
    pub fn new(per_s: u32, burst: u32) -> Self {
        let (pace, queue) = (Pace::new(per_s, burst), Queue::default());
        Self(Rc::new(RefCell::new(Giver { pace, queue, is_at_work: false })))
    }

    /// Joins the queue.
    pub fn wait(&self, source: Source) -> Turn {
        let (sender, comes) = oneshot::channel();
        let mut giver = self.0.borrow_mut();
        let number = giver.queue.join(source, sender);
        if !giver.is_at_work {
            giver.is_at_work = true;
            rt::spawn(give(Rc::clone(&self.0)));
        }
        Turn { giver: Rc::clone(&self.0), source, number, comes }
    }
}

/// Gives turns as long as somebody waits.
async fn give(giver: Rc<RefCell<Giver>>) {
    loop {
        let begins = {
            let Giver { pace, queue, is_at_work } = &mut *giver.borrow_mut();
            if queue.is_empty() {
                *is_at_work = false;
                return;
            }
            match pace.take(Instant::now()) {
                Ok(()) => {
                    let first = queue.next().expect("somebody waits");
                    first.send(()).expect("who doesn't wait any more has left the queue");
                    continue;
                }
                Err(begins) => begins,
            }
        };
        sleep_until(begins.into()).await;
    }
}

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Nobody drops the other end before it has sent.
        Pin::new(&mut self.comes).poll(context).map(drop)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.giver.borrow_mut().queue.leave(self.source, self.number);
    }
}

/// A rate, and what may be made up of it after a pause.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    /// For how much of the past it may be made up.
    slack: Duration,
    next: Option<Instant>,
}

impl Pace {
    fn new(per_s: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_s;
        Self { interval, slack: interval * burst.saturating_sub(1), next: None }
    }

    /// Takes a turn if there is one; if not answers when there will be.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let earliest = now.checked_sub(self.slack).unwrap_or(now);
        let at = self.next.unwrap_or(earliest).max(earliest);
        if at > now {
            return Err(at);
        }
        self.next = Some(at + self.interval);
        Ok(())
    }
}

/// Those who wait: one of each source in its turn, and among those of one source who came first.
///
/// With `n` other sources in it nobody who is its source's first waits for more than `n` others. All
/// that's done to it takes the logarithm of its length.
#[derive(Debug)]
struct Queue<T> {
    lines: HashMap<Source, Line<T>>,
    /// The sources by their places.
    round: BTreeMap<u64, Source>,
    /// Numbers that were given, to those who wait and to places.
    numbers: u64,
}

/// Those of one source, of which there is at least one.
#[derive(Debug)]
struct Line<T> {
    place: u64,
    waiting: BTreeMap<u64, T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { lines: HashMap::new(), round: BTreeMap::new(), numbers: 0 }
    }
}

impl<T> Queue<T> {
    fn is_empty(&self) -> bool {
        self.round.is_empty()
    }

    /// Joins as the last of its source; answers a number to leave with.
    fn join(&mut self, source: Source, waiter: T) -> u64 {
        self.numbers += 1;
        let number = self.numbers;
        let line = self.lines.entry(source).or_insert_with(|| {
            self.round.insert(number, source);
            Line { place: number, waiting: BTreeMap::new() }
        });
        line.waiting.insert(number, waiter);
        number
    }

    /// Leaves, if it's still there.
    fn leave(&mut self, source: Source, number: u64) {
        let Some(line) = self.lines.get_mut(&source) else { return };
        line.waiting.remove(&number);
        if line.waiting.is_empty() {
            self.round.remove(&line.place);
            self.lines.remove(&source);
        }
    }

    /// Takes out whose turn it is; its source's next turn comes after everybody else's.
    fn next(&mut self) -> Option<T> {
        let (_, source) = self.round.pop_first()?;
        let line = self.lines.get_mut(&source).expect("a source with a place has a line");
        let (_, waiter) = line.waiting.pop_first().expect("a line isn't empty");
        if line.waiting.is_empty() {
            self.lines.remove(&source);
        } else {
            self.numbers += 1;
            line.place = self.numbers;
            self.round.insert(line.place, source);
        }
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Source = Source::V4([192, 0, 2, 1]);
    const B: Source = Source::V4([192, 0, 2, 2]);
    const C: Source = Source::V6([0x2001, 0xdb8, 0, 1]);

    fn queue(waiters: &[(Source, &'static str)]) -> (Queue<&'static str>, Vec<u64>) {
        let mut queue = Queue::default();
        let numbers = waiters.iter().map(|(source, waiter)| queue.join(*source, *waiter)).collect();
        (queue, numbers)
    }

    fn all(queue: &mut Queue<&'static str>) -> String {
        std::iter::from_fn(|| queue.next()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_burst_begins_at_once_and_the_rest_at_its_rate() {
        let mut pace = Pace::new(1000, 3);
        let start = Instant::now() + Duration::from_secs(60);
        let ms = Duration::from_millis(1);
        let mut take = |at| [(); 4].map(|()| pace.take(at));
        assert_eq!(take(start), [Ok(()), Ok(()), Ok(()), Err(start + ms)]);
        let later = start + 2 * ms;
        assert_eq!(take(later), [Ok(()), Ok(()), Err(later + ms), Err(later + ms)]);
        let next_day = start + Duration::from_secs(86_400);
        assert_eq!(take(next_day), [Ok(()), Ok(()), Ok(()), Err(next_day + ms)]);
    }

    #[test]
    fn sources_take_turns_and_each_serves_who_came_first() {
        let (mut queue, _) = queue(&[(A, "a1"), (A, "a2"), (A, "a3"), (B, "b1"), (C, "c1"), (B, "b2")]);
        assert_eq!(queue.next(), Some("a1"));
        queue.join(A, "a4");
        queue.join(C, "c2");
        assert_eq!(all(&mut queue), "b1 c1 a2 b2 c2 a3 a4");
        assert!(queue.is_empty());
    }

    #[test]
    fn who_leaves_takes_nobodys_turn() {
        let (mut queue, numbers) = queue(&[(A, "a1"), (A, "a2"), (B, "b1"), (C, "c1")]);
        queue.leave(A, numbers[0]);
        queue.leave(B, numbers[2]);
        // No more than once, and not for another.
        queue.leave(B, numbers[2]);
        queue.leave(C, numbers[0]);
        assert_eq!(all(&mut queue), "a2 c1");
        queue.leave(A, numbers[1]);
        assert!(queue.is_empty() && queue.lines.is_empty());
    }

    #[test]
    fn who_leaves_and_comes_again_has_no_second_place() {
        let (mut queue, _) = queue(&[(B, "b1")]);
        for _ in 0..1000 {
            let number = queue.join(A, "gone");
            queue.leave(A, number);
        }
        queue.join(A, "a1");
        assert_eq!((queue.round.len(), queue.lines.len()), (2, 2));
        assert_eq!(all(&mut queue), "b1 a1");
    }

    #[actix_web::test]
    async fn a_turn_that_is_dropped_is_the_next_ones() {
        let turns = Turns::new(1, 2);
        turns.wait(A).await;
        let first = turns.wait(A);
        let second = turns.wait(A);
        drop(first);
        // It would come in a second, and isn't waited for: the burst has one left.
        let asked = Instant::now();
        second.await;
        assert!(asked.elapsed() < Duration::from_millis(900), "{:?}", asked.elapsed());
        assert!(turns.0.borrow().queue.is_empty());
    }

    #[actix_web::test]
    async fn turns_are_given_again_after_a_pause() {
        let turns = Turns::new(1000, 1);
        for _ in 0..3 {
            turns.wait(A).await;
            while turns.0.borrow().is_at_work {
                tokio::task::yield_now().await;
            }
        }
    }
}
