//! WebSocket, RFC 6455: the client's bytes to messages, a session's output to frames.
//!
//! The frames are read by actix-http's codec, the one under actix-ws. It looks at the size limit
//! only once a frame has arrived whole, so that a client that declares a terabyte could make the
//! server hold whatever it sends. The declared length is looked at here, before more is read.

use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use crate::session::{CloseReason, FrameSink};

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A message, or a fragment of one: a piece of the STOMP stream.
    Data(Bytes),
    /// A PING with its payload.
    Ping(Bytes),
    /// A PONG.
    Pong,
    /// A close frame.
    Close,
}

/// What a client did wrong; contract §5.6 has the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Why the session ends.
    pub reason: CloseReason,
    /// What was wrong.
    pub detail: &'static str,
}

/// Reads a client's frames from the bytes of the connection, however they are cut.
#[derive(Debug, Default)]
pub struct Reader {
    codec: Option<Codec>,
    buffer: BytesMut,
    text: Utf8Check,
    /// Whether further fragments of a message are to come.
    is_within_message: bool,
}

impl Reader {
    /// Appends bytes of the connection.
    pub fn push(&mut self, bytes: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::from(bytes);
        } else {
            self.buffer.extend_from_slice(&bytes);
        }
    }

    /// Whether the last [`Received::Data`] was the end of its message.
    pub const fn has_ended_message(&self) -> bool {
        !self.is_within_message
    }

    /// The next frame's content, if it's there whole; a frame may have `payload_bytes_max`. After a
    /// violation nothing more can be read.
    pub fn next(&mut self, payload_bytes_max: usize) -> Result<Option<Received>, Violation> {
        if declared_length(&self.buffer).is_some_and(|length| length > payload_bytes_max as u64) {
            return Err(Violation { reason: CloseReason::TooBig, detail: "the WebSocket frame is too big" });
        }
        // The codec's own limit would come too late to protect anything.
        let codec = self.codec.get_or_insert_with(|| Codec::new().max_size(usize::MAX));
        let frame = codec.decode(&mut self.buffer).map_err(|error| violation(&error))?;
        if self.buffer.is_empty() {
            // An idle connection holds no buffer.
            self.buffer = BytesMut::new();
        }
        match &frame {
            Some(Frame::Text(_) | Frame::Binary(_) | Frame::Continuation(Item::Last(_))) => {
                self.is_within_message = false;
            }
            Some(Frame::Continuation(_)) => self.is_within_message = true,
            None | Some(Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_)) => {}
        }
        let received = match frame {
            None => return Ok(None),
            Some(Frame::Text(text)) => {
                self.text.begin();
                self.text.check(&text, IsLast::Yes)?;
                Received::Data(text)
            }
            Some(Frame::Continuation(Item::FirstText(text))) => {
                self.text.begin();
                self.text.check(&text, IsLast::No)?;
                Received::Data(text)
            }
            Some(Frame::Continuation(Item::Continue(piece))) => {
                self.text.check(&piece, IsLast::No)?;
                Received::Data(piece)
            }
            Some(Frame::Continuation(Item::Last(piece))) => {
                self.text.check(&piece, IsLast::Yes)?;
                Received::Data(piece)
            }
            Some(Frame::Binary(bytes) | Frame::Continuation(Item::FirstBinary(bytes))) => {
                Received::Data(bytes)
            }
            // A copy: the answer may wait, and is not to keep all that was read with it.
            Some(Frame::Ping(payload)) => Received::Ping(Bytes::copy_from_slice(&payload)),
            Some(Frame::Pong(_)) => Received::Pong,
            Some(Frame::Close(_)) => Received::Close,
        };
        Ok(Some(received))
    }
}

/// The payload length that a frame's header declares, once it's there (RFC 6455 §5.2).
fn declared_length(header: &[u8]) -> Option<u64> {
    let (_, rest) = header.split_first()?;
    let (second, extended) = rest.split_first()?;
    match second & 0x7f {
        126 => Some(u64::from(u16::from_be_bytes(*extended.first_chunk()?))),
        127 => Some(u64::from_be_bytes(*extended.first_chunk()?)),
        length => Some(u64::from(length)),
    }
}

fn violation(error: &ProtocolError) -> Violation {
    let (reason, detail) = match error {
        ProtocolError::Overflow => (CloseReason::TooBig, "the WebSocket frame is too big"),
        ProtocolError::UnmaskedFrame => (CloseReason::Protocol, "a WebSocket frame isn't masked"),
        ProtocolError::InvalidOpcode(_) | ProtocolError::BadOpCode => {
            (CloseReason::Protocol, "a WebSocket frame has an unknown opcode")
        }
        ProtocolError::InvalidLength(_) => {
            (CloseReason::Protocol, "a WebSocket control frame is longer than 125 bytes")
        }
        ProtocolError::ContinuationNotStarted
        | ProtocolError::ContinuationStarted
        | ProtocolError::ContinuationFragment(_) => {
            (CloseReason::Protocol, "WebSocket fragments are out of order")
        }
        _ => (CloseReason::Protocol, "a WebSocket frame is malformed"),
    };
    Violation { reason, detail }
}

/// Checks that a text message is UTF-8 across its fragments, which may cut a character in two.
#[derive(Debug, Default)]
struct Utf8Check {
    /// Whether the fragments are of a text message.
    is_text: bool,
    /// The cut character's first bytes.
    cut: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IsLast {
    Yes,
    No,
}

impl Utf8Check {
    fn begin(&mut self) {
        self.is_text = true;
        self.cut.clear();
    }

    fn check(&mut self, piece: &[u8], is_last: IsLast) -> Result<(), Violation> {
        const NOT_UTF8: Violation =
            Violation { reason: CloseReason::NotUtf8, detail: "a text message isn't UTF-8" };
        if !self.is_text {
            return Ok(());
        }
        let joined;
        let text = if self.cut.is_empty() {
            piece
        } else {
            joined = [self.cut.as_slice(), piece].concat();
            &joined
        };
        let cut = match str::from_utf8(text) {
            Ok(_) => &[],
            Err(error) if error.error_len().is_none() => &text[error.valid_up_to()..],
            Err(_) => return Err(NOT_UTF8),
        };
        let is_cut = !cut.is_empty();
        self.cut = cut.to_vec();
        if is_last == IsLast::Yes {
            self.is_text = false;
            if is_cut {
                return Err(NOT_UTF8);
            }
        }
        Ok(())
    }
}

/// Frames a session's output for the client.
#[derive(Debug)]
pub struct Writer<'a>(pub &'a mut BytesMut);

const FINAL: u8 = 0x80;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// "All control frames MUST have a payload length of 125 bytes or less."
const CONTROL_PAYLOAD_MAX: usize = 125;

impl Writer<'_> {
    fn header(&mut self, opcode: u8, length: usize) {
        self.0.put_u8(FINAL | opcode);
        match length {
            0..126 => self.0.put_u8(length as u8),
            126..0x1_0000 => {
                self.0.put_u8(126);
                self.0.put_u16(length as u16);
            }
            _ => {
                self.0.put_u8(127);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame: first byte, payload; masked with zeros, so that it stays readable.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        Writer(&mut out).header(first & 0xf, payload.len());
        out[0] = first;
        out[1] |= 0x80;
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(payload);
        out.to_vec()
    }

    fn read(bytes: &[u8], chunk: usize) -> Result<Vec<Received>, Violation> {
        let mut reader = Reader::default();
        let mut received = Vec::new();
        for piece in bytes.chunks(chunk) {
            reader.push(Bytes::copy_from_slice(piece));
            while let Some(next) = reader.next(1000)? {
                received.push(next);
            }
        }
        Ok(received)
    }

    #[track_caller]
    fn check(frames: &[Vec<u8>], expected: &Result<Vec<Received>, CloseReason>) {
        for chunk in [1, 3, 100_000] {
            let received = read(&frames.concat(), chunk).map_err(|violation| violation.reason);
            assert_eq!(&received, expected, "in pieces of {chunk}");
        }
    }

    fn data(text: &'static [u8]) -> Received {
        Received::Data(Bytes::from_static(text))
    }

    #[test]
    fn messages_and_fragments_are_pieces_of_one_stream() {
        check(
            &[
                frame(0x81, b"ab"),
                frame(0x01, b"c"),
                frame(0x89, b"!"),
                frame(0x80, b"d"),
                frame(0x82, b"\xff"),
            ],
            &Ok(vec![
                data(b"ab"),
                data(b"c"),
                Received::Ping(Bytes::from_static(b"!")),
                data(b"d"),
                data(b"\xff"),
            ]),
        );
        check(&[frame(0x8a, b""), frame(0x88, b"")], &Ok(vec![Received::Pong, Received::Close]));
    }

    #[test]
    fn a_declared_length_is_refused_before_its_payload_comes() {
        check(&[frame(0x82, &[0; 1000])], &Ok(vec![Received::Data(Bytes::from(vec![0; 1000]))]));
        check(&[frame(0x82, &[0; 1001])[..4].to_vec()], &Err(CloseReason::TooBig));
        let terabyte = [&[0x82, 0xff][..], &(1_u64 << 40).to_be_bytes()].concat();
        check(&[terabyte], &Err(CloseReason::TooBig));
    }

    #[test]
    fn text_is_utf_8_across_fragments() {
        let euro = "€".as_bytes();
        check(
            &[frame(0x01, &euro[..1]), frame(0x80, &euro[1..])],
            &Ok(vec![data(b"\xe2"), data(b"\x82\xac")]),
        );
        check(&[frame(0x81, &euro[..2])], &Err(CloseReason::NotUtf8));
        check(&[frame(0x01, &euro[..1]), frame(0x80, b"x")], &Err(CloseReason::NotUtf8));
        check(&[frame(0x81, b"\xff")], &Err(CloseReason::NotUtf8));
    }

    #[test]
    fn frames_against_the_rules_are_refused() {
        let mut unmasked = frame(0x81, b"");
        unmasked[1] &= 0x7f;
        check(&[unmasked], &Err(CloseReason::Protocol));
        check(&[frame(0x83, b"")], &Err(CloseReason::Protocol));
        check(&[frame(0xc1, b"")], &Err(CloseReason::Protocol));
        check(&[frame(0x80, b"")], &Err(CloseReason::Protocol));
        check(&[frame(0x89, &[0; 126])], &Err(CloseReason::Protocol));
    }

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        for (length, header) in [
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = BytesMut::new();
            Writer(&mut out).frame(&[&vec![b'x'; length - 1], b"y"]);
            assert_eq!(out[..header.len()], header);
            assert_eq!(out.len(), header.len() + length);
        }
    }

    #[test]
    fn a_close_carries_code_and_text() {
        let mut out = BytesMut::new();
        Writer(&mut out).close(4500, "slow");
        assert_eq!(&out[..], b"\x88\x06\x11\x94slow");
    }
}
