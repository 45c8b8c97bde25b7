//! Frames a session's output for the client: one text message a STOMP frame.

use bytes::{BufMut, BytesMut};

use super::{CLOSE, CONTROL_PAYLOAD_MAX, FINAL, LENGTH_IN_16_BITS, LENGTH_IN_64_BITS, PING, PONG, TEXT};
use crate::session::FrameSink;

/// Frames a session's output for the client.
#[derive(Debug)]
pub struct Writer<'a>(pub &'a mut BytesMut);

impl Writer<'_> {
    fn header(&mut self, opcode: u8, length: usize) {
        self.0.put_u8(FINAL | opcode);
        match length {
            0..126 => self.0.put_u8(length as u8),
            126..0x1_0000 => {
                self.0.put_u8(LENGTH_IN_16_BITS);
                self.0.put_u16(length as u16);
            }
            _ => {
                self.0.put_u8(LENGTH_IN_64_BITS);
                self.0.put_u64(length as u64);
            }
        }
    }
}

impl FrameSink for Writer<'_> {
    fn frame(&mut self, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum();
        self.0.reserve(length + 10);
        // Everything that is said here is UTF-8.
        self.header(TEXT, length);
        for part in parts {
            self.0.extend_from_slice(part);
        }
    }

    fn ping(&mut self) {
        self.header(PING, 0);
    }

    fn pong(&mut self, payload: &[u8]) {
        let payload = &payload[..payload.len().min(CONTROL_PAYLOAD_MAX)];
        self.header(PONG, payload.len());
        self.0.extend_from_slice(payload);
    }

    fn close(&mut self, code: u16, text: &str) {
        let text = &text.as_bytes()[..text.len().min(CONTROL_PAYLOAD_MAX - 2)];
        self.header(CLOSE, 2 + text.len());
        self.0.put_u16(code);
        self.0.extend_from_slice(text);
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
