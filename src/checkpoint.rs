//! Checkpoints: the fold's states and how far the log was read, as the bytes of a file.
//!
//! A server that has one reads the log from there on, and comes to the same states as if it had read all of it. The
//! symbols are captured some at a time while ticks are folded, so their states aren't of one moment. That makes no
//! difference: the log is read again from where it stood before the first was captured, and what is in a symbol's
//! state already changes nothing, since each symbol knows up to which record it was folded.
//!
//! What is read is believed by its checksum, and then still checked: bytes of any origin give a checkpoint or the
//! reason why not, in no more memory than they take themselves.
//!
//! This room is pure; [`crate::actors::checkpoints`] has the file and the thread that writes it.

mod bytes;
mod frame;
mod head;
mod open;
mod refused;
mod symbols;

use std::collections::HashSet;

use self::{bytes::Reader, bytes::Writer, frame::FRAME_BYTES};
pub use self::{
    frame::VERSION,
    head::{Head, Mark, Reach},
    refused::Refused,
};
use crate::{fold::Kept, log_id::LogId, market::DayBoundary};

/// What was read from a file.
#[derive(Debug)]
pub struct Checkpoint {
    /// Which log it is of, and up to where.
    pub head: Head,
    /// What the fold had of each symbol.
    pub symbols: Vec<Kept>,
}

/// What a server takes.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The log that it reads.
    pub log: &'a LogId,
    /// When its trading days begin.
    pub boundary: DayBoundary,
    /// How many symbols it takes.
    pub symbols_max: usize,
}

/// Symbols as bytes, one after the other.
#[derive(Debug, Default)]
pub struct Symbols {
    bytes: Vec<u8>,
    count: u64,
}

impl Symbols {
    /// Adds one.
    pub fn push(&mut self, kept: &Kept) {
        symbols::write(kept, &mut self.bytes);
        self.count += 1;
    }

    /// Adds what follows the last: the bad records that the head knows of.
    pub fn end(&mut self, head: &Head) {
        open::write(&head.open, &mut self.bytes);
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The end of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets them, and keeps the room that they took.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

impl Head {
    /// The begin of the file whose end are these symbols.
    pub fn begin_file(&self, symbols: &Symbols) -> Vec<u8> {
        let mut begin = vec![0; FRAME_BYTES];
        self.write(&mut begin);
        Writer(&mut begin).unsigned(symbols.count);
        let frame = frame::frame(&[&begin[FRAME_BYTES..], &symbols.bytes]);
        begin[..FRAME_BYTES].copy_from_slice(&frame);
        begin
    }
}

impl Checkpoint {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// Why this server can't begin with them.
    pub fn read(file: &[u8], expected: Expected<'_>) -> Result<Self, Refused> {
        let mut reader = Reader::new(frame::unframe(file)?);
        let mut head = Head::read(&mut reader)?;
        head.check(expected.log, expected.boundary)?;
        let count = reader.unsigned("number of symbols")?;
        if count > (reader.left() / symbols::SYMBOL_BYTES_MIN) as u64 {
            return Err(Refused::Malformed("number of symbols"));
        }
        if count > expected.symbols_max as u64 {
            return Err(Refused::TooManySymbols { found: count, expected: expected.symbols_max });
        }
        let symbols = (0..count).map(|_| symbols::read(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        head.open = open::read(&mut reader)?;
        let mut seen = HashSet::with_capacity(symbols.len());
        if !symbols.iter().all(|kept| seen.insert(kept.symbol.as_str())) {
            return Err(Refused::Malformed("symbol: it's there twice"));
        }
        Ok(Self { head, symbols })
    }
}

/// A whole file of these bytes, whatever they are: for tests of what is checked after the checksum.
pub fn seal(body: &[u8]) -> Vec<u8> {
    [&frame::frame(&[body])[..], body].concat()
}

#[cfg(test)]
mod tests;
