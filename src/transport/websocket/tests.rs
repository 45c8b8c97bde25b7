//! Frames as clients send them, right and wrong, in the classes of the Autobahn test suite: each
//! test names the cases that it follows.

mod any_split;
mod closing;
mod framing;
mod text;
mod writing;

use bytes::Bytes;

use super::{Reader, Received, Violation};
use crate::session::CloseReason;

/// What a frame's payload may have here: as after CONNECT.
const PAYLOAD_MAX: usize = 64 * 1024;

// First bytes of frames.
const TEXT: u8 = 0x81;
const TEXT_BEGINS: u8 = 0x01;
const BINARY: u8 = 0x82;
const BINARY_BEGINS: u8 = 0x02;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A client's frame, masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let form = match payload.len() {
        0..126 => Form::Short,
        126..0x1_0000 => Form::In16Bits,
        _ => Form::In64Bits,
    };
    frame_with(first, form, payload)
}

/// How a header tells the length.
#[derive(Clone, Copy, Debug)]
enum Form {
    Short,
    In16Bits,
    In64Bits,
}

fn frame_with(first: u8, form: Form, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = header(first, form, payload.len() as u64);
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A header as far as its length; its payload is said to be masked.
fn header(first: u8, form: Form, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match form {
        Form::Short => header.push(0x80 | u8::try_from(length).unwrap()),
        Form::In16Bits => {
            header.push(0x80 | 126);
            header.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        Form::In64Bits => {
            header.push(0x80 | 127);
            header.extend(length.to_be_bytes());
        }
    }
    header
}

/// What was read, and what ended it, if anything did.
type Outcome = (Vec<Received>, Option<Violation>);

/// Reads all of it, however it's cut.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = Reader::default();
    let (mut received, mut violation) = (Vec::new(), None);
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next(PAYLOAD_MAX) {
                Ok(Some(next)) => received.push(next),
                Ok(None) => break,
                Err(found) => assert!(violation.replace(found).is_none(), "there is one end"),
            }
        }
        assert!(reader.buffered_bytes() < PAYLOAD_MAX + 14, "no more than a frame is held");
    }
    (received, violation)
}

/// The frames are read as expected, whole and in pieces.
#[track_caller]
fn check(case: &str, frames: &[Vec<u8>], expected: &[Received], end: Option<CloseReason>) {
    let bytes = frames.concat();
    // Single bytes of a long frame take their time, and tell nothing more.
    let chunks: &[usize] = if bytes.len() < 10_000 { &[1, 2, 3, 7, 997] } else { &[997] };
    for chunk in chunks.iter().chain(&[usize::MAX]) {
        let (received, violation) = read(bytes.chunks(*chunk));
        assert_eq!(received, expected, "{case}, in pieces of {chunk}");
        assert_eq!(violation.map(|it| it.reason), end, "{case}, in pieces of {chunk}");
    }
}

/// The frames are read as expected, and nothing is wrong.
#[track_caller]
fn passes(case: &str, frames: &[Vec<u8>], expected: &[Received]) {
    check(case, frames, expected, None);
}

/// The frames are read as expected up to one that is against RFC 6455.
#[track_caller]
fn fails(case: &str, frames: &[Vec<u8>], expected: &[Received]) {
    check(case, frames, expected, Some(CloseReason::Protocol));
}

fn data(payload: &[u8]) -> Received {
    Received::Data(Bytes::copy_from_slice(payload))
}

fn ping(payload: &[u8]) -> Received {
    Received::Ping(Bytes::copy_from_slice(payload))
}
