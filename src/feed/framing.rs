//! The framing of Confluent's Schema Registry: what its serializers put before a payload.
//!
//! Byte 0, the id of the writer's schema in four bytes, big endian, and for Protobuf the path to the message within its
//! schema: how many indexes, then each index, as zigzag varints, and for the first message, `[0]`, the single byte 0.
//! Neither JSON nor a tick in Protobuf begins with byte 0 (no field has that tag), so the first byte tells whether there is
//! framing. The registry itself isn't asked: what a tick's fields mean is fixed by their names and numbers.

use super::{Rejection, TickFormat};

/// The byte 0 and the schema's id.
const HEAD_BYTES: usize = 5;

/// The longest varint of 32 bits: seven bits a byte.
const VARINT_BYTES_MAX: usize = 5;

/// What is wrong with a framed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The value ends before its payload begins.
    #[error("the value is cut off within it")]
    CutOff,
    /// A message index can't be read.
    #[error("a message index isn't a varint of 32 bits")]
    Varint,
    /// There is no such number of indexes.
    #[error("{0} message indexes can't be")]
    Count(i32),
    /// The payload is another message of its schema.
    #[error("the message at index {0} of its schema; a tick is the first one, index 0")]
    OtherMessage(i32),
    /// The payload is a message within another.
    #[error("a message that is {0} deep within its schema; a tick is the first one, index 0")]
    Nested(i32),
}

/// The payload within the value: the value itself where it isn't framed.
pub(super) fn unframed(value: &[u8], format: TickFormat) -> Result<&[u8], Rejection> {
    if value.first() != Some(&0) {
        return Ok(value);
    }
    let payload = value.get(HEAD_BYTES..).ok_or(FramingError::CutOff)?;
    Ok(match format {
        TickFormat::Json => payload,
        TickFormat::Protobuf => after_indexes(payload)?,
    })
}

fn after_indexes(bytes: &[u8]) -> Result<&[u8], FramingError> {
    let (count, rest) = varint(bytes)?;
    match count {
        0 => Ok(rest),
        1 => match varint(rest)? {
            (0, payload) => Ok(payload),
            (index, _) => Err(FramingError::OtherMessage(index)),
        },
        ..0 => Err(FramingError::Count(count)),
        2.. => Err(FramingError::Nested(count)),
    }
}

/// A zigzag varint of 32 bits, and what follows it.
fn varint(bytes: &[u8]) -> Result<(i32, &[u8]), FramingError> {
    let mut bits: u64 = 0;
    for (at, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        bits |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let bits = u32::try_from(bits).map_err(|_| FramingError::Varint)?;
            return Ok(((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed(), &bytes[at + 1..]));
        }
    }
    Err(if bytes.len() < VARINT_BYTES_MAX { FramingError::CutOff } else { FramingError::Varint })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &[u8] = &[0, 0, 0, 0, 7];

    #[track_caller]
    fn check(after_head: &[u8], expected: Result<&[u8], FramingError>) {
        let value = [HEAD, after_head].concat();
        let found = unframed(&value, TickFormat::Protobuf);
        assert_eq!(found, expected.map_err(Rejection::Framing), "{after_head:?}");
    }

    #[test]
    fn the_first_message_is_the_payload() {
        check(b"\0tick", Ok(b"tick"));
        // The same, written out: one index, which is 0.
        check(b"\x02\0tick", Ok(b"tick"));
        check(b"\0", Ok(b""));
    }

    #[test]
    fn json_follows_the_schemas_id_at_once() {
        let value = [HEAD, b"{}"].concat();
        assert_eq!(unframed(&value, TickFormat::Json), Ok(&b"{}"[..]));
    }

    #[test]
    fn what_is_not_framed_is_left_as_it_is() {
        for value in [&b""[..], b"{}", b"\x0a\x01A"] {
            for format in [TickFormat::Json, TickFormat::Protobuf] {
                assert_eq!(unframed(value, format), Ok(value));
            }
        }
    }

    #[test]
    fn another_message_is_refused_by_its_index() {
        check(b"\x02\x02tick", Err(FramingError::OtherMessage(1)));
        check(b"\x02\x01tick", Err(FramingError::OtherMessage(-1)));
        check(b"\x04\0\0tick", Err(FramingError::Nested(2)));
        check(b"\xfe\xff\xff\xff\x0f", Err(FramingError::Nested(i32::MAX)));
        check(b"\x01tick", Err(FramingError::Count(-1)));
        check(b"\xff\xff\xff\xff\x0f", Err(FramingError::Count(i32::MIN)));
    }

    #[test]
    fn broken_framing_is_told() {
        for length in 1..HEAD_BYTES {
            for format in [TickFormat::Json, TickFormat::Protobuf] {
                let cut = Err(Rejection::Framing(FramingError::CutOff));
                assert_eq!(unframed(&HEAD[..length], format), cut, "{length}");
            }
        }
        for cut in [&b""[..], b"\x02", b"\x80", b"\x80\x80\x80\x80", b"\x02\x80"] {
            check(cut, Err(FramingError::CutOff));
        }
        check(b"\x80\x80\x80\x80\x80\0", Err(FramingError::Varint));
        check(b"\xff\xff\xff\xff\x1f", Err(FramingError::Varint));
    }

    proptest! {
        #[test]
        fn no_value_panics(mut value: Vec<u8>, is_framed: bool) {
            if is_framed && let Some(first) = value.first_mut() {
                *first = 0;
            }
            for format in [TickFormat::Json, TickFormat::Protobuf] {
                let _ = unframed(&value, format);
            }
        }
    }
}
