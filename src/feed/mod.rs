//! Records on the wire: a Kafka record's payload to a tick and back.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric.

mod decoder;
mod encoder;
mod format;
mod framing;
pub mod json;
pub mod protobuf;
mod rejection;
pub mod replay;
mod rules;
pub mod simulate;
pub mod symbol_list;

pub use self::{
    decoder::Decoder, encoder::Encoder, format::TickFormat, framing::FramingError, rejection::Rejection,
    rules::PAYLOAD_BYTES_MAX,
};

#[cfg(test)]
pub(crate) mod any_tick;
