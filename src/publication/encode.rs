//! The bytes of a publication: the headers that all its subscribers' MESSAGE frames share, and the body of contract
//! §5.3, whole or in part.
//!
//! There is one encoder. What is cached for everybody, what a subscription with `fields` or `delta` (contract §5.2) is
//! sent and what the HTTP API answers differ in the [`View`] alone.

use std::{fmt, io::Write};

use super::{Content, Field, Fields};
use crate::{
    destination::PRICE_PREFIX,
    market::State,
    stomp::{Version, escape_into},
};

/// What of a state a body tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// These of its fields: what is unknown is absent. It replaces what its reader knew.
    State(Fields),
    /// What became of these fields: of one that is unknown now, `null`. Its reader merges it into what it knew
    /// (RFC 7396).
    Changes(Fields),
}

impl View {
    /// The state as contract §5.3 shows it.
    pub const WHOLE: Self = Self::State(Fields::ALL);

    const fn fields(self) -> Fields {
        let (Self::State(fields) | Self::Changes(fields)) = self;
        fields
    }
}

impl Content {
    /// Appends what follows the headers `subscription`, `type`, `conflated` and `ack` in a MESSAGE: the other headers,
    /// the empty line, the body and the closing NUL. Into a vector that has room it allocates nothing.
    pub fn write_tail(&self, version: Version, view: View, out: &mut Vec<u8>) {
        let mut partition = itoa::Buffer::new();
        let mut seq = itoa::Buffer::new();
        let (partition, seq) = (partition.format(self.partition), seq.format(self.seq).as_bytes());
        put(out, &[b"message-id:", partition.as_bytes(), b"-", seq]);
        if self.rollovers > 0 {
            // Another message than the tick's own.
            put(out, &[b"-", itoa::Buffer::new().format(self.rollovers).as_bytes()]);
        }
        put(out, &[b"\ndestination:", PRICE_PREFIX.as_bytes()]);
        escape_into(self.symbol.as_str(), version, out);
        put(out, &[b"\ncontent-type:application/json\ncontent-length:"]);
        let length_at = out.len();
        put(out, &[b"\nseq:", seq, b"\nepoch:", self.epoch.as_bytes(), b"\n\n"]);
        let body_at = out.len();
        self.write_json(view, out);
        // Only now the body's length is known: it's written behind the body and turned to its place.
        let mut length = itoa::Buffer::new();
        let length = length.format(out.len() - body_at).as_bytes();
        out.extend_from_slice(length);
        out[length_at..].rotate_right(length.len());
        out.push(0);
    }

    /// Appends the body: a JSON object.
    pub fn write_json(&self, view: View, out: &mut Vec<u8>) {
        self.write_open_json(view, out);
        out.push(b'}');
    }

    /// Appends the body without its closing brace, so that a caller may add fields.
    pub fn write_open_json(&self, view: View, out: &mut Vec<u8>) {
        let State { trade, bid, ask, day, time_us, venue } = &self.state;
        let begin = out.len();
        let mut object = Object { view, out };
        // No character of a symbol needs escaping in JSON.
        object.put(Field::Symbol, Some(&self.symbol), |symbol, out| {
            put(out, &[b"\"", symbol.as_str().as_bytes(), b"\""]);
        });
        object.decimal(Field::Price, trade.map(|trade| trade.price));
        object.decimal(Field::Size, trade.and_then(|trade| trade.size));
        object.decimal(Field::Bid, bid.map(|bid| bid.price));
        object.decimal(Field::BidSize, bid.and_then(|bid| bid.size));
        object.decimal(Field::Ask, ask.map(|ask| ask.price));
        object.decimal(Field::AskSize, ask.and_then(|ask| ask.size));
        object.decimal(Field::Open, day.map(|day| day.open));
        object.decimal(Field::High, day.map(|day| day.high));
        object.decimal(Field::Low, day.map(|day| day.low));
        object.decimal(Field::Volume, day.map(|day| day.volume));
        object.integer(Field::Trades, day.map(|day| day.trades));
        object.integer(Field::TimeUs, Some(*time_us));
        object.put(Field::Venue, venue.as_deref(), |venue, out| {
            serde_json::to_writer(out, venue).expect("a vector takes every byte");
        });
        // Each field came with a comma before it; the first one's is where the brace belongs.
        match out.get_mut(begin) {
            Some(first) => *first = b'{',
            None => out.push(b'{'),
        }
    }
}

/// A JSON object on its way out.
struct Object<'a> {
    view: View,
    out: &'a mut Vec<u8>,
}

impl Object<'_> {
    fn put<T>(&mut self, field: Field, value: Option<T>, write: impl FnOnce(T, &mut Vec<u8>)) {
        if !self.view.fields().contains(field) {
            return;
        }
        match (value, self.view) {
            (Some(value), _) => {
                put(self.out, &[b",\"", field.name().as_bytes(), b"\":"]);
                write(value, self.out);
            }
            (None, View::Changes(_)) => put(self.out, &[b",\"", field.name().as_bytes(), b"\":null"]),
            (None, View::State(_)) => {}
        }
    }

    fn decimal(&mut self, field: Field, value: Option<impl fmt::Display>) {
        self.put(field, value, |value, out| write!(out, "{value}").expect("a vector takes every byte"));
    }

    fn integer(&mut self, field: Field, value: Option<impl itoa::Integer>) {
        self.put(field, value, |value, out| put(out, &[itoa::Buffer::new().format(value).as_bytes()]));
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
