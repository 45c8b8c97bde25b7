//! The server's bytes to STOMP frames: WebSocket frames (RFC 6455 §5) as they come, and the STOMP frames that their
//! payloads are.

use super::{Frame, Violation};

/// What the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A STOMP frame.
    Frame(Frame<'a>),
    /// A line end between frames: a heart-beat.
    Beat,
    /// A PING, which wants a PONG with the same payload.
    Ping(&'a [u8]),
    /// A PONG.
    Pong,
    /// A close frame: its code, if it gives one, and its reason. Nothing follows it.
    Close(Option<u16>, &'a [u8]),
}

/// Reads what one server sends after its upgrade.
///
/// Whole frames are read where the caller has them; only what is cut off at the end of a read is copied.
#[derive(Debug, Default)]
pub struct Reader {
    /// A WebSocket frame whose rest hasn't come.
    held: Vec<u8>,
    /// A STOMP frame whose rest comes with another message or fragment.
    begun: Vec<u8>,
    /// The last fragment of a message hasn't come.
    is_in_message: bool,
    /// A close frame came.
    is_closed: bool,
}

/// The longest WebSocket frame, and the longest STOMP frame, that is read: far above a snapshot of anything, and what
/// one server can make this side hold.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// What a reader keeps for the next cut frame: twice a message with all fields and headers. With it 20,000 readers
/// hold 16 MiB at most when nothing is cut.
const KEPT_BYTES_MAX: usize = 800;

impl Reader {
    /// Reads the next bytes of the connection and gives `take` what they complete.
    ///
    /// # Errors
    /// The server breaks a protocol; the connection is of no more use.
    pub fn read(&mut self, bytes: &[u8], mut take: impl FnMut(Event<'_>)) -> Result<(), Violation> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_closed {
            if self.held.is_empty() {
                match extent(rest)? {
                    Extent::Whole { payload_at, end } if end <= rest.len() => {
                        self.message(rest[0], &rest[payload_at..end], &mut take)?;
                        rest = &rest[end..];
                    }
                    _ => {
                        self.held.extend_from_slice(rest);
                        return Ok(());
                    }
                }
            } else {
                rest = self.complete(rest, &mut take)?;
            }
        }
        Ok(())
    }

    /// Adds to the frame that is held what it lacks, or as much as there is; the bytes behind it.
    fn complete<'a>(
        &mut self,
        bytes: &'a [u8],
        take: &mut impl FnMut(Event<'_>),
    ) -> Result<&'a [u8], Violation> {
        let (Extent::AtLeast(end) | Extent::Whole { end, .. }) = extent(&self.held)?;
        let (piece, rest) = bytes.split_at(bytes.len().min(end - self.held.len()));
        self.held.extend_from_slice(piece);
        if let Extent::Whole { payload_at, end } = extent(&self.held)?
            && end == self.held.len()
        {
            let mut held = std::mem::take(&mut self.held);
            self.message(held[0], &held[payload_at..], take)?;
            recycle(&mut held);
            self.held = held;
        }
        Ok(rest)
    }

    fn message(
        &mut self,
        first: u8,
        payload: &[u8],
        take: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        match (first & OPCODE, self.is_in_message) {
            (CONTINUATION, true) | (TEXT | BINARY, false) => {
                self.is_in_message = first & FINAL == 0;
                return self.data(payload, take);
            }
            (CONTINUATION, false) => {
                return Err(Violation::Websocket("a fragment has no message to continue"));
            }
            (TEXT | BINARY, true) => return Err(Violation::Websocket("a message begins within another")),
            (PING, _) => take(Event::Ping(payload)),
            (PONG, _) => take(Event::Pong),
            (CLOSE, _) => {
                self.is_closed = true;
                let (code, reason) = match payload.split_first_chunk() {
                    Some((code, reason)) => (Some(u16::from_be_bytes(*code)), reason),
                    None => (None, &[][..]),
                };
                take(Event::Close(code, reason));
            }
            _ => return Err(Violation::Websocket("an opcode is unknown")),
        }
        Ok(())
    }

    /// Payloads are pieces of one STOMP stream, whichever messages they come in.
    fn data(&mut self, payload: &[u8], take: &mut impl FnMut(Event<'_>)) -> Result<(), Violation> {
        if self.begun.is_empty() {
            let read = frames(payload, take)?;
            self.begun.extend_from_slice(&payload[read..]);
            return Ok(());
        }
        if self.begun.len() + payload.len() > FRAME_BYTES_MAX {
            return Err(Violation::TooBig);
        }
        self.begun.extend_from_slice(payload);
        let read = frames(&self.begun, take)?;
        self.begun.drain(..read);
        if self.begun.is_empty() {
            recycle(&mut self.begun);
        }
        Ok(())
    }

    /// Whether a close frame came: nothing is read after it.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// Gives the whole STOMP frames at the beginning of `bytes`; how many bytes they are.
fn frames(bytes: &[u8], take: &mut impl FnMut(Event<'_>)) -> Result<usize, Violation> {
    let mut at = 0;
    loop {
        match &bytes[at..] {
            [] | [b'\r'] => return Ok(at),
            [b'\n', ..] => {
                take(Event::Beat);
                at += 1;
            }
            [b'\r', b'\n', ..] => {
                take(Event::Beat);
                at += 2;
            }
            rest => {
                let Some((frame, length)) = Frame::parse(rest)? else { return Ok(at) };
                take(Event::Frame(frame));
                at += length;
            }
        }
    }
}

fn recycle(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_BYTES_MAX {
        *buffer = Vec::new();
    } else {
        buffer.clear();
    }
}

/// How far a WebSocket frame reaches.
enum Extent {
    /// Its header isn't whole: so many bytes are needed to know more.
    AtLeast(usize),
    /// Where its payload begins, and where it ends.
    Whole { payload_at: usize, end: usize },
}

/// Reads the header of the frame that `bytes`, of which there is at least one, begin with; RFC 6455 §5.2.
fn extent(bytes: &[u8]) -> Result<Extent, Violation> {
    let [first, rest @ ..] = bytes else { return Ok(Extent::AtLeast(2)) };
    if first & RESERVED != 0 {
        return Err(Violation::Websocket("a reserved bit is set though no extension was agreed on"));
    }
    let [second, rest @ ..] = rest else { return Ok(Extent::AtLeast(2)) };
    if second & MASKED != 0 {
        return Err(Violation::Websocket("a frame is masked"));
    }
    if first & CONTROL != 0 && (first & FINAL == 0 || *second > CONTROL_PAYLOAD_MAX) {
        return Err(Violation::Websocket("a control frame is fragmented or too long"));
    }
    let (length, payload_at) = match *second {
        126 => match rest.first_chunk() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
            None => return Ok(Extent::AtLeast(4)),
        },
        127 => match rest.first_chunk() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Ok(Extent::AtLeast(10)),
        },
        length => (u64::from(length), 2),
    };
    match usize::try_from(length) {
        Ok(length) if length <= FRAME_BYTES_MAX => Ok(Extent::Whole { payload_at, end: payload_at + length }),
        _ => Err(Violation::TooBig),
    }
}

// The first byte: the final fragment's bit, three reserved bits, and an opcode, whose own first bit tells control
// frames. The second: the bit for a mask, and the length or how it is told.
const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// "All control frames MUST have a payload length of 125 bytes or less."
const CONTROL_PAYLOAD_MAX: u8 = 125;
