//! A tick to Protobuf: what producers publish.

use prost::Message as _;

use super::wire;
use crate::market::{Price, Side, Size, Tick};

/// Writes Protobuf ticks; one for each thread that writes.
#[derive(Debug, Default)]
pub struct ProtobufEncoder {
    /// Kept for the allocations of its texts.
    message: wire::Tick,
}

impl ProtobufEncoder {
    /// Appends the tick as one message.
    pub fn encode(&mut self, tick: &Tick<'_>, out: &mut Vec<u8>) {
        let message = &mut self.message;
        message.clear();
        message.symbol.push_str(tick.symbol.as_str());
        message.time_us = tick.time_us;
        message.price = tick.trade.map(|trade| trade.price.units());
        message.size = tick.trade.and_then(|trade| trade.size).map(Size::units);
        (message.bid, message.bid_size, message.clear_bid) = side(tick.bid);
        (message.ask, message.ask_size, message.clear_ask) = side(tick.ask);
        message.venue.push_str(tick.venue.unwrap_or_default());
        message.encode(out).expect("a vector takes every byte");
    }
}

/// Price, size, and whether the side is cleared.
fn side(side: Side) -> (Option<i64>, Option<i64>, bool) {
    let units = |price: Price| Some(price.units());
    match side {
        Side::Keep => (None, None, false),
        Side::Clear => (None, None, true),
        Side::Set { price, size } => (units(price), size.map(Size::units), false),
    }
}
