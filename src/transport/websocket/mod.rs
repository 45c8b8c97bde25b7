//! WebSocket, RFC 6455: the client's bytes to messages, a session's output to frames.
//!
//! What a client sends passes three: the guard, which judges a frame by its header before
//! more of it is taken in; actix-http's parser, the one under actix-ws, which unmasks it; and the
//! [`Reader`], which keeps the rules between frames. No extension is agreed on, so that no reserved
//! bit has a meaning.
//!
//! A frame may be as long as a STOMP frame, and what is longer is refused by its declared length
//! (contract §5.5). A message may be of any length: its fragments are handed on as they come, and
//! what accumulates for one STOMP frame is the decoder's to limit.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric.

mod close;
mod guard;
mod reader;
#[cfg(test)]
mod tests;
mod utf8;
mod writer;

use bytes::Bytes;

pub use reader::Reader;
pub use writer::Writer;

use crate::session::CloseReason;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A message, or a fragment of one: a piece of the STOMP stream.
    Data(Bytes),
    /// A PING with its payload.
    Ping(Bytes),
    /// A PONG.
    Pong,
    /// A close frame, and the status code it gives.
    Close(Option<u16>),
}

/// What a client did wrong; contract §5.6 has the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Why the session ends.
    pub reason: CloseReason,
    /// What was wrong.
    pub detail: &'static str,
}

impl Violation {
    /// Against the rules of RFC 6455.
    const fn of_protocol(detail: &'static str) -> Self {
        Self { reason: CloseReason::Protocol, detail }
    }

    /// Text that isn't UTF-8.
    const fn of_encoding(detail: &'static str) -> Self {
        Self { reason: CloseReason::NotUtf8, detail }
    }
}

// The first byte of a frame, RFC 6455 §5.2: the final fragment's bit, three reserved bits, and an
// opcode, whose own first bit tells control frames.
const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const CONTROL: u8 = 0x08;
const OPCODE: u8 = 0x0f;

// Opcodes.
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

// The second byte: whether the payload is masked, and how long it is, or how its length is told.
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LENGTH_IN_16_BITS: u8 = 126;
const LENGTH_IN_64_BITS: u8 = 127;

/// "All control frames MUST have a payload length of 125 bytes or less."
const CONTROL_PAYLOAD_MAX: usize = 125;
