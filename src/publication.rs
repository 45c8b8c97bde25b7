//! A publication: a symbol's state at one place in the log, ready to be sent to anybody.
//!
//! It is made once, shared by every session that gets it, and never changes while anybody has it. Of the MESSAGE frames
//! that carry it only the first headers differ between subscribers; all that follows them, the
//! [`tail`](Publication::tail), is encoded on first delivery and shared. A state that every session
//! conflates away is never encoded. What a subscription with `fields` or `delta` gets is its own, and encoded for it
//! alone: [`write_tail`](Content::write_tail).

mod changes;
mod encode;
mod fields;
mod retired;

use std::{
    borrow::Cow,
    mem,
    ops::Deref,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

pub(crate) use self::retired::Retired;
pub use self::{
    encode::View,
    fields::{Field, Fields, FieldsError},
};
use crate::{
    market::{State, Symbol},
    stomp::Version,
};

/// A symbol's number in this process: dense, from zero, in order of first appearance. It indexes
/// the tables on the fan-out path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub u32);

/// Which log an offset belongs to: offsets are comparable within one epoch only.
pub type Epoch = Arc<str>;

/// The state of a symbol at one place in the log. It reads like its [`Content`].
#[derive(Debug)]
pub struct Publication {
    content: Content,
    tail: OnceLock<Vec<u8>>,
    /// Where the tail is encoded into: the room of the one that was here before, if there was one.
    room: Mutex<Vec<u8>>,
}

/// What a publication says.
#[derive(Debug)]
pub struct Content {
    /// The symbol's number.
    pub id: SymbolId,
    /// The symbol.
    pub symbol: Symbol,
    /// Partition of the newest record in it.
    pub partition: i32,
    /// Offset of the newest record in it; rises strictly within a symbol and an epoch.
    pub seq: u64,
    /// Which log `seq` belongs to.
    pub epoch: Epoch,
    /// How many ticks of the symbol this process has folded, this one included. The difference of
    /// two publications' ordinals, less one, is what was conflated between them.
    pub ordinal: u64,
    /// How often the state has become another one since its last tick without a newer one: its trading day began anew,
    /// the log another epoch, or a record came late from a partition where the symbol was before. With `ordinal` it tells
    /// two states of the symbol apart.
    pub rollovers: u32,
    /// Whether the symbol is traded or was delisted.
    pub status: Status,
    /// Everything known about the symbol.
    pub state: State,
    /// When the newest record reached this process, in microseconds since the Unix epoch.
    pub ingested_us: i64,
}

/// Whether a symbol is traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has a state.
    Listed,
    /// A tombstone took it off the list.
    Delisted,
}

impl Deref for Publication {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

impl From<Content> for Publication {
    fn from(content: Content) -> Self {
        Self { content, tail: OnceLock::new(), room: Mutex::default() }
    }
}

impl Publication {
    /// What follows the headers `subscription`, `type`, `conflated` and `ack` in a MESSAGE: the other
    /// headers, the empty line, the body and the closing NUL. Of what is in there the versions differ
    /// in the colon of a symbol alone: 1.0 has no escape for it.
    pub fn tail(&self, version: Version) -> Cow<'_, [u8]> {
        if version == Version::V1_0 && self.symbol.as_str().contains(':') {
            return Cow::Owned(self.encode_tail(version, Vec::new()));
        }
        Cow::Borrowed(self.tail.get_or_init(|| {
            let room = mem::take(&mut *self.room.lock().unwrap_or_else(PoisonError::into_inner));
            self.encode_tail(Version::V1_2, room)
        }))
    }

    fn encode_tail(&self, version: Version, mut room: Vec<u8>) -> Vec<u8> {
        room.reserve(TAIL_BYTES_USUAL);
        self.write_tail(version, View::WHOLE, &mut room);
        room
    }

    /// Says something else from here on: nobody knows what it said.
    fn renew(&mut self, content: Content) {
        self.content = content;
        if let Some(mut tail) = self.tail.take().filter(|tail| tail.capacity() <= 2 * TAIL_BYTES_USUAL) {
            tail.clear();
            self.room = Mutex::new(tail);
        }
    }
}

/// What the tail of a state with every field comes to, and some more: 130 bytes of headers and 220 of body.
const TAIL_BYTES_USUAL: usize = 384;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::market::{Price, Trade};

    /// A publication of a trade at 1 for tests of what happens to publications.
    pub(crate) fn publication(id: u32, symbol: &str, ordinal: u64) -> Arc<Publication> {
        publication_of(id, symbol, ordinal, Status::Listed)
    }

    /// The same after its trading day began anew.
    pub(crate) fn publication_of_new_day(id: u32, symbol: &str, ordinal: u64) -> Arc<Publication> {
        let mut publication = publication(id, symbol, ordinal);
        Arc::get_mut(&mut publication).unwrap().content.rollovers = 1;
        publication
    }

    /// The same of a symbol that may be delisted. Its `seq` is its ordinal and 100.
    pub(crate) fn publication_of(id: u32, symbol: &str, ordinal: u64, status: Status) -> Arc<Publication> {
        let mut content = content(symbol, "1");
        (content.id, content.ordinal, content.seq) = (SymbolId(id), ordinal, ordinal + 100);
        content.status = status;
        content.state.trade.take_if(|_| status == Status::Delisted);
        Arc::new(Publication::from(content))
    }

    /// The first state of the first symbol: a trade at this price.
    pub(crate) fn content(symbol: &str, price: &str) -> Content {
        let trade = Some(Trade { price: Price::parse(price).unwrap(), size: None });
        Content {
            id: SymbolId(0),
            symbol: Symbol::parse(symbol).unwrap(),
            partition: 0,
            seq: 0,
            epoch: "e".into(),
            ordinal: 0,
            rollovers: 0,
            status: Status::Listed,
            state: State { trade, ..State::default() },
            ingested_us: 0,
        }
    }
}
