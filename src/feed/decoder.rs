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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{
        Encoder,
        simulate::{Market, MarketConfig, Names},
    };

    /// Records of the simulator, framed or not.
    fn values(format: TickFormat, head: &[u8]) -> Vec<Vec<u8>> {
        let mut market = Market::new(MarketConfig { symbols: 50, names: Names::Listed, seed: 1 }, 0);
        let mut encoder = Encoder::new(format);
        (0..500).map(|time_us| [head, encoder.encode(&market.next(time_us))].concat()).collect()
    }

    #[test]
    fn reading_a_tick_allocates_nothing() {
        for (format, head) in [
            (TickFormat::Json, &b""[..]),
            (TickFormat::Json, b"\0\0\0\0\x07"),
            (TickFormat::Protobuf, b""),
            (TickFormat::Protobuf, b"\0\0\0\0\x07\0"),
        ] {
            let values = values(format, head);
            let mut decoder = Decoder::default();
            let mut read = || {
                for value in &values {
                    decoder.decode(Some(format.content_type().as_bytes()), value).unwrap();
                }
            };
            // The buffers grow to what the records need.
            read();
            let allocated = allocation_counter::measure(read);
            assert_eq!(allocated.count_total, 0, "{format:?} {head:?}");
        }
    }
}
