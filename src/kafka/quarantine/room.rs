//! How many copies of bad records there may be at a time, wherever they are: in the queue, resting, in flight.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Copies at a time: what is bad in the second or two that Kafka takes to elect a leader, at 10,000 bad records a second.
pub(super) const RECORDS_MAX: usize = 16_384;

/// Their bytes. A tick's 200 bytes and a copy's own 600 make 16,384 of them 13 MB; the rest is for large ones, of up to
/// 256 KiB each. librdkafka holds as much again of those in flight, so that it's 64 MiB at the very worst.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// What a copy takes beside its bytes: its place, its reason, its header names, its allocations.
const OVERHEAD_BYTES: usize = 600;

/// The room for copies.
#[derive(Clone, Debug, Default)]
pub(super) struct Room(Arc<Taken>);

#[derive(Debug, Default)]
struct Taken {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

/// A copy's part of the room; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    taken: Arc<Taken>,
    bytes: usize,
}

impl Room {
    /// Room for a copy of so many bytes, if there is any. Of two threads that ask at the same moment both may get the
    /// last seat.
    pub(super) fn take(&self, bytes: usize) -> Option<Seat> {
        let bytes = bytes + OVERHEAD_BYTES;
        if self.is_full() || self.0.bytes.load(Ordering::Relaxed) + bytes > BYTES_MAX {
            return None;
        }
        self.0.records.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        Some(Seat { taken: Arc::clone(&self.0), bytes })
    }

    /// Whether there is room for no copy of any size.
    pub(super) fn is_full(&self) -> bool {
        self.records() >= RECORDS_MAX || self.0.bytes.load(Ordering::Relaxed) + OVERHEAD_BYTES > BYTES_MAX
    }

    /// Copies at the moment.
    pub(super) fn records(&self) -> usize {
        self.0.records.load(Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.records.fetch_sub(1, Ordering::Relaxed);
        self.taken.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_bytes_are_bounded_and_given_back() {
        let room = Room::default();
        let mut seats: Vec<_> = (0..RECORDS_MAX).map(|_| room.take(0).unwrap()).collect();
        assert!(room.take(0).is_none() && room.is_full());
        seats.clear();
        assert_eq!((room.records(), room.is_full()), (0, false));
        let whole = room.take(BYTES_MAX - OVERHEAD_BYTES).unwrap();
        assert!(room.take(0).is_none() && room.is_full());
        drop(whole);
        assert!(room.take(BYTES_MAX).is_none(), "it never fits");
    }
}
