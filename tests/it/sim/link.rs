//! What lies between a session and its client: the chunk that the session handed over last, a bounded room in the
//! kernels, and a client that reads at its own pace or not at all.

use std::collections::VecDeque;

use tickcast::session::FrameSink;

use super::scenario::{LinkKind, Pace};

/// One thing that was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// A STOMP frame or a heart-beat.
    Frame(Vec<u8>),
    Ping,
    Pong,
    Close(u16, String),
}

/// A chunk, as a session fills it.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) items: Vec<(usize, Item)>,
    bytes: usize,
}

/// What a WebSocket's frame costs beside what is in it.
const FRAMING_BYTES: usize = 4;

impl Chunk {
    fn push(&mut self, bytes: usize, item: Item) {
        self.bytes += bytes + FRAMING_BYTES;
        self.items.push((bytes + FRAMING_BYTES, item));
    }
}

impl FrameSink for Chunk {
    fn frame(&mut self, parts: &[&[u8]]) {
        let bytes = parts.concat();
        self.push(bytes.len(), Item::Frame(bytes));
    }

    fn ping(&mut self) {
        self.push(0, Item::Ping);
    }

    fn pong(&mut self, payload: &[u8]) {
        self.push(payload.len(), Item::Pong);
    }

    fn close(&mut self, code: u16, text: &str) {
        self.push(2 + text.len(), Item::Close(code, text.to_owned()));
    }

    fn len(&self) -> usize {
        self.bytes
    }
}

/// Bytes are counted from the connection's beginning: `read <= taken <= handed`.
#[derive(Debug)]
pub(super) struct Link {
    /// Handed over by the session.
    handed: u64,
    /// In the kernels' hands, or read.
    taken: u64,
    /// Read by the client.
    read: u64,
    /// What isn't read yet, with where it ends.
    under_way: VecDeque<(u64, Item)>,
    room: u64,
    pace: Pace,
    is_stalled: bool,
    /// When something was handed over or read last.
    moved_us: u64,
    /// When the client reads next, if that is set.
    wakes_us: Option<u64>,
}

impl Link {
    pub(super) fn new(kind: LinkKind) -> Self {
        Self {
            handed: 0,
            taken: 0,
            read: 0,
            under_way: VecDeque::new(),
            room: u64::from(kind.room),
            pace: kind.pace,
            is_stalled: false,
            moved_us: 0,
            wakes_us: None,
        }
    }

    /// Whether everything that was handed over is in the kernels' hands, so that more may be asked for.
    pub(super) fn is_writable(&self) -> bool {
        self.taken == self.handed
    }

    /// Whether everything that was said was read.
    pub(super) fn is_drained(&self) -> bool {
        self.read == self.handed
    }

    /// How many bytes the client has acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.read
    }

    /// When something moved last, in the world's microseconds.
    pub(super) fn moved_us(&self) -> u64 {
        self.moved_us
    }

    pub(super) fn hand_over(&mut self, now_us: u64, items: Vec<(usize, Item)>) {
        self.moved_us = now_us;
        for (bytes, item) in items {
            self.handed += bytes as u64;
            self.under_way.push_back((self.handed, item));
        }
        self.fill();
    }

    pub(super) fn stall(&mut self) {
        self.is_stalled = true;
    }

    pub(super) fn resume(&mut self) {
        self.is_stalled = false;
    }

    pub(super) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.wakes_us = None;
    }

    /// The client reads what it may now; answers what has arrived as a whole.
    pub(super) fn read(&mut self, now_us: u64) -> Vec<Item> {
        if self.is_stalled || self.is_drained() {
            return Vec::new();
        }
        let before = self.read;
        match self.pace {
            Pace::AtOnce => {
                self.read = self.handed;
            }
            Pace::Steady { bytes, every_ms } => {
                let due_us = *self.wakes_us.get_or_insert(now_us + u64::from(every_ms.max(1)) * 1000);
                if due_us <= now_us {
                    // The kernels take more meanwhile.
                    self.read = self.handed.min(self.read + u64::from(bytes.max(1)));
                    self.wakes_us = None;
                }
            }
        }
        self.fill();
        if self.read > before {
            self.moved_us = now_us;
        }
        let mut arrived = Vec::new();
        while self.under_way.front().is_some_and(|(end, _)| *end <= self.read) {
            arrived.extend(self.under_way.pop_front().map(|(_, item)| item));
        }
        arrived
    }

    /// When the client reads next; sets the time if it has something to read.
    pub(super) fn next_read(&mut self, now_us: u64) -> Option<u64> {
        let Pace::Steady { every_ms, .. } = self.pace else { return None };
        if self.is_stalled || self.is_drained() {
            return None;
        }
        Some(*self.wakes_us.get_or_insert(now_us + u64::from(every_ms.max(1)) * 1000))
    }

    fn fill(&mut self) {
        self.taken = self.handed.min(self.read + self.room).max(self.taken);
    }
}
