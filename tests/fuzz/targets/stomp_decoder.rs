//! Any bytes, cut anywhere, give the same frames and the same error; the limits hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickcast::stomp::{DecodeError, Decoder, Frame, Limits};
use tickcast_fuzz::{cuts_and_bytes, pieces};

/// Small, so that a short input can reach them.
const LIMITS: Limits = Limits { frame_bytes: 512, headers: 8, header_line_bytes: 64 };

fuzz_target!(|input: &[u8]| {
    let (cuts, bytes) = cuts_and_bytes(input);
    let whole = decode([bytes]);
    for (how, split) in
        [("octet by octet", decode(bytes.chunks(1))), ("in pieces", decode(pieces(bytes, cuts)))]
    {
        assert_eq!(split.0, whole.0, "{how}");
        // What is wrong may be known by less than all of it; that something is may not.
        let kind = |error: &DecodeError| error.fault();
        assert_eq!(split.1.as_ref().map(kind), whole.1.as_ref().map(kind), "{how}");
    }
    whole.0.iter().for_each(check);
});

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<DecodeError>) {
    let mut decoder = Decoder::new(LIMITS);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
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
