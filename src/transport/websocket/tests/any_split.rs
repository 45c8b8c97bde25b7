//! However the connection cuts a client's bytes, the same is read.

use proptest::{prelude::*, sample::Index};

use super::{PAYLOAD_MAX, frame, read};
use crate::transport::websocket::Received;

/// A frame, mostly a right one.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => prop::sample::select(&[0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88][..]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => "\\PC{0,40}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..200),
        1 => Just(vec![b'x'; 65_536]),
        1 => Just(b"\x03\xe8".to_vec()),
    ];
    (first, payload).prop_map(|(first, payload)| frame(first, &payload))
}

/// The frames, and some bytes of whatever.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(any_frame(), 0..8), prop::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(frames, rest)| [frames.concat(), rest].concat())
}

fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn any_split_of_the_input_gives_the_same_frames(
        bytes in any_bytes(),
        cuts in prop::collection::vec(any::<Index>(), 0..30),
    ) {
        prop_assert_eq!(read(cut(&bytes, &cuts)), read([&bytes[..]]));
    }

    #[test]
    fn what_a_client_writes_is_what_is_read(
        length in 0..=PAYLOAD_MAX,
        first in any::<u8>(),
        cuts in prop::collection::vec(any::<Index>(), 0..30),
    ) {
        // Octets made one by one would take most of the time.
        let payload: Vec<u8> = (0..length).map(|at| first.wrapping_add((at % 251) as u8)).collect();
        let (received, violation) = read(cut(&frame(0x82, &payload), &cuts));
        prop_assert_eq!(violation, None);
        prop_assert_eq!(received, [Received::Data(payload.into())]);
    }

    #[test]
    fn text_is_refused_exactly_when_it_is_not_utf_8(
        text in prop::collection::vec(prop_oneof![any::<u8>(), 0x80_u8..=0xbf, Just(0xe2), Just(0xf0)], 0..8),
        cuts in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let fragments = cut(&text, &cuts);
        let last = fragments.len() - 1;
        let frames: Vec<_> = fragments.iter().enumerate().map(|(at, fragment)| {
            frame(u8::from(at == 0) | if at == last { 0x80 } else { 0 }, fragment)
        }).collect();
        let (_, violation) = read([&frames.concat()[..]]);
        prop_assert_eq!(violation.is_none(), str::from_utf8(&text).is_ok());
    }
}
