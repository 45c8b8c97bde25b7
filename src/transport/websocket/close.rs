//! What a close frame says: RFC 6455 §5.5.1 and §7.4, and the registry of codes that it began.

use super::Violation;

/// The status code of a close frame, if it gives one. What follows the code is a reason in UTF-8.
pub(super) fn status(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(None),
            _ => Err(Violation::of_protocol("a WebSocket close frame has half a code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(Violation::of_protocol("a WebSocket close frame has a code that can't be sent"));
    }
    match str::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(Violation::of_encoding("a WebSocket close frame's reason isn't UTF-8")),
    }
}

/// 1004 has no meaning; 1005, 1006 and 1015 tell a program what was *not* received; what is between
/// 1016 and 2999 is kept for later editions. From 3000 on codes are registered by libraries, from
/// 4000 on they are anybody's. <https://www.iana.org/assignments/websocket>
const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
