//! A publication: a symbol's state at one place in the log, ready to be sent to anybody.
//!
//! It is made once, shared by every session that gets it, and never changes. Of the MESSAGE frames
//! that carry it only the first headers differ between subscribers; all that follows them, the
//! [`tail`](Publication::tail), is encoded on first delivery and shared. A state that every session
//! conflates away is never encoded. What a subscription with `fields` or `delta` gets is its own, and encoded for it
//! alone: [`write_tail`](Content::write_tail).

mod changes;
mod encode;
mod fields;

use std::{
    borrow::Cow,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

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
    tail: OnceLock<Bytes>,
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
        Self { content, tail: OnceLock::new() }
    }
}

impl Publication {
    /// What follows the headers `subscription`, `type`, `conflated` and `ack` in a MESSAGE: the other
    /// headers, the empty line, the body and the closing NUL. Of what is in there the versions differ
    /// in the colon of a symbol alone: 1.0 has no escape for it.
    pub fn tail(&self, version: Version) -> Cow<'_, [u8]> {
        if version == Version::V1_0 && self.symbol.as_str().contains(':') {
            return Cow::Owned(self.encode_tail(version).into());
        }
        Cow::Borrowed(self.tail.get_or_init(|| self.encode_tail(Version::V1_2)))
    }

    fn encode_tail(&self, version: Version) -> Bytes {
        let mut out = Vec::with_capacity(TAIL_BYTES_USUAL);
        self.write_tail(version, View::WHOLE, &mut out);
        Bytes::from(out)
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
        let trade = Trade { price: Price::parse("1").unwrap(), size: None };
        let trade = (status == Status::Listed).then_some(trade);
        Arc::new(Publication::from(Content {
            id: SymbolId(id),
            symbol: Symbol::parse(symbol).unwrap(),
            partition: 0,
            seq: ordinal + 100,
            epoch: "e".into(),
            ordinal,
            rollovers: 0,
            status,
            state: State { trade, ..State::default() },
            ingested_us: 0,
        }))
    }
}
