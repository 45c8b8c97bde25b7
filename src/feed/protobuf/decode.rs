//! Protobuf to a tick. One message is kept and read into again and again, so that reading allocates nothing.

use prost::Message as _;

use super::wire;
use crate::{
    feed::{
        Rejection,
        rules::{check_length, check_time, check_venue},
    },
    market::{Price, Side, Size, SymbolRef, Tick, Trade},
};

/// Reads Protobuf ticks; one for each thread that reads.
#[derive(Debug, Default)]
pub struct ProtobufDecoder {
    message: wire::Tick,
}

impl ProtobufDecoder {
    /// Reads one tick, or says why the payload is none.
    ///
    /// # Errors
    /// What is wrong, in words for the record's producer.
    pub fn decode(&mut self, payload: &[u8]) -> Result<Tick<'_>, Rejection> {
        check_length(payload)?;
        self.message.clear();
        self.message.merge(payload).map_err(|error| Rejection::NotProtobuf(error.to_string()))?;
        read(&self.message)
    }
}

fn read(message: &wire::Tick) -> Result<Tick<'_>, Rejection> {
    if message.symbol.is_empty() {
        return Err(Rejection::MissingSymbol);
    }
    let symbol = SymbolRef::parse(&message.symbol).map_err(Rejection::Symbol)?;
    let trade = match (message.price, message.size) {
        (None, Some(_)) => return Err(Rejection::OrphanSize { size: "size", price: "price" }),
        (None, None) => None,
        (Some(price), size) => Some(Trade {
            price: Price::from_units(price),
            size: size.map(|it| read_size("size", it)).transpose()?,
        }),
    };
    let bid = BID.read(message.bid, message.bid_size, message.clear_bid)?;
    let ask = ASK.read(message.ask, message.ask_size, message.clear_ask)?;
    if trade.is_none() && bid == Side::Keep && ask == Side::Keep {
        return Err(Rejection::MissingPrice);
    }
    let time_us = message.time_us.map(check_time).transpose()?;
    let venue = Some(message.venue.as_str()).filter(|venue| !venue.is_empty());
    Ok(Tick { symbol, time_us, trade, bid, ask, venue: venue.map(check_venue).transpose()? })
}

/// The names of one side's fields.
struct SideFields {
    price: &'static str,
    size: &'static str,
    clear: &'static str,
}

const BID: SideFields = SideFields { price: "bid", size: "bid_size", clear: "clear_bid" };
const ASK: SideFields = SideFields { price: "ask", size: "ask_size", clear: "clear_ask" };

impl SideFields {
    fn read(&self, price: Option<i64>, size: Option<i64>, clear: bool) -> Result<Side, Rejection> {
        match (price, size, clear) {
            (Some(_), _, true) => Err(Rejection::Contradiction { one: self.clear, other: self.price }),
            (None, Some(_), _) => Err(Rejection::OrphanSize { size: self.size, price: self.price }),
            (None, None, true) => Ok(Side::Clear),
            (None, None, false) => Ok(Side::Keep),
            (Some(price), size, false) => Ok(Side::Set {
                price: Price::from_units(price),
                size: size.map(|size| read_size(self.size, size)).transpose()?,
            }),
        }
    }
}

fn read_size(field: &'static str, units: i64) -> Result<Size, Rejection> {
    Size::from_units(units).map_err(|error| Rejection::Number { field, error })
}

#[cfg(test)]
mod tests;
