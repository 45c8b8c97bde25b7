//! What the decoder takes and refuses, and that it doesn't matter how the bytes are cut.

use proptest::prelude::*;

use super::*;
use crate::stomp::FrameBuilder;

const LIMITS: Limits = Limits { frame_bytes: 512, headers: 5, header_line_bytes: 64 };

/// Each frame on a line, `COMMAND name=value … [body]`; an error as `!Fault`.
fn decode_in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, version: Version) -> Vec<String> {
    let mut decoder = Decoder::new(LIMITS);
    decoder.agree(version, LIMITS);
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
    check_as(Version::V1_2, input, expected);
}

#[track_caller]
fn check_as(version: Version, input: &[u8], expected: &[&str]) {
    let text = String::from_utf8_lossy(input);
    assert_eq!(decode_in_pieces([input], version), expected, "{version}, whole: {text:?}");
    assert_eq!(decode_in_pieces(input.chunks(1), version), expected, "{version}, bytewise: {text:?}");
}

#[test]
fn frames_are_read_with_either_line_end() {
    for version in Version::ALL {
        check_as(version, b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0", &["SUBSCRIBE id=0 destination=/a"]);
        check_as(version, b"SUBSCRIBE\r\nid:0\r\n\r\n\0", &["SUBSCRIBE id=0"]);
        check_as(version, b"DISCONNECT\n\n\0", &["DISCONNECT"]);
    }
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
fn headers_split_at_the_first_colon_and_are_trimmed_in_1_0_alone() {
    check(b"SEND\na : b:c \n\n\0", &["SEND a = b:c "]);
    check_as(Version::V1_1, b"SEND\na : b:c \n\n\0", &["SEND a = b:c "]);
    check_as(Version::V1_0, b"SEND\na: b:c \n\n\0", &["SEND a=b:c"]);
    check_as(Version::V1_0, b"SEND\ncontent-length: 1\n\n\0\0", &["SEND content-length=1 \"\\0\""]);
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
    check(b"SEND\na:\\r\n\n\0", &["SEND a=\r"]);
    check_as(Version::V1_1, b"SEND\na\\c:\\\\c\n\n\0", &["SEND a:=\\c"]);
    check_as(Version::V1_1, b"SEND\na:\\r\n\n\0", &["!Grammar"]);
    check_as(Version::V1_0, b"SEND\na\\c:\\t\\\n\n\0", &["SEND a\\c=\\t\\"]);
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
    check(b"SEND\na:1\nb:2\nc:3\nd:4\ne:5\nf:6\n\n\0", &["!Size"]);
    check(b"SEND\ncontent-length:506\n\n", &["!Size"]);
    check(b"SEND\ncontent-length:99999999999999999999999\n\n", &["!Size"]);
    check(&[b"SEND\n\n".as_slice(), &[b'x'; 600]].concat(), &["!Size"]);
    check(&[b"SEND\n".as_slice(), &b"a:b\n".repeat(200)].concat(), &["!Size"]);
    let largest = [b"SEND\n\n".as_slice(), &[b'x'; 505], b"\0"].concat();
    assert_eq!(decode_in_pieces([largest.as_slice()], Version::V1_2).len(), 1);
    assert!(decode_in_pieces([largest.as_slice()], Version::V1_2)[0].starts_with("SEND \""));
}

#[test]
fn an_idle_decoder_holds_no_buffer() {
    let mut decoder = Decoder::new(LIMITS);
    decoder.push(b"DISCONNECT\n\n\0\n");
    while decoder.next_frame().unwrap().is_some() {}
    assert_eq!(decoder.buffer.capacity(), 0);
}

#[test]
fn an_undefined_escape_is_told_with_those_that_are_defined() {
    let told = |version| {
        let mut decoder = Decoder::new(LIMITS);
        decoder.agree(version, LIMITS);
        decoder.push(b"SEND\na:\\t\n\n\0");
        decoder.next_frame().unwrap_err().to_string()
    };
    let escapes = r"\n \c \\ are defined in 1.1";
    assert_eq!(told(Version::V1_1), format!(r#"header line "a:\\t" has an undefined escape; {escapes}"#));
    assert!(told(Version::V1_2).ends_with(r"\r \n \c \\ are defined in 1.2"));
}

/// The pieces of a stream that is cut at these places.
fn cut<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut.min(&stream.len())).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
}

/// Header texts that a version can carry. A name isn't empty, and one of 1.0 has no colon; a value
/// of 1.0 has no spaces around it.
fn header_text(version: Version) -> impl Strategy<Value = String> {
    let characters = match version {
        Version::V1_0 => r"[a-z\\€]{1,6}",
        Version::V1_1 => r"[a-z\\€: \n]{1,6}",
        Version::V1_2 => r"[a-z\\€: \n\r]{1,6}",
    };
    characters.prop_filter("content-length is the builder's own", |text| text != "content-length")
}

fn version_and_headers() -> impl Strategy<Value = (Version, Vec<(String, String)>)> {
    prop::sample::select(&Version::ALL).prop_flat_map(|version| {
        let header = (header_text(version), header_text(version));
        (Just(version), prop::collection::vec(header, 0..4))
    })
}

#[test]
fn a_head_that_is_too_long_is_not_looked_into_however_it_comes() {
    let head = format!("ACK\nno colon\n{}\n\0", "x:y\n".repeat(200));
    check(head.as_bytes(), &["!Size"]);
    check(format!("NO COMMAND IS SO LONG{head}").as_bytes(), &["!Grammar"]);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        parts in prop::collection::vec(
            prop_oneof![
                Just("SUBSCRIBE\nid:1\n\n\0"), Just("SEND\ncontent-length:3\n\na\0b\0"), Just("\n"), Just("\r\n"),
                Just("SEND\r\na\\c: b\r\n\r\nbody\0"), Just("X"), Just("\0"), Just("ACK\nid:\\r\n\n\0"),
                Just("CONNECT\naccept-version:1.2\n\n\0"), Just("SEND\nname:€\n\n€\0"), Just("NACK\nno colon"),
            ],
            0..6,
        ),
        cuts in prop::collection::vec(0_usize..200, 0..8),
        version in prop::sample::select(&Version::ALL),
    ) {
        let stream = parts.concat().into_bytes();
        let pieces = cut(&stream, &cuts);
        prop_assert_eq!(decode_in_pieces(pieces, version), decode_in_pieces([stream.as_slice()], version));
    }

    #[test]
    fn what_was_encoded_is_decoded_alike_however_it_is_cut(
        (version, headers) in version_and_headers(),
        body in prop::collection::vec(prop_oneof![Just(0_u8), Just(b'\n'), any::<u8>()], 0..40),
        cuts in prop::collection::vec(0_usize..200, 0..8),
    ) {
        let builder = headers
            .iter()
            .fold(FrameBuilder::new("SEND", version), |builder, (name, value)| builder.header(name, value));
        let stream = builder.body(&body);
        let mut decoder = Decoder::new(LIMITS);
        decoder.agree(version, LIMITS);
        let mut decoded = None;
        for piece in cut(&stream, &cuts) {
            decoder.push(piece);
            if let Some(frame) = decoder.next_frame().unwrap() {
                prop_assert_eq!(decoded.replace(frame), None);
            }
        }
        let headers = headers.into_iter().chain([("content-length".to_owned(), body.len().to_string())]);
        let expected = Frame { command: Command::Send, headers: headers.collect(), body };
        prop_assert_eq!(decoded, Some(expected));
    }

    #[test]
    fn no_input_panics(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..200),
        version in prop::sample::select(&Version::ALL),
    ) {
        decode_in_pieces([bytes.as_slice()], version);
    }
}
