//! Any bytes, cut anywhere, give the same frames and the same kind of error, in each version; the
//! limits hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickcast::stomp::{Command, DecodeError, Decoder, Frame, Limits, Version};
use tickcast_fuzz::{cuts_and_bytes, pieces};

/// Small, so that a short input can reach them.
const LIMITS: Limits = Limits { frame_bytes: 512, headers: 8, header_line_bytes: 64 };

fuzz_target!(|input: &[u8]| {
    let (cuts, bytes) = cuts_and_bytes(input);
    let version = Version::ALL[cuts.first().map_or(0, |cut| usize::from(*cut) % Version::ALL.len())];
    let whole = decode([bytes], version);
    for (how, split) in [
        ("octet by octet", decode(bytes.chunks(1), version)),
        ("in pieces", decode(pieces(bytes, cuts), version)),
    ] {
        assert_eq!(split.0, whole.0, "{how}");
        // The kind decides the close code.
        let kind = |error: &DecodeError| error.fault();
        assert_eq!(split.1.as_ref().map(kind), whole.1.as_ref().map(kind), "{how}");
    }
    whole.0.iter().for_each(check);
});

/// As a session does it: from CONNECT on the frames are read by the version that was agreed on.
fn decode<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    version: Version,
) -> (Vec<Frame>, Option<DecodeError>) {
    let mut decoder = Decoder::new(LIMITS);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    if frame.command == Command::Connect {
                        decoder.agree(version, LIMITS);
                    }
                    frames.push(frame);
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn check(frame: &Frame) {
    assert!(frame.headers.len() <= LIMITS.headers);
    let mut bytes = frame.body.len();
    for (name, value) in frame.headers.iter() {
        assert!(!name.is_empty(), "a header has a name");
        // An escape takes two bytes for one.
        assert!(name.len() + value.len() < LIMITS.header_line_bytes);
        bytes += name.len() + value.len();
    }
    assert!(bytes < LIMITS.frame_bytes);
}
