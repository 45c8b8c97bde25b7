//! A server's STOMP frame, found in the bytes where it stands; STOMP 1.2, "Server Frames".

use std::borrow::Cow;

use memchr::memchr;

use super::Violation;
use crate::stomp::{Version, unescape};

/// The commands of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the specification's own names")]
pub enum Command {
    Connected,
    Message,
    Receipt,
    Error,
}

/// A server's frame. What is borrowed stands as it does on the wire: [`header`](Self::header) undoes escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub command: Command,
    /// The header lines.
    head: &'a [u8],
    /// The header `destination`; empty if it isn't there.
    pub destination: &'a [u8],
    /// The header `subscription`; empty if it isn't there.
    pub subscription: &'a [u8],
    /// The header `type` of a price: `snapshot`, `update` or `delisted`; empty if it isn't there.
    pub kind: &'a [u8],
    /// The header `seq`, if it is there and a number.
    pub seq: Option<u64>,
    /// The header `conflated`: how many further ticks were folded into the message.
    pub conflated: u64,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the beginning of `bytes`, and how many bytes it takes; `None` if its end isn't there.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, Violation> {
        let Some(line_end) = memchr(b'\n', bytes) else {
            // Anything longer is no command; the end of a short one may still come.
            return if bytes.len() > COMMAND_BYTES_MAX { Err(UNKNOWN_COMMAND) } else { Ok(None) };
        };
        let command = match without_carriage_return(&bytes[..line_end]) {
            b"MESSAGE" => Command::Message,
            b"RECEIPT" => Command::Receipt,
            b"CONNECTED" => Command::Connected,
            b"ERROR" => Command::Error,
            _ => return Err(UNKNOWN_COMMAND),
        };
        let head_at = line_end + 1;
        let mut frame = Self {
            command,
            head: &[],
            destination: &[],
            subscription: &[],
            kind: &[],
            seq: None,
            conflated: 0,
            body: &[],
        };
        let mut length = None;
        let mut at = head_at;
        loop {
            let Some(line_bytes) = memchr(b'\n', &bytes[at..]) else { return Ok(None) };
            let line = without_carriage_return(&bytes[at..at + line_bytes]);
            at += line_bytes + 1;
            if line.is_empty() {
                frame.head = &bytes[head_at..at];
                break;
            }
            frame.take_header(line, &mut length)?;
        }
        let Some(end) = find_end(bytes, at, length)? else { return Ok(None) };
        frame.body = &bytes[at..end];
        Ok(Some((frame, end + 1)))
    }

    /// Of repeated headers the first counts.
    fn take_header(&mut self, line: &'a [u8], length: &mut Option<usize>) -> Result<(), Violation> {
        let colon = memchr(b':', line).ok_or(Violation::Stomp("a header line has no colon"))?;
        let value = &line[colon + 1..];
        match &line[..colon] {
            b"subscription" if self.subscription.is_empty() => self.subscription = value,
            b"destination" if self.destination.is_empty() => self.destination = value,
            b"type" if self.kind.is_empty() => self.kind = value,
            b"seq" if self.seq.is_none() => self.seq = number(value),
            b"conflated" if self.conflated == 0 => self.conflated = number(value).unwrap_or(0),
            b"content-length" if length.is_none() => {
                let told = number(value).and_then(|told| usize::try_from(told).ok());
                *length = Some(told.ok_or(Violation::Stomp("a content-length isn't a whole number"))?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Any header, unescaped; `None` if it isn't there. Each call reads the header lines anew.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut lines = self.head.split(|byte| *byte == b'\n').map(without_carriage_return);
        let value = lines.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))?;
        let version = if self.command == Command::Connected { Version::V1_0 } else { Version::V1_2 };
        Some(match String::from_utf8_lossy(value) {
            Cow::Borrowed(text) => unescape(text, version).unwrap_or(Cow::Borrowed(text)),
            lossy @ Cow::Owned(_) => lossy,
        })
    }

    /// An ERROR in one line: its `message`, and the first line of its body where that says more.
    pub fn error_text(&self) -> String {
        let message = self.header("message").unwrap_or_default();
        let body = String::from_utf8_lossy(self.body);
        let detail = body.lines().next().unwrap_or_default().trim();
        match (message.is_empty(), detail.is_empty() || detail == message) {
            (_, true) => message.into_owned(),
            (true, false) => detail.to_owned(),
            (false, false) => format!("{message}: {detail}"),
        }
    }
}

const UNKNOWN_COMMAND: Violation = Violation::Stomp("a frame begins with no command of a server");

/// `CONNECTED` and a carriage return.
const COMMAND_BYTES_MAX: usize = 10;

/// Where the NUL is that ends the body.
fn find_end(bytes: &[u8], begin: usize, length: Option<usize>) -> Result<Option<usize>, Violation> {
    let Some(length) = length else {
        return Ok(memchr(0, &bytes[begin..]).map(|at| begin + at));
    };
    let end = begin.checked_add(length).ok_or(Violation::TooBig)?;
    match bytes.get(end) {
        None => Ok(None),
        Some(0) => Ok(Some(end)),
        Some(_) => Err(Violation::Stomp("a body doesn't end with NUL after content-length bytes")),
    }
}

fn without_carriage_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A whole number in decimal digits that fits.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then_some(())?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
