//! What a session has to say at one moment, as one `a[…]` frame.

use bytes::{BufMut, BytesMut};

use super::{Close, escape_into};
use crate::session::FrameSink;

/// Takes a session's output: its frames become the strings of one `a[…]`. A close is kept apart, since it's a frame
/// of its own and, in polling, an answer of its own.
///
/// Each part of a frame is escaped by itself, and so one that many sessions share can be kept escaped.
#[derive(Debug, Default)]
pub struct Batch {
    messages: BytesMut,
    close: Option<Close>,
    /// Whether the session asked whether its peer is there.
    pinged: bool,
}

impl Batch {
    /// The `a[…]` frame, unless there is nothing to say.
    pub fn take_messages(&mut self) -> Option<BytesMut> {
        if self.messages.is_empty() {
            return None;
        }
        self.messages.put_u8(b']');
        Some(std::mem::take(&mut self.messages))
    }

    /// The close, if the session has ended.
    pub const fn take_close(&mut self) -> Option<Close> {
        self.close.take()
    }

    /// Whether the session asked whether its peer is there.
    pub const fn is_pinged(&self) -> bool {
        self.pinged
    }
}

impl FrameSink for Batch {
    fn frame(&mut self, parts: &[&[u8]]) {
        self.messages.put_slice(if self.messages.is_empty() { b"a[\"" } else { b",\"" });
        for part in parts {
            escape_into(&mut self.messages, part);
        }
        self.messages.put_u8(b'"');
    }

    fn ping(&mut self) {
        self.pinged = true;
    }

    /// There is no question that this would answer.
    fn pong(&mut self, _payload: &[u8]) {}

    fn close(&mut self, code: u16, text: &str) {
        self.close = Some(Close::new(code, text));
    }

    fn len(&self) -> usize {
        self.messages.len() + usize::from(self.close.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_due_is_one_array() {
        let mut batch = Batch::default();
        assert!(batch.is_empty());
        assert_eq!(batch.take_messages(), None);
        batch.frame(&[b"MESSAGE\n", b"seq:1\n\n{\"a\":1}\0"]);
        batch.frame(&[b"\n"]);
        assert_eq!(batch.take_messages().unwrap(), r#"a["MESSAGE\nseq:1\n\n{\"a\":1}\u0000","\n"]"#);
        assert!(batch.is_empty());
    }

    #[test]
    fn a_close_is_a_frame_of_its_own_and_a_ping_is_none() {
        let mut batch = Batch::default();
        batch.ping();
        batch.pong(b"x");
        assert!(batch.is_empty() && batch.is_pinged());
        batch.close(1001, "server shuts down");
        assert!(!batch.is_empty());
        assert_eq!(batch.take_messages(), None);
        assert_eq!(batch.take_close(), Some(Close::new(1001, "server shuts down")));
    }
}
