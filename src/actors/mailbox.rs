//! The hand-over from the ingest thread to a shard's thread.
//!
//! It holds at most one publication a symbol: a newer one takes the place of one that wasn't fetched
//! yet. So it can't grow past the number of symbols, and a busy shard sees fewer and newer states.
//! One lock and at most one wake-up a batch, however many symbols and sessions there are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{publication::Publication, session::CloseReason};

/// One shard's inbox.
#[derive(Debug, Default)]
pub struct Mailbox {
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// By symbol number: what wasn't fetched yet.
    slots: Vec<Option<Arc<Publication>>>,
    /// The occupied slots, in the order in which they became so.
    dirty: Vec<usize>,
    close: Option<CloseReason>,
}

/// What a shard fetched.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Newer states, one a symbol.
    pub publications: Vec<Arc<Publication>>,
    /// All sessions are to be closed.
    pub close: Option<CloseReason>,
}

impl Mailbox {
    /// Puts a batch in, and wakes the shard if its mailbox was empty.
    pub fn deliver(&self, batch: &[Arc<Publication>]) {
        let mut inner = self.inner();
        let was_empty = inner.dirty.is_empty();
        for publication in batch {
            let index = publication.id.0 as usize;
            if inner.slots.len() <= index {
                inner.slots.resize(index + 1, None);
            }
            if inner.slots[index].replace(Arc::clone(publication)).is_none() {
                inner.dirty.push(index);
            }
        }
        drop(inner);
        if was_empty && !batch.is_empty() {
            self.arrived.notify_one();
        }
    }

    /// Asks the shard to close all its sessions.
    pub fn close_all(&self, reason: CloseReason) {
        self.inner().close = Some(reason);
        self.arrived.notify_one();
    }

    /// Waits until something is there.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Fetches what is there, in exchange for an emptied delivery, whose room is used again.
    pub fn fetch(&self, delivery: &mut Delivery) {
        delivery.publications.clear();
        let mut inner = self.inner();
        let Inner { slots, dirty, close } = &mut *inner;
        delivery.publications.extend(dirty.drain(..).filter_map(|index| slots[index].take()));
        delivery.close = close.take();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be half done: a panic elsewhere doesn't matter.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::tests::publication;

    #[test]
    fn a_newer_state_takes_the_place_of_one_that_was_not_fetched() {
        let mailbox = Mailbox::default();
        mailbox.deliver(&[publication(1, "B", 1), publication(0, "A", 1)]);
        mailbox.deliver(&[publication(1, "B", 2)]);
        let mut delivery = Delivery::default();
        mailbox.fetch(&mut delivery);
        let fetched: Vec<_> =
            delivery.publications.iter().map(|it| (it.symbol.as_str(), it.ordinal)).collect();
        assert_eq!(fetched, [("B", 2), ("A", 1)]);
        mailbox.fetch(&mut delivery);
        assert!(delivery.publications.is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_once_for_all_that_arrived() {
        let mailbox = Mailbox::default();
        mailbox.deliver(&[publication(0, "A", 1)]);
        mailbox.deliver(&[publication(0, "A", 2)]);
        mailbox.arrived().await;
        mailbox.fetch(&mut Delivery::default());
        mailbox.deliver(&[]);
        mailbox.close_all(CloseReason::Shutdown);
        mailbox.arrived().await;
        let mut delivery = Delivery::default();
        mailbox.fetch(&mut delivery);
        assert_eq!(delivery.close, Some(CloseReason::Shutdown));
    }
}
