//! One queue for the records of all partitions, from which they are taken by the thousand.
//!
//! A poll for each record costs more than twice as much: an event is made and destroyed around it (0.68 against
//! 0.3 µs a record). librdkafka gives batches to C only, hence the `unsafe` here, all of it: what lies behind the
//! pointers is librdkafka's, and each type below owns what it destroys.
#![expect(
    unsafe_code,
    reason = "librdkafka's batches have no safe interface; each block says why it's sound"
)]

use std::{ffi::CString, ptr::NonNull, time::Duration};

use rdkafka::{bindings as rd, error::RDKafkaErrorCode};

use super::message::Message;

/// Records taken in one go. At a million records a second this is a millisecond; at the usual rates a batch is
/// whatever came since the last.
pub(super) const BATCH_RECORDS_MAX: usize = 1024;

/// A queue of ours; partitions are forwarded to it.
pub(super) struct RecordQueue {
    queue: NonNull<rd::rd_kafka_queue_t>,
}

// SAFETY: librdkafka's queues are locked inside, and may be used and destroyed from any thread.
unsafe impl Send for RecordQueue {}
// SAFETY: as above.
unsafe impl Sync for RecordQueue {}

impl RecordQueue {
    /// A queue of this client, which must outlive it.
    ///
    /// # Safety
    /// `client` is a live client of librdkafka, and stays so for as long as the queue is used.
    pub(super) unsafe fn new(client: *mut rd::rd_kafka_t) -> Self {
        // SAFETY: the client is alive, as the caller promises.
        let queue = unsafe { rd::rd_kafka_queue_new(client) };
        Self { queue: NonNull::new(queue).expect("librdkafka ends the process when there is no memory") }
    }

    /// Lets a partition's records come here. To be called before it's assigned: what came before stays elsewhere.
    ///
    /// # Safety
    /// `client` is the one that the queue was made of.
    pub(super) unsafe fn take_over(&self, client: *mut rd::rd_kafka_t, topic: &str, partition: i32) {
        let topic = CString::new(topic).expect("a topic's name has no NUL");
        // SAFETY: the client is alive and the name ends with NUL. The partition's queue, unless it's null, is a
        // reference of ours that is given back; being forwarded, it keeps a reference to our queue.
        unsafe {
            let from = rd::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition);
            if !from.is_null() {
                rd::rd_kafka_queue_forward(from, self.queue.as_ptr());
                rd::rd_kafka_queue_destroy(from);
            }
        }
    }

    /// Takes what is there, up to a batch; waits for the first of it, at most so long.
    pub(super) fn take(&self, wait: Duration, batch: &mut Batch) {
        batch.clear();
        // For less than a batch librdkafka waits until the time is over: so the first is waited for alone.
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        if self.append(wait_ms, 1, batch) > 0 {
            self.append(0, BATCH_RECORDS_MAX - 1, batch);
        }
    }

    fn append(&self, wait_ms: i32, most: usize, batch: &mut Batch) -> usize {
        let messages = &mut batch.messages;
        messages.reserve(most);
        let free = messages.spare_capacity_mut().as_mut_ptr().cast::<*mut rd::rd_kafka_message_t>();
        // SAFETY: the queue is alive, and `most` pointers have room behind those that are there. librdkafka writes as
        // many valid ones as it says, each owned by whoever called.
        unsafe {
            let taken = rd::rd_kafka_consume_batch_queue(self.queue.as_ptr(), wait_ms, free, most);
            let taken = usize::try_from(taken).unwrap_or(0);
            messages.set_len(messages.len() + taken);
            taken
        }
    }
}

impl Drop for RecordQueue {
    fn drop(&mut self) {
        // SAFETY: the queue was made by `new` and is destroyed once. Partitions keep references of their own.
        unsafe { rd::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// What was taken at once. Kept from turn to turn for its allocation.
#[derive(Default)]
pub struct Batch {
    /// Valid, and owned.
    messages: Vec<*mut rd::rd_kafka_message_t>,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("len", &self.messages.len()).finish_non_exhaustive()
    }
}

/// One of a batch.
#[derive(Debug)]
pub enum Taken<'a> {
    /// A record.
    Record(Message<'a>),
    /// Everything of the partition was given that is there now and that a reader may see.
    EndOfPartition {
        /// The partition.
        partition: i32,
        /// The offset that its next record has at least: transactions' markers and compaction leave holes.
        next: u64,
    },
    /// The offset that the partition was to be read at isn't in the log, or another log is in its place. Nothing comes
    /// from it until it's assigned anew.
    OutOfLog {
        /// The partition.
        partition: i32,
        /// librdkafka's words.
        reason: String,
    },
    /// Something is wrong for the moment; librdkafka keeps trying.
    Trouble {
        /// The partition.
        partition: i32,
        /// What it is.
        code: RDKafkaErrorCode,
        /// librdkafka's words.
        reason: String,
    },
}

impl Taken<'_> {
    /// Whose it is.
    pub(super) fn partition(&self) -> i32 {
        match self {
            Taken::Record(message) => message.partition(),
            Taken::EndOfPartition { partition, .. }
            | Taken::OutOfLog { partition, .. }
            | Taken::Trouble { partition, .. } => *partition,
        }
    }
}

impl Batch {
    /// What was taken, in order.
    pub fn iter(&self) -> impl Iterator<Item = Taken<'_>> {
        self.messages.iter().map(|message| {
            // SAFETY: the pointer is valid until the batch is cleared or dropped, which its borrow forbids meanwhile.
            let message = unsafe { Message::new(&**message) };
            classify(message)
        })
    }

    /// Whether it's as large as a batch may be, so that there is more to take, as a rule.
    pub const fn is_full(&self) -> bool {
        self.messages.len() >= BATCH_RECORDS_MAX
    }

    /// Gives back what was taken.
    pub fn clear(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: each was given to us once, and is forgotten here.
            unsafe { rd::rd_kafka_message_destroy(message) }
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

fn classify(message: Message<'_>) -> Taken<'_> {
    let partition = message.partition();
    match message.error() {
        None => Taken::Record(message),
        Some((RDKafkaErrorCode::PartitionEOF, _)) => {
            Taken::EndOfPartition { partition, next: message.offset() }
        }
        Some((RDKafkaErrorCode::AutoOffsetReset, reason)) => Taken::OutOfLog { partition, reason },
        Some((code, reason)) => Taken::Trouble { partition, code, reason },
    }
}
