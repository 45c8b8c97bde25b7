//! A record's value to a tick, in whatever format it is.

use super::{Rejection, TickFormat, framing::unframed, json::JsonDecoder, protobuf::ProtobufDecoder};
use crate::market::Tick;

/// Reads ticks; one for each thread that reads. Its buffers are kept from record to record, so that reading one
/// allocates nothing.
#[derive(Debug, Default)]
pub struct Decoder {
    default: TickFormat,
    json: JsonDecoder,
    protobuf: ProtobufDecoder,
}

impl Decoder {
    /// Reads records without a `content-type` as `default`.
    pub fn new(default: TickFormat) -> Self {
        Self { default, ..Self::default() }
    }

    /// Reads one tick, or says why the value is none. In either format it may be framed as Confluent's serializers do.
    ///
    /// # Errors
    /// What is wrong, in words for the record's producer.
    pub fn decode(&mut self, content_type: Option<&[u8]>, value: &[u8]) -> Result<Tick<'_>, Rejection> {
        let format = content_type.map_or(Ok(self.default), TickFormat::of_content_type)?;
        let payload = unframed(value, format)?;
        match format {
            TickFormat::Json => self.json.decode(payload),
            TickFormat::Protobuf => self.protobuf.decode(payload),
        }
    }
}
