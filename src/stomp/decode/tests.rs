//! What the decoder takes and refuses, and that it doesn't matter how the bytes are cut.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { frame_bytes: 512, headers: 4, header_line_bytes: 64 };

/// Each frame on a line, `COMMAND name=value … [body]`; an error as `!Fault`.
fn decode_in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = Decoder::new(LIMITS);
    let mut out = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => out.push(describe(&frame)),
                Ok(None) => break,
                Err(error) => {
                    out.push(format!("!{:?}", error.fault()));
                    return out;
                }
            }
        }
    }
    out
}

fn describe(frame: &Frame) -> String {
    let mut text = frame.command.name().to_owned();
    for (name, value) in frame.headers.iter() {
        text.push_str(&format!(" {name}={value}"));
    }
    if !frame.body.is_empty() {
        text.push_str(&format!(" {:?}", String::from_utf8_lossy(&frame.body)));
    }
    text
}

#[track_caller]
fn check(input: &[u8], expected: &[&str]) {
    assert_eq!(decode_in_pieces([input]), expected, "whole: {:?}", String::from_utf8_lossy(input));
    assert_eq!(decode_in_pieces(input.chunks(1)), expected, "bytewise: {:?}", String::from_utf8_lossy(input));
}

#[test]
fn frames_are_read_with_either_line_end() {
    check(b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0", &["SUBSCRIBE id=0 destination=/a"]);
    check(b"SUBSCRIBE\r\nid:0\r\n\r\n\0", &["SUBSCRIBE id=0"]);
    check(b"DISCONNECT\n\n\0", &["DISCONNECT"]);
}

#[test]
fn line_ends_between_frames_are_heart_beats() {
    check(b"\n\r\n\n", &[]);
    check(b"\n\nDISCONNECT\n\n\0\n\n\r\n\0DISCONNECT\n\n\0\n", &["DISCONNECT", "DISCONNECT"]);
}

#[test]
fn a_body_ends_at_its_length_or_at_the_first_nul() {
    check(
        b"SEND\ncontent-length:3\n\na\0b\0DISCONNECT\n\n\0",
        &["SEND content-length=3 \"a\\0b\"", "DISCONNECT"],
    );
    check(b"SEND\n\nab\0", &["SEND \"ab\""]);
    check(b"SEND\ncontent-length:1\n\nab\0", &["!Grammar"]);
    check(b"SUBSCRIBE\n\nbody\0", &["!Grammar"]);
    for length in ["", "-1", "1x", " 1"] {
        check(format!("SEND\ncontent-length:{length}\n\na\0").as_bytes(), &["!Grammar"]);
    }
}

#[test]
fn headers_split_at_the_first_colon_and_are_never_trimmed() {
    check(b"SEND\na: b:c \n\n\0", &["SEND a= b:c "]);
    check(b"SEND\na:\n\n\0", &["SEND a="]);
    check(b"SEND\n:a\n\n\0", &["!Grammar"]);
    check(b"SEND\na\n\n\0", &["!Grammar"]);
}

#[test]
fn escapes_are_undone_but_in_connect() {
    check(
        br"SEND
a\cb:\n\\
",
        &[],
    );
    check(b"SEND\na\\cb:\\\\c\n\n\0", &["SEND a:b=\\c"]);
    check(b"SEND\na:\\t\n\n\0", &["!Grammar"]);
    check(b"CONNECT\npasscode:a\\tb:c\\\n\n\0", &["CONNECT passcode=a\\tb:c\\"]);
}

#[test]
fn of_repeated_headers_the_first_counts() {
    let mut decoder = Decoder::new(LIMITS);
    decoder.push(b"SEND\nfoo:World\nfoo:Hello\n\n\0");
    assert_eq!(decoder.next_frame().unwrap().unwrap().headers.get("foo"), Some("World"));
}

#[test]
fn what_is_no_command_is_refused_before_it_is_whole() {
    check(b"subscribe\n\n\0", &["!Grammar"]);
    check(b"GET / HTTP/1.1 and so on", &["!Grammar"]);
    check(b"SEND \n\n\0", &["!Grammar"]);
    check(b"SEND\ra\n\n\0", &["!Grammar"]);
    check(b"\rSEND\n\n\0", &["!Grammar"]);
}

#[test]
fn text_must_be_utf_8() {
    check(b"SEND\na:\xff\n\n\0", &["!Encoding"]);
    check("SEND\na:\u{20ac}\n\n\0".as_bytes(), &["SEND a=\u{20ac}"]);
}

#[test]
fn limits_hold_for_what_is_accumulated() {
    check(&[b"SEND\na:".as_slice(), &[b'x'; 63], b"\n\n\0"].concat(), &["!Size"]);
    check(b"SEND\na:1\nb:2\nc:3\nd:4\ne:5\n\n\0", &["!Size"]);
    check(b"SEND\ncontent-length:506\n\n", &["!Size"]);
    check(b"SEND\ncontent-length:99999999999999999999999\n\n", &["!Size"]);
    check(&[b"SEND\n\n".as_slice(), &[b'x'; 600]].concat(), &["!Size"]);
    check(&[b"SEND\n".as_slice(), &b"a:b\n".repeat(200)].concat(), &["!Size"]);
    let largest = [b"SEND\n\n".as_slice(), &[b'x'; 505], b"\0"].concat();
    assert_eq!(decode_in_pieces([largest.as_slice()]).len(), 1);
    assert!(decode_in_pieces([largest.as_slice()])[0].starts_with("SEND \""));
}

#[test]
fn an_idle_decoder_holds_no_buffer() {
    let mut decoder = Decoder::new(LIMITS);
    decoder.push(b"DISCONNECT\n\n\0\n");
    while decoder.next_frame().unwrap().is_some() {}
    assert_eq!(decoder.buffer.capacity(), 0);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        parts in prop::collection::vec(
            prop_oneof![
                Just("SUBSCRIBE\nid:1\n\n\0"), Just("SEND\ncontent-length:3\n\na\0b\0"), Just("\n"), Just("\r\n"),
                Just("SEND\r\na\\c:b\r\n\r\nbody\0"), Just("X"), Just("\0"), Just("CONNECT\naccept-version:1.2\n\n\0"),
            ],
            0..6,
        ),
        cuts in prop::collection::vec(0_usize..200, 0..8),
    ) {
        let stream = parts.concat().into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(decode_in_pieces(pieces), decode_in_pieces([stream.as_slice()]));
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..200)) {
        decode_in_pieces([bytes.as_slice()]);
    }
}
