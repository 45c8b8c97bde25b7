//! What stands between the ingest thread and one shard: what the shard is told, and what it asks for.

use std::{future::poll_fn, sync::Arc};

use crate::{
    handover::{self, Handover, Slotted, TICKS_MAX},
    publication::Publication,
    recordings::Recordings,
    session::CloseReason,
};

/// What a shard fetched.
pub type Delivery = handover::Delivery<Arc<Publication>, CloseReason>;

/// One shard's inbox.
#[derive(Debug)]
pub struct Inbox {
    /// What it's told.
    pub handover: Handover<Arc<Publication>, CloseReason>,
    /// Whose ticks it asks for.
    pub recordings: Arc<Recordings>,
}

impl Slotted for Arc<Publication> {
    fn slot(&self) -> usize {
        self.id.0 as usize
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self { handover: Handover::new(TICKS_MAX), recordings: Arc::default() }
    }
}

impl Inbox {
    /// Waits until something is there and fetches it.
    pub async fn fetch(&self, delivery: &mut Delivery) {
        poll_fn(|context| self.handover.poll_fetch(delivery, context.waker())).await;
    }
}
