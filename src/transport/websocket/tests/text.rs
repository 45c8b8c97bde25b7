//! Text is UTF-8: class 6. Each sequence comes whole and cut at every byte.

use super::{BINARY, CONTINUES, ENDS, TEXT, TEXT_BEGINS, check, data, frame, passes};
use crate::session::CloseReason;

const NOT_UTF8: Option<CloseReason> = Some(CloseReason::NotUtf8);

/// "κόσμε", in characters of two and of three bytes.
const COSMOS: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// Text that begins like UTF-8, in one message and in two fragments.
#[track_caller]
fn check_text(case: &str, text: &[u8], is_utf8: bool) {
    let case = format!("{case} {text:x?}");
    let end = if is_utf8 { None } else { NOT_UTF8 };
    let whole: &[_] = if is_utf8 { &[data(text)] } else { &[] };
    check(&case, &[frame(TEXT, text)], whole, end);
    for cut in 0..=text.len() {
        let (one, two) = text.split_at(cut);
        let mut expected = vec![];
        // A fragment is taken while it can be the beginning of UTF-8.
        if can_begin(one) {
            expected.push(data(one));
            expected.extend(is_utf8.then(|| data(two)));
        }
        check(&format!("{case} cut at {cut}"), &[frame(TEXT_BEGINS, one), frame(ENDS, two)], &expected, end);
    }
    passes(&format!("{case} as binary"), &[frame(BINARY, text)], &[data(text)]);
}

fn can_begin(text: &[u8]) -> bool {
    str::from_utf8(text).err().is_none_or(|error| error.error_len().is_none())
}

#[test]
fn text_of_no_length_classes_6_1() {
    passes("6.1.1", &[frame(TEXT, b"")], &[data(b"")]);
    let empty = [frame(TEXT_BEGINS, b""), frame(CONTINUES, b""), frame(ENDS, b"")];
    passes("6.1.2", &empty, &[data(b""), data(b""), data(b"")]);
    let middle = [frame(TEXT_BEGINS, b""), frame(CONTINUES, b"middle"), frame(ENDS, b"")];
    passes("6.1.3", &middle, &[data(b""), data(b"middle"), data(b"")]);
}

#[test]
fn characters_may_be_cut_classes_6_2() {
    check_text("6.2.1 and 6.2.2", "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(), true);
    check_text("6.2.3 and 6.2.4", COSMOS, true);
    let first = |at| if at == 0 { TEXT_BEGINS } else { CONTINUES };
    let single: Vec<_> = (0..).zip(COSMOS).map(|(at, byte)| frame(first(at), &[*byte])).collect();
    let expected: Vec<_> = COSMOS.iter().map(|byte| data(&[*byte])).collect();
    passes("6.2.3, a byte a fragment", &single, &expected);
}

#[test]
fn text_fails_at_the_fragment_that_breaks_it_classes_6_3_and_6_4() {
    for wrong in [&b"\xed\xa0\x80"[..], b"\xf4\x90\x80\x80"] {
        check_text("6.3.1 and 6.3.2", &[COSMOS, wrong, b"edited"].concat(), false);
        let frames = [frame(TEXT_BEGINS, COSMOS), frame(CONTINUES, &wrong[..2]), frame(ENDS, b"edited")];
        check("6.4.1 and 6.4.2", &frames[..2], &[data(COSMOS)], NOT_UTF8);
        check("6.4.3 and 6.4.4", &frames, &[data(COSMOS)], NOT_UTF8);
        // A PING between fragments is answered before the text has failed.
        let frames = [frame(TEXT_BEGINS, b"\xce"), frame(super::PING, b"\xff"), frame(ENDS, wrong)];
        check("6.4 with a ping", &frames, &[data(b"\xce"), super::ping(b"\xff")], NOT_UTF8);
    }
}

#[test]
fn characters_of_every_length_classes_6_5_to_6_7_and_6_9() {
    for text in ["hello$world", "hello¢world", "hello€world", "hello\u{24b62}world"] {
        check_text("6.5", text.as_bytes(), true);
    }
    for end in 1..=COSMOS.len() {
        check_text("6.6", &COSMOS[..end], matches!(end, 2 | 5 | 7 | 9 | 11));
    }
    for text in ["\0", "\u{80}", "\u{800}", "\u{10000}"] {
        check_text("6.7, the first of each length", text.as_bytes(), true);
    }
    for text in ["\x7f", "\u{7ff}", "\u{ffff}", "\u{10ffff}"] {
        check_text("6.9, the last of each length", text.as_bytes(), true);
    }
}

#[test]
fn boundaries_and_what_is_no_character_classes_6_11_6_22_and_6_23() {
    for text in ["\u{d7ff}", "\u{e000}", "\u{fffd}", "\u{10ffff}"] {
        check_text("6.11", text.as_bytes(), true);
    }
    check_text("6.11.5", b"\xf4\x90\x80\x80", false);
    // The last two of each plane are no characters, and valid.
    for plane in 0..=16_u32 {
        for last in [0xfffe, 0xffff] {
            let text = char::from_u32(plane << 16 | last).unwrap().to_string();
            check_text("6.22", text.as_bytes(), true);
        }
    }
    for text in '\u{fff9}'..='\u{ffff}' {
        check_text("6.23", text.to_string().as_bytes(), true);
    }
}

#[test]
fn what_utf_8_is_not_classes_6_8_6_10_and_6_12_to_6_21() {
    let cases: &[(&str, &[&[u8]])] = &[
        ("6.8, five and six bytes", &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        (
            "6.10, beyond the last",
            &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
        ),
        (
            "6.12, continuations",
            &[b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf"],
        ),
        (
            "6.13, lonely beginnings",
            &[b"\xc0 \xc1 ", b"\xdf ", b"\xe0 \xef ", b"\xf0 \xf7 ", b"\xf8 ", b"\xfd "],
        ),
        (
            "6.14, the last byte missing",
            &[
                b"\xc0",
                b"\xe0\x80",
                b"\xf0\x80\x80",
                b"\xf8\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80",
                b"\xdf",
                b"\xef\xbf",
                b"\xf7\xbf\xbf",
                b"\xfb\xbf\xbf\xbf",
                b"\xfd\xbf\xbf\xbf\xbf",
            ],
        ),
        ("6.15, all of them", &[b"\xc0\xe0\x80\xf0\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"]),
        ("6.16, impossible bytes", &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
        (
            "6.17, overlong",
            &[
                b"\xc0\xaf",
                b"\xe0\x80\xaf",
                b"\xf0\x80\x80\xaf",
                b"\xf8\x80\x80\x80\xaf",
                b"\xfc\x80\x80\x80\x80\xaf",
            ],
        ),
        (
            "6.18, the most overlong",
            &[
                b"\xc1\xbf",
                b"\xe0\x9f\xbf",
                b"\xf0\x8f\xbf\xbf",
                b"\xf8\x87\xbf\xbf\xbf",
                b"\xfc\x83\xbf\xbf\xbf\xbf",
            ],
        ),
        (
            "6.19, an overlong NUL",
            &[
                b"\xc0\x80",
                b"\xe0\x80\x80",
                b"\xf0\x80\x80\x80",
                b"\xf8\x80\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80\x80",
            ],
        ),
        (
            "6.20, surrogates",
            &[
                b"\xed\xa0\x80",
                b"\xed\xad\xbf",
                b"\xed\xae\x80",
                b"\xed\xaf\xbf",
                b"\xed\xb0\x80",
                b"\xed\xbe\x80",
                b"\xed\xbf\xbf",
            ],
        ),
        (
            "6.21, pairs of them",
            &[
                b"\xed\xa0\x80\xed\xb0\x80",
                b"\xed\xad\xbf\xed\xbf\xbf",
                b"\xed\xae\x80\xed\xb0\x80",
                b"\xed\xaf\xbf\xed\xbf\xbf",
            ],
        ),
    ];
    for (case, sequences) in cases {
        for sequence in *sequences {
            check_text(case, sequence, false);
            check_text(case, &[b"before", *sequence, b"after"].concat(), false);
        }
    }
}
