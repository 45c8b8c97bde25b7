//! A publication: a symbol's state at one place in the log, ready to be sent to anybody.
//!
//! It is made once, shared by every session that gets it, and never changes. Of the MESSAGE frames
//! that carry it only the first headers differ between subscribers; all that follows them, the
//! [`tail`](Publication::tail), is encoded on first delivery and shared. A state that every session
//! conflates away is never encoded.

use std::{
    borrow::Cow,
    io::Write,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::{
    destination::PRICE_PREFIX,
    market::{Level, State, Symbol},
    stomp::{Version, escape_into},
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
    /// How often the symbol's trading day began anew without a tick. With `ordinal` it tells two states of the symbol
    /// apart.
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

    /// Appends the state as the JSON object of contract §5.3, without its closing brace, so that a
    /// caller may add fields.
    pub fn write_open_json(&self, out: &mut Vec<u8>) {
        let State { trade, bid, ask, day, time_us, venue } = &self.state;
        out.extend_from_slice(b"{\"symbol\":\"");
        // No character of a symbol needs escaping in JSON.
        out.extend_from_slice(self.symbol.as_str().as_bytes());
        out.push(b'"');
        if let Some(trade) = trade {
            field(out, "price", trade.price);
            optional(out, "size", trade.size);
        }
        level(out, "bid", "bid_size", *bid);
        level(out, "ask", "ask_size", *ask);
        if let Some(day) = day {
            field(out, "open", day.open);
            field(out, "high", day.high);
            field(out, "low", day.low);
            field(out, "volume", day.volume);
            field(out, "trades", day.trades);
        }
        field(out, "time_us", time_us);
        if let Some(venue) = venue {
            out.extend_from_slice(b",\"venue\":");
            serde_json::to_writer(&mut *out, &**venue).expect("a vector takes every byte");
        }
    }

    fn encode_tail(&self, version: Version) -> Bytes {
        let mut body = Vec::with_capacity(256);
        self.write_open_json(&mut body);
        body.push(b'}');
        let Content { partition, seq, epoch, .. } = &self.content;
        let mut destination = Vec::with_capacity(64);
        escape_into(self.symbol.as_str(), version, &mut destination);
        let mut out = Vec::with_capacity(body.len() + 192);
        write!(out, "message-id:{partition}-{seq}\ndestination:{PRICE_PREFIX}")
            .and_then(|()| out.write_all(&destination))
            .and_then(|()| write!(out, "\ncontent-type:application/json\ncontent-length:{}\n", body.len()))
            .and_then(|()| write!(out, "seq:{seq}\nepoch:{epoch}\n\n"))
            .expect("a vector takes every byte");
        out.extend_from_slice(&body);
        out.push(0);
        Bytes::from(out)
    }
}

fn level(out: &mut Vec<u8>, price_name: &str, size_name: &str, level: Option<Level>) {
    if let Some(level) = level {
        field(out, price_name, level.price);
        optional(out, size_name, level.size);
    }
}

fn optional(out: &mut Vec<u8>, name: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        field(out, name, value);
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: impl std::fmt::Display) {
    write!(out, ",\"{name}\":{value}").expect("a vector takes every byte");
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::market::{DayFold, Price, Size, Trade, Volume};

    /// A publication of a trade at 1 for tests of what happens to publications.
    pub(crate) fn publication(id: u32, symbol: &str, ordinal: u64) -> Arc<Publication> {
        publication_of(id, symbol, ordinal, Status::Listed)
    }

    /// The same of a symbol that may be delisted. Its `seq` is its ordinal and 100.
    pub(crate) fn publication_of(id: u32, symbol: &str, ordinal: u64, status: Status) -> Arc<Publication> {
        let trade = Trade { price: Price::parse("1").unwrap(), size: None };
        Arc::new(Publication::from(Content {
            id: SymbolId(id),
            symbol: Symbol::parse(symbol).unwrap(),
            partition: 0,
            seq: ordinal + 100,
            epoch: "e".into(),
            ordinal,
            rollovers: 0,
            status,
            state: State { trade: Some(trade), ..State::default() },
            ingested_us: 0,
        }))
    }

    #[test]
    fn a_whole_state_is_encoded_as_the_contract_shows_it() {
        let price = |text| Price::parse(text).unwrap();
        let size = |text| Some(Size::parse(text).unwrap());
        let state = State {
            trade: Some(Trade { price: price("189.84"), size: size("100") }),
            bid: Some(Level { price: price("189.83"), size: size("300") }),
            ask: Some(Level { price: price("189.85"), size: None }),
            day: Some(DayFold {
                open: price("188.9"),
                high: price("190.02"),
                low: price("188.7"),
                volume: Volume::ZERO.plus(Size::parse("1203400").unwrap()),
                trades: 8211,
            }),
            time_us: 1_732_187_000_123_456,
            venue: Some("XNAS".into()),
        };
        let publication = Publication::from(Content {
            id: SymbolId(0),
            symbol: Symbol::parse("BRK:B").unwrap(),
            partition: 3,
            seq: 77,
            epoch: "1f".into(),
            ordinal: 1,
            rollovers: 0,
            status: Status::Listed,
            state,
            ingested_us: 0,
        });
        let body = r#"{"symbol":"BRK:B","price":189.84,"size":100,"bid":189.83,"bid_size":300,"ask":189.85,"open":188.9,"high":190.02,"low":188.7,"volume":1203400,"trades":8211,"time_us":1732187000123456,"venue":"XNAS"}"#;
        for (version, symbol) in
            [(Version::V1_0, "BRK:B"), (Version::V1_1, r"BRK\cB"), (Version::V1_2, r"BRK\cB")]
        {
            let expected = format!(
                "message-id:3-77\ndestination:/topic/price.stock.{symbol}\ncontent-type:application/json\n\
                 content-length:{}\nseq:77\nepoch:1f\n\n{body}\0",
                body.len()
            );
            assert_eq!(std::str::from_utf8(&publication.tail(version)).unwrap(), expected);
        }
    }
}
