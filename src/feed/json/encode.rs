//! A tick to JSON: what producers publish.

use std::io::Write;

use crate::market::{Side, Tick};

/// Appends the tick as one JSON object, without a line end.
///
/// Numbers are written as JSON numbers while a binary float holds them exactly, that is with at
/// most 15 significant digits, and as JSON strings beyond.
pub fn encode(tick: &Tick<'_>, out: &mut Vec<u8>) {
    field(out, b'{', "symbol");
    quoted(out, tick.symbol.as_str());
    if let Some(time_us) = tick.time_us {
        field(out, b',', "time_us");
        write(out, time_us);
    }
    if let Some(trade) = tick.trade {
        number(out, "price", trade.price.units(), trade.price);
        if let Some(size) = trade.size {
            number(out, "size", size.units(), size);
        }
    }
    side(out, "bid", "bid_size", tick.bid);
    side(out, "ask", "ask_size", tick.ask);
    if let Some(venue) = tick.venue {
        field(out, b',', "venue");
        quoted(out, venue);
    }
    out.push(b'}');
}

fn side(out: &mut Vec<u8>, price_name: &str, size_name: &str, side: Side) {
    match side {
        Side::Keep => {}
        Side::Clear => {
            field(out, b',', price_name);
            out.extend_from_slice(b"null");
        }
        Side::Set { price, size } => {
            number(out, price_name, price.units(), price);
            if let Some(size) = size {
                number(out, size_name, size.units(), size);
            }
        }
    }
}

fn number(out: &mut Vec<u8>, name: &str, units: i64, value: impl std::fmt::Display) {
    field(out, b',', name);
    if has_at_most_15_digits(units) {
        write(out, value);
    } else {
        write(out, format_args!("\"{value}\""));
    }
}

/// Trailing zeros of the integer are not significant: 1234567.5 is 12345675 × 10⁸ units.
fn has_at_most_15_digits(units: i64) -> bool {
    const SIXTEEN_DIGITS: u64 = 1_000_000_000_000_000;
    let mut significand = units.unsigned_abs();
    while significand >= SIXTEEN_DIGITS && significand.is_multiple_of(10) {
        significand /= 10;
    }
    significand < SIXTEEN_DIGITS
}

fn field(out: &mut Vec<u8>, before: u8, name: &str) {
    out.extend_from_slice(&[before, b'"']);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a vector takes every byte");
}

fn write(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a vector takes every byte");
}
