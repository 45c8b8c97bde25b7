//! The guard: judges a client's frame by its header, RFC 6455 §5.2 and §5.5, before the rest comes.
//!
//! actix-http's parser looks at a frame's limit only when the frame has arrived whole, so that a
//! client that declares a terabyte could make the server hold whatever it sends; and it makes room
//! for what is declared, so that ten bytes could cost 64 KiB. It gets whole frames only, of which
//! the guard has found nothing against.

use actix_http::ws::OpCode;

use super::{
    CONTROL, FINAL, LENGTH, LENGTH_IN_16_BITS, LENGTH_IN_64_BITS, MASKED, OPCODE, RESERVED, Violation,
};
use crate::session::CloseReason;

/// A masking key.
const MASK_BYTES: usize = 4;

/// How long the frame is that begins here, header and payload, of which the payload may have so many
/// bytes; `None` while its header isn't there whole. Each rule is applied at the first byte that
/// breaks it.
pub(super) fn frame_bytes(bytes: &[u8], payload_bytes_max: usize) -> Result<Option<usize>, Violation> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    check_first(first)?;
    let Some((&second, extended)) = rest.split_first() else { return Ok(None) };
    if second & MASKED == 0 {
        return Err(Violation::of_protocol("a WebSocket frame isn't masked"));
    }
    let (length, extended_bytes) = match second & LENGTH {
        LENGTH_IN_16_BITS | LENGTH_IN_64_BITS if first & CONTROL != 0 => {
            return Err(Violation::of_protocol("a WebSocket control frame is longer than 125 bytes"));
        }
        LENGTH_IN_16_BITS => {
            let Some(length) = extended.first_chunk() else { return Ok(None) };
            (at_least(u64::from(LENGTH_IN_16_BITS), u64::from(u16::from_be_bytes(*length)))?, 2)
        }
        LENGTH_IN_64_BITS => {
            let Some(length) = extended.first_chunk() else { return Ok(None) };
            (at_least(1 << 16, u64::from_be_bytes(*length))?, 8)
        }
        length => (u64::from(length), 0),
    };
    if length >> 63 != 0 {
        return Err(Violation::of_protocol("the most significant bit of a WebSocket frame's length is set"));
    }
    match usize::try_from(length) {
        Ok(length) if length <= payload_bytes_max => Ok(Some(2 + extended_bytes + MASK_BYTES + length)),
        _ => Err(Violation { reason: CloseReason::TooBig, detail: "the WebSocket frame is too big" }),
    }
}

fn check_first(first: u8) -> Result<(), Violation> {
    if first & RESERVED != 0 {
        return Err(Violation::of_protocol("a WebSocket frame has a reserved bit set"));
    }
    if OpCode::from(first & OPCODE) == OpCode::Bad {
        return Err(Violation::of_protocol("a WebSocket frame has an unknown opcode"));
    }
    if first & CONTROL != 0 && first & FINAL == 0 {
        return Err(Violation::of_protocol("a WebSocket control frame is fragmented"));
    }
    Ok(())
}

/// "The minimal number of bytes MUST be used to encode the length": a longer form has a least value.
const fn at_least(least: u64, length: u64) -> Result<u64, Violation> {
    if length < least {
        return Err(Violation::of_protocol("a WebSocket frame's length isn't in its shortest form"));
    }
    Ok(length)
}
