//! Bytes to frames, however the bytes are cut.
//!
//! The limits hold for what is accumulated, not for what one read or one message carries: a frame
//! that comes in a thousand pieces is refused at the same byte as one that comes whole.

use std::borrow::Cow;

use super::{Command, Frame, Headers, Version, escape::unescape, frame::COMMAND_BYTES_MAX};

/// How large a client's frame may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole frame.
    pub frame_bytes: usize,
    /// Headers in a frame.
    pub headers: usize,
    /// Bytes of one header line.
    pub header_line_bytes: usize,
}

impl Limits {
    /// Contract §5.5: 64 headers, 8 KiB a header line.
    pub const fn with_frame_bytes(frame_bytes: usize) -> Self {
        Self { frame_bytes, headers: 64, header_line_bytes: 8 * 1024 }
    }
}

/// What is wrong with the bytes. After an error the decoder is at an unknown place in the stream:
/// the connection has to be closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first line names no command that a client may send.
    #[error("unknown command {0:?}; commands are upper-case, such as SUBSCRIBE")]
    UnknownCommand(String),
    /// A header line without a colon, or with nothing before it.
    #[error("header line {0:?} isn't name:value")]
    Header(String),
    /// A carriage return that no line feed follows.
    #[error("a carriage return stands without a line feed")]
    LoneCarriageReturn,
    /// A backslash that starts no escape of the version's.
    #[error("header line {0:?} has an undefined escape; {known} are defined in {1}", known = known_escapes(*.1))]
    Escape(String, Version),
    /// The command or a header isn't UTF-8.
    #[error("the command or a header isn't UTF-8")]
    NotUtf8,
    /// The `content-length` isn't a whole number.
    #[error("content-length {0:?} isn't a whole number")]
    ContentLength(String),
    /// What stands after `content-length` bytes isn't NUL.
    #[error("the body doesn't end with NUL after content-length bytes")]
    Unterminated,
    /// A frame other than SEND has a body.
    #[error("{0} can't have a body")]
    Body(&'static str),
    /// The frame is larger than allowed.
    #[error("the frame is larger than {0} bytes")]
    FrameTooLarge(usize),
    /// There are more headers than allowed.
    #[error("the frame has more than {0} headers")]
    TooManyHeaders(usize),
    /// A header line is longer than allowed.
    #[error("a header line is longer than {0} bytes")]
    HeaderTooLong(usize),
}

/// Which kind of mistake it was: it decides the close code, contract §5.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Against the grammar.
    Grammar,
    /// Text that isn't UTF-8.
    Encoding,
    /// Too big.
    Size,
}

impl DecodeError {
    /// Which kind of mistake it was.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotUtf8 => Fault::Encoding,
            Self::FrameTooLarge(_) | Self::TooManyHeaders(_) | Self::HeaderTooLong(_) => Fault::Size,
            _ => Fault::Grammar,
        }
    }
}

/// Takes bytes, gives frames. Give it all bytes by [`push`](Self::push), then call
/// [`next_frame`](Self::next_frame) until it answers `Ok(None)`: more bytes are needed.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    version: Version,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were taken out as frames.
    consumed: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Before a command: line ends here are heart-beats.
    Between,
    /// In a command or its headers; so many bytes were searched for their end.
    Head { searched: usize },
    /// In the body of a frame whose head is known.
    Body { frame: Frame, begin: usize, length: Option<usize>, searched: usize },
}

impl Decoder {
    /// At the start of a stream: until a version is agreed on, the frames are read by the rules of
    /// 1.2. (Only CONNECT may come before, and it reads alike in all.)
    pub const fn new(limits: Limits) -> Self {
        Self { limits, version: Version::V1_2, buffer: Vec::new(), consumed: 0, stage: Stage::Between }
    }

    /// Reads what comes after the frames that were taken out so far by the rules of `version`, within
    /// other limits.
    pub const fn agree(&mut self, version: Version, limits: Limits) {
        self.version = version;
        self.limits = limits;
    }

    /// Appends bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.consumed > 0 {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` while there isn't one.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        loop {
            let pending = &self.buffer[self.consumed..];
            match &mut self.stage {
                Stage::Between => {
                    let skipped = count_line_ends(pending)?;
                    self.consumed += skipped;
                    if self.consumed == self.buffer.len() || self.buffer[self.consumed] == b'\r' {
                        self.forget_consumed();
                        return Ok(None);
                    }
                    self.stage = Stage::Head { searched: 0 };
                }
                Stage::Head { searched } => {
                    // A head that is too long isn't looked into, as if its end hadn't come yet.
                    let found = find_head(pending, searched);
                    let Some((head, begin)) = found.filter(|(_, begin)| *begin <= self.limits.frame_bytes)
                    else {
                        return check_unfinished_head(pending, self.limits).map(|()| None);
                    };
                    let (frame, length) = parse_head(head, self.version, self.limits)?;
                    // The closing NUL counts.
                    if begin.saturating_add(length.unwrap_or(0)) >= self.limits.frame_bytes {
                        return Err(DecodeError::FrameTooLarge(self.limits.frame_bytes));
                    }
                    self.stage = Stage::Body { frame, begin, length, searched: begin };
                }
                Stage::Body { frame, begin, length, searched } => {
                    let Some(end) = find_end(pending, *begin, *length, searched)? else {
                        if pending.len() >= self.limits.frame_bytes {
                            return Err(DecodeError::FrameTooLarge(self.limits.frame_bytes));
                        }
                        return Ok(None);
                    };
                    if end >= self.limits.frame_bytes {
                        return Err(DecodeError::FrameTooLarge(self.limits.frame_bytes));
                    }
                    let body = &pending[*begin..end];
                    if !body.is_empty() && !frame.command.may_have_body() {
                        return Err(DecodeError::Body(frame.command.name()));
                    }
                    frame.body = body.to_vec();
                    self.consumed += end + 1;
                    let Stage::Body { frame, .. } = std::mem::replace(&mut self.stage, Stage::Between) else {
                        unreachable!("the stage was matched as Body")
                    };
                    return Ok(Some(frame));
                }
            }
        }
    }

    /// A session is idle most of its life: it then holds no buffer at all.
    fn forget_consumed(&mut self) {
        if self.consumed == self.buffer.len() {
            self.buffer = Vec::new();
            self.consumed = 0;
        }
    }
}

/// How many bytes of line ends, and of stray NULs after a frame, stand at the beginning.
fn count_line_ends(bytes: &[u8]) -> Result<usize, DecodeError> {
    let mut count = 0;
    loop {
        match &bytes[count..] {
            [b'\n' | 0, ..] => count += 1,
            [b'\r', b'\n', ..] => count += 2,
            [b'\r', _, ..] => return Err(DecodeError::LoneCarriageReturn),
            _ => return Ok(count),
        }
    }
}

/// The head's lines without the empty line that ends them, and where the body begins.
fn find_head<'a>(bytes: &'a [u8], searched: &mut usize) -> Option<(&'a [u8], usize)> {
    for at in *searched..bytes.len() {
        if bytes[at] != b'\n' {
            continue;
        }
        match &bytes[..at] {
            [.., b'\n'] | [.., b'\n', b'\r'] => return Some((&bytes[..at], at + 1)),
            _ => {}
        }
    }
    *searched = bytes.len();
    None
}

fn check_unfinished_head(bytes: &[u8], limits: Limits) -> Result<(), DecodeError> {
    let first_line = bytes.iter().take(COMMAND_BYTES_MAX + 1).take_while(|byte| **byte != b'\n').count();
    if first_line > COMMAND_BYTES_MAX {
        return Err(DecodeError::UnknownCommand(shown(&bytes[..first_line])));
    }
    if bytes.len() >= limits.frame_bytes {
        return Err(DecodeError::FrameTooLarge(limits.frame_bytes));
    }
    Ok(())
}

fn parse_head(head: &[u8], version: Version, limits: Limits) -> Result<(Frame, Option<usize>), DecodeError> {
    let mut lines = head.split(|byte| *byte == b'\n').map(without_carriage_return);
    let name = lines.next().unwrap_or(Ok(&[]))?;
    let command = Command::parse(name).ok_or_else(|| DecodeError::UnknownCommand(shown(name)))?;
    let mut headers = Headers::default();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        if line.len() > limits.header_line_bytes {
            return Err(DecodeError::HeaderTooLong(limits.header_line_bytes));
        }
        if headers.len() == limits.headers {
            return Err(DecodeError::TooManyHeaders(limits.headers));
        }
        let (name, value) = parse_header(command, version, line)?;
        headers.push(name, value);
    }
    let length = headers.get("content-length");
    // A CONNECT may be of 1.0, whose clients pad; which version it asks for isn't known here.
    let length = length.map(|text| if command.is_escaped() { text } else { text.trim_ascii() });
    let length = length.map(parse_content_length).transpose()?;
    Ok((Frame { command, headers, body: Vec::new() }, length))
}

fn without_carriage_return(line: &[u8]) -> Result<&[u8], DecodeError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'\r') { Err(DecodeError::LoneCarriageReturn) } else { Ok(line) }
}

/// Split at the first colon: later ones belong to the value, whoever forgot to escape them. "Clients
/// or servers MUST never trim or pad headers with spaces" since 1.1; in 1.0 clients do pad them.
fn parse_header(command: Command, version: Version, line: &[u8]) -> Result<(String, String), DecodeError> {
    let text = str::from_utf8(line).map_err(|_| DecodeError::NotUtf8)?;
    let (name, value) = text
        .split_once(':')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| DecodeError::Header(shown(line)))?;
    if !command.is_escaped() {
        return Ok((name.to_owned(), value.to_owned()));
    }
    let value = if version == Version::V1_0 { value.trim_ascii() } else { value };
    match (unescape(name, version), unescape(value, version)) {
        (Some(name), Some(value)) => Ok((name.into_owned(), value.into_owned())),
        _ => Err(DecodeError::Escape(shown(line), version)),
    }
}

const fn known_escapes(version: Version) -> &'static str {
    match version {
        Version::V1_0 => "none",
        Version::V1_1 => r"\n \c \\",
        Version::V1_2 => r"\r \n \c \\",
    }
}

fn parse_content_length(text: &str) -> Result<usize, DecodeError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(DecodeError::ContentLength(shown(text.as_bytes())));
    }
    // Too many digits for the type are too many bytes for the frame.
    Ok(text.parse().unwrap_or(usize::MAX))
}

/// Where the NUL is that ends the body.
fn find_end(
    bytes: &[u8],
    begin: usize,
    length: Option<usize>,
    searched: &mut usize,
) -> Result<Option<usize>, DecodeError> {
    if let Some(length) = length {
        let end = begin + length;
        return match bytes.get(end) {
            None => Ok(None),
            Some(0) => Ok(Some(end)),
            Some(_) => Err(DecodeError::Unterminated),
        };
    }
    let found = bytes[*searched..].iter().position(|byte| *byte == 0).map(|at| *searched + at);
    *searched = bytes.len();
    Ok(found)
}

/// The beginning of what a client sent, for an error text: bounded, and printable by `{:?}`.
fn shown(bytes: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 64;
    let text: Cow<'_, str> = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES_MAX)]);
    text.into_owned()
}

#[cfg(test)]
mod tests;
