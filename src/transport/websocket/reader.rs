//! Reads a client's frames, however the connection cuts them, and keeps the rules between frames:
//! which fragment may follow which (RFC 6455 §5.4), text as UTF-8 (§8.1), nothing after a close
//! (§5.5.1).

use actix_http::ws::{OpCode, Parser};
use bytes::{Bytes, BytesMut};

use super::{Received, Violation, close, guard, utf8::Utf8Check};

/// Reads a client's frames from the bytes of the connection. Give it bytes by
/// [`push`](Self::push), then call [`next`](Self::next) until it answers `Ok(None)`.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: BytesMut,
    /// The message whose fragments are coming.
    begun: Option<Message>,
    /// Nothing that follows has a meaning: a close frame came, or something that isn't WebSocket.
    is_over: bool,
}

/// What the fragments of a message are.
#[derive(Debug)]
enum Message {
    Text(Utf8Check),
    Binary,
}

impl Reader {
    /// Appends bytes of the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.is_over {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame's content, if it's there whole; a frame may have `payload_bytes_max`. After a
    /// close frame, and after a violation, there is nothing more.
    pub fn next(&mut self, payload_bytes_max: usize) -> Result<Option<Received>, Violation> {
        let next = self.read(payload_bytes_max);
        self.is_over = self.is_over || matches!(next, Err(_) | Ok(Some(Received::Close(_))));
        if self.is_over || self.buffer.is_empty() {
            // An idle connection holds no buffer.
            self.buffer = BytesMut::new();
        }
        next
    }

    /// Whether the last [`Received::Data`] was the end of its message.
    pub const fn has_ended_message(&self) -> bool {
        self.begun.is_none()
    }

    /// How many bytes wait for the rest of their frame. When [`next`](Self::next) has answered
    /// `Ok(None)` it's less than a frame: 14 bytes of header, and the payload that it was given as
    /// the largest.
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    #[cfg(test)]
    pub(super) fn buffer_capacity(&self) -> usize {
        self.buffer.capacity()
    }

    fn read(&mut self, payload_bytes_max: usize) -> Result<Option<Received>, Violation> {
        match guard::frame_bytes(&self.buffer, payload_bytes_max)? {
            Some(frame_bytes) if frame_bytes <= self.buffer.len() => {}
            _ => return Ok(None),
        }
        let parsed = Parser::parse(&mut self.buffer, true, payload_bytes_max);
        let Ok(Some((is_final, opcode, payload))) = parsed else {
            // The guard has let through what the parser won't have.
            return Err(Violation::of_protocol("a WebSocket frame is malformed"));
        };
        let payload = payload.map(BytesMut::freeze).unwrap_or_default();
        match opcode {
            // A copy: the answer may wait, and is not to keep all that was read with it.
            OpCode::Ping => Ok(Some(Received::Ping(Bytes::copy_from_slice(&payload)))),
            OpCode::Pong => Ok(Some(Received::Pong)),
            OpCode::Close => close::status(&payload).map(|code| Some(Received::Close(code))),
            _ => self.fragment(opcode, is_final, payload).map(|payload| Some(Received::Data(payload))),
        }
    }

    /// A message that comes at once is a single fragment.
    fn fragment(&mut self, opcode: OpCode, is_final: bool, payload: Bytes) -> Result<Bytes, Violation> {
        let mut message = match (opcode, self.begun.take()) {
            (OpCode::Text, None) => Message::Text(Utf8Check::default()),
            (OpCode::Binary, None) => Message::Binary,
            (OpCode::Continue, Some(begun)) => begun,
            (_, None) => {
                return Err(Violation::of_protocol("a WebSocket fragment has no message to continue"));
            }
            (_, Some(_)) => {
                return Err(Violation::of_protocol("a WebSocket message begins within another"));
            }
        };
        if let Message::Text(text) = &mut message {
            text.push(&payload)?;
            if is_final {
                text.finish()?;
            }
        }
        self.begun = (!is_final).then_some(message);
        Ok(payload)
    }
}
