//! The frames that a server sends, but for the one with messages, which a [`Batch`](super::Batch) writes.

use bytes::{BufMut, BytesMut};

use super::escape_into;

/// One thing that SockJS itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// `o`: the session begins.
    Open,
    /// `h`: the connection is alive.
    Heartbeat,
    /// `c[code,"reason"]`: the session is over.
    Close(Close),
}

/// Why a session is over, as its client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// A WebSocket close code.
    pub code: u16,
    /// For people.
    pub reason: Box<str>,
}

impl Close {
    /// A close with this code and reason.
    pub fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.into() }
    }

    /// A second receiver came while the first waits.
    pub fn busy() -> Self {
        Self::new(2010, "Another connection still open")
    }

    /// A receiver was lost, and nobody knows what it had got.
    pub fn interrupted() -> Self {
        Self::new(1002, "Connection interrupted")
    }
}

impl Frame {
    /// Appends the frame.
    pub fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Open => out.put_u8(b'o'),
            Self::Heartbeat => out.put_u8(b'h'),
            Self::Close(Close { code, reason }) => {
                out.put_slice(b"c[");
                out.put_slice(itoa::Buffer::new().format(*code).as_bytes());
                out.put_slice(b",\"");
                escape_into(out, reason.as_bytes());
                out.put_slice(b"\"]");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_written_as_the_protocol_has_them() {
        for (frame, expected) in [
            (Frame::Open, "o"),
            (Frame::Heartbeat, "h"),
            (Frame::Close(Close::new(3000, "Go away!")), r#"c[3000,"Go away!"]"#),
            (Frame::Close(Close::new(1002, "a \"b\"\n")), r#"c[1002,"a \"b\"\n"]"#),
            (Frame::Close(Close::busy()), r#"c[2010,"Another connection still open"]"#),
            (Frame::Close(Close::interrupted()), r#"c[1002,"Connection interrupted"]"#),
        ] {
            let mut out = BytesMut::new();
            frame.write(&mut out);
            assert_eq!(out, expected);
        }
    }
}
