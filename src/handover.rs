//! The hand-over from the ingest thread to a shard's thread.
//!
//! Of the newest states it holds at most one a symbol: a newer one takes the place of one that wasn't fetched yet. So
//! it can't grow past the number of symbols, and a busy shard sees fewer and newer states. Ticks that somebody records
//! come in order and are bounded; of the feed's status only the latest is owed. One lock and at most one wake-up a
//! batch, however many symbols and sessions there are.
//!
//! This room is pure. That nothing is lost between the threads and nobody sleeps over it is proved by trying every
//! order in which they can meet (`tests/handover`), which is why it knows as little as it can of what it hands over.

use std::{
    sync::{Arc, PoisonError},
    task::{Poll, Waker},
};

use crate::{
    recordings::Ticket,
    sync::{Mutex, MutexGuard},
};

/// Ticks kept for a shard that doesn't fetch: at 20,000 a second it may be away for three seconds. 8 bytes each are
/// 512 KiB a shard, and the publications, of about 400 bytes before they are encoded, are 26 MB for all shards
/// together.
pub const TICKS_MAX: usize = 65_536;

/// What the newest states are told apart by.
pub trait Slotted {
    /// Whose state it is: a small number.
    fn slot(&self) -> usize;
}

/// What one shard is to be told. `T` is a state, `C` why all sessions are to be closed.
#[derive(Debug)]
pub struct Handover<T, C> {
    ticks_max: usize,
    inner: Mutex<Inner<T, C>>,
}

#[derive(Debug)]
struct Inner<T, C> {
    /// By [`Slotted::slot`]: what wasn't fetched yet.
    slots: Vec<Option<T>>,
    /// The occupied slots, in the order in which they became so.
    dirty: Vec<usize>,
    ticks: Vec<T>,
    ticks_lost: bool,
    recorded_up_to: Option<Ticket>,
    feed_status: Option<Arc<str>>,
    is_draining: bool,
    close: Option<C>,
    /// The shard, while it waits.
    shard: Option<Waker>,
}

/// What a shard fetched, in the order in which it's to be heeded.
#[derive(Debug)]
pub struct Delivery<T, C> {
    /// Newer states, one a symbol.
    pub newest: Vec<T>,
    /// Ticks of recorded symbols are missing: nobody's are complete who was promised them before. There are none with
    /// it, for who begins with this delivery begins with the newest states.
    pub ticks_lost: bool,
    /// The ticks of recorded symbols since the last delivery, in order.
    pub ticks: Vec<T>,
    /// Everything asked for up to here is recorded, and what came before that is among [`Delivery::newest`].
    pub recorded_up_to: Option<Ticket>,
    /// The feed's status, as JSON.
    pub feed_status: Option<Arc<str>>,
    /// All sessions are to be closed.
    pub close: Option<C>,
}

impl<T: Slotted + Clone, C> Handover<T, C> {
    /// Nothing to tell yet. It keeps `ticks_max` ticks: [`TICKS_MAX`] where there is no reason for another bound.
    pub fn new(ticks_max: usize) -> Self {
        let inner = Inner {
            slots: Vec::new(),
            dirty: Vec::new(),
            ticks: Vec::new(),
            ticks_lost: false,
            recorded_up_to: None,
            feed_status: None,
            is_draining: false,
            close: None,
            shard: None,
        };
        Self { ticks_max, inner: Mutex::new(inner) }
    }

    /// Hands over a batch: newest states, and the ticks of recorded symbols, if the shard is to have them.
    pub fn deliver(&self, newest: &[T], ticks: &[T]) {
        if newest.is_empty() && ticks.is_empty() {
            return;
        }
        self.tell(|inner| {
            inner.replace(newest);
            inner.append(ticks, self.ticks_max);
        });
    }

    /// Says that everything asked for up to the ticket is recorded from here on. To be called between two batches.
    pub fn set_recorded_up_to(&self, ticket: Ticket) {
        self.tell(|inner| inner.recorded_up_to = Some(ticket));
    }

    /// Hands over the feed's status. A server that drains has no other any more.
    pub fn set_feed_status(&self, json: Arc<str>) {
        self.tell(|inner| {
            if !inner.is_draining {
                inner.feed_status = Some(json);
            }
        });
    }

    /// Hands over the feed's last status.
    pub fn drain(&self, json: Arc<str>) {
        self.tell(|inner| {
            inner.is_draining = true;
            inner.feed_status = Some(json);
        });
    }

    /// Asks the shard to close all its sessions.
    pub fn close_all(&self, reason: C) {
        self.tell(|inner| inner.close = Some(reason));
    }

    /// Fetches what is there, in exchange for what was fetched before, whose room is used again. If nothing is, the
    /// shard is woken as soon as something is.
    pub fn poll_fetch(&self, delivery: &mut Delivery<T, C>, shard: &Waker) -> Poll<()> {
        delivery.clear();
        let mut inner = self.inner();
        if inner.is_empty() {
            match &mut inner.shard {
                Some(waker) => waker.clone_from(shard),
                none => *none = Some(shard.clone()),
            }
            return Poll::Pending;
        }
        inner.fetch(delivery);
        Poll::Ready(())
    }

    /// Puts something in and wakes the shard if it waits. The waker leaves under the same lock under which it came, so
    /// that nothing is put in between.
    fn tell(&self, put: impl FnOnce(&mut Inner<T, C>)) {
        let mut inner = self.inner();
        put(&mut inner);
        let shard = inner.shard.take();
        drop(inner);
        if let Some(shard) = shard {
            shard.wake();
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T, C>> {
        // Nothing in here can be half done: a panic elsewhere doesn't matter.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Slotted + Clone, C> Inner<T, C> {
    const fn is_empty(&self) -> bool {
        let Self { dirty, ticks, ticks_lost, recorded_up_to, feed_status, close, .. } = self;
        dirty.is_empty()
            && ticks.is_empty()
            && !*ticks_lost
            && recorded_up_to.is_none()
            && feed_status.is_none()
            && close.is_none()
    }

    fn replace(&mut self, newest: &[T]) {
        for state in newest {
            let index = state.slot();
            if self.slots.len() <= index {
                self.slots.resize(index + 1, None);
            }
            if self.slots[index].replace(state.clone()).is_none() {
                self.dirty.push(index);
            }
        }
    }

    /// Once ticks are lost none is kept until the shard knows: whoever wants them is closed then, or begins then.
    fn append(&mut self, ticks: &[T], ticks_max: usize) {
        if self.ticks_lost || ticks.len() > ticks_max - self.ticks.len() {
            self.ticks_lost |= !ticks.is_empty();
            self.ticks = Vec::new();
        } else {
            self.ticks.extend_from_slice(ticks);
        }
    }

    fn fetch(&mut self, delivery: &mut Delivery<T, C>) {
        let Self { slots, dirty, ticks, ticks_lost, recorded_up_to, feed_status, close, .. } = self;
        delivery.newest.extend(dirty.drain(..).filter_map(|index| slots[index].take()));
        std::mem::swap(&mut delivery.ticks, ticks);
        delivery.ticks_lost = std::mem::take(ticks_lost);
        delivery.recorded_up_to = recorded_up_to.take();
        delivery.feed_status = feed_status.take();
        delivery.close = close.take();
    }
}

impl<T, C> Delivery<T, C> {
    fn clear(&mut self) {
        let Self { newest, ticks_lost, ticks, recorded_up_to, feed_status, close } = self;
        newest.clear();
        ticks.clear();
        *ticks_lost = false;
        (*recorded_up_to, *feed_status, *close) = (None, None, None);
    }
}

impl<T, C> Default for Delivery<T, C> {
    fn default() -> Self {
        Self {
            newest: Vec::new(),
            ticks_lost: false,
            ticks: Vec::new(),
            recorded_up_to: None,
            feed_status: None,
            close: None,
        }
    }
}

#[cfg(test)]
mod tests;
