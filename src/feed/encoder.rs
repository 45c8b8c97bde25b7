//! A tick to a record's value, in the format that its producer chose.

use super::{TickFormat, json, protobuf::ProtobufEncoder};
use crate::market::Tick;

/// Writes ticks; one for each thread that writes.
#[derive(Debug)]
pub struct Encoder {
    format: TickFormat,
    protobuf: ProtobufEncoder,
    value: Vec<u8>,
}

impl Encoder {
    /// Writes ticks in this format.
    pub fn new(format: TickFormat) -> Self {
        Self { format, protobuf: ProtobufEncoder::default(), value: Vec::with_capacity(256) }
    }

    /// The value of the tick's record.
    pub fn encode(&mut self, tick: &Tick<'_>) -> &[u8] {
        self.value.clear();
        match self.format {
            TickFormat::Json => json::encode(tick, &mut self.value),
            TickFormat::Protobuf => self.protobuf.encode(tick, &mut self.value),
        }
        &self.value
    }
}
