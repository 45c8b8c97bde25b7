//! Any bytes, cut anywhere, give the same messages and the same end; no more is held than a frame.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tickcast::transport::websocket::{Reader, Received, Violation};
use tickcast_fuzz::{cuts_and_bytes, pieces};

/// As before CONNECT, and smaller: a limit that a short input can reach.
const PAYLOAD_MAX: usize = 256;

/// The longest header: two bytes, eight of length, four of mask.
const HEADER_MAX: usize = 14;

fuzz_target!(|input: &[u8]| {
    let (cuts, bytes) = cuts_and_bytes(input);
    let whole = read([bytes]);
    assert_eq!(read(bytes.chunks(1)), whole, "octet by octet");
    assert_eq!(read(pieces(bytes, cuts)), whole, "cut at {:?}", cuts);
    check(&whole, bytes.len());
});

type Outcome = (Vec<Received>, Option<Violation>);

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = Reader::default();
    let (mut received, mut violation) = (Vec::new(), None);
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next(PAYLOAD_MAX) {
                Ok(Some(next)) => received.push(next),
                Ok(None) => break,
                Err(found) => assert!(violation.replace(found).is_none(), "a reader ends once"),
            }
        }
        assert!(reader.buffered_bytes() < PAYLOAD_MAX + HEADER_MAX, "more than a frame is held");
    }
    (received, violation)
}

fn check((received, violation): &Outcome, sent_bytes: usize) {
    let mut data_bytes = 0;
    for (at, message) in received.iter().enumerate() {
        match message {
            Received::Data(payload) => {
                assert!(payload.len() <= PAYLOAD_MAX);
                data_bytes += payload.len();
            }
            Received::Ping(payload) => assert!(payload.len() <= 125),
            Received::Pong => {}
            Received::Close(code) => {
                assert!(code.is_none_or(|code| (1000..5000).contains(&code)));
                assert_eq!(at + 1, received.len(), "nothing follows a close");
                assert_eq!(*violation, None, "nothing is wrong after a close");
            }
        }
    }
    assert!(data_bytes <= sent_bytes, "nothing is made up");
}
