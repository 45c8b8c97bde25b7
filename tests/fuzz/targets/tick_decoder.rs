//! Any value of a record, in either format, framed or not, is a tick or has its reason; what is a tick says the same
//! when it's written again, in both formats, and nothing is left of the record before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickcast::{
    feed::{Decoder, Encoder, Rejection, TickFormat},
    market::Tick,
};

const FORMATS: [TickFormat; 2] = [TickFormat::Json, TickFormat::Protobuf];

/// What a Schema Registry's serializer puts before a payload of each format.
const FRAMES: [&[u8]; 2] = [b"\0\0\0\0\x07", b"\0\0\0\0\x07\0"];

fuzz_target!(|value: &[u8]| {
    for (format, frame) in FORMATS.into_iter().zip(FRAMES) {
        let mut decoder = Decoder::new(format);
        let found = decoder.decode(None, value);
        match found {
            Ok(tick) => check_written(&tick),
            Err(ref rejection) => check_told(rejection),
        }
        let is_framed = value.first() == Some(&0);
        if !is_framed {
            let framed = [frame, value].concat();
            assert_eq!(Decoder::new(format).decode(None, &framed), found, "framed");
        }
        // A decoder is used again and again.
        let found = format!("{found:?}");
        assert_eq!(format!("{:?}", decoder.decode(None, value)), found, "once more");
    }
    // As a header's value; the rest of the record doesn't matter then.
    let _ = Decoder::default().decode(Some(value), b"{}");
});

fn check_written(tick: &Tick<'_>) {
    for format in FORMATS {
        let mut encoder = Encoder::new(format);
        let written = encoder.encode(tick);
        assert_eq!(Decoder::new(format).decode(None, written).as_ref(), Ok(tick), "{format:?}");
    }
}

fn check_told(rejection: &Rejection) {
    assert!(Rejection::LABELS.contains(&rejection.label()), "{rejection:?}");
    // It goes to the log and to the quarantine.
    assert!(rejection.to_string().len() < 1024, "{rejection}");
}
