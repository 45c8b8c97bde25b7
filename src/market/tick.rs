//! A tick: one event of one symbol, a trade, a quote, or both.

use super::{Price, Size, SymbolRef};

/// The latest event time, in microseconds: the largest integer that a JavaScript number holds exactly.
pub const TIME_US_MAX: i64 = (1 << 53) - 1;

/// One event of one symbol as its producer told it.
///
/// It borrows from the record it was read from, so that reading one allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick<'a> {
    /// Whose event it is.
    pub symbol: SymbolRef<'a>,
    /// When it happened, in microseconds since the Unix epoch, `0..=TIME_US_MAX`; the Kafka
    /// record's timestamp stands in for it when it's missing.
    pub time_us: Option<i64>,
    /// The trade, if it is one.
    pub trade: Option<Trade>,
    /// What it says about the best bid.
    pub bid: Side,
    /// What it says about the best ask.
    pub ask: Side,
    /// Where it happened, if told.
    pub venue: Option<&'a str>,
}

/// A trade: at what price, and how much if that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The price of the trade.
    pub price: Price,
    /// The traded size.
    pub size: Option<Size>,
}

/// What a tick says about one side of the book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Nothing: the side stays as it is.
    #[default]
    Keep,
    /// The side is empty.
    Clear,
    /// The side stands at this price. The size belongs to the price, so without one it's unknown.
    Set {
        /// The best price.
        price: Price,
        /// What stands there.
        size: Option<Size>,
    },
}

impl<'a> Tick<'a> {
    /// A tick that says nothing yet; for producers to fill.
    pub const fn new(symbol: SymbolRef<'a>) -> Self {
        Self { symbol, time_us: None, trade: None, bid: Side::Keep, ask: Side::Keep, venue: None }
    }
}
