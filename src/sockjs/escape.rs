//! Text as the inside of a JSON string.
//!
//! JSON wants control characters, `"` and `\` escaped. SockJS wants more, because browsers and proxies mangle some
//! characters on their way: U+200C–200F, U+2028–202F, U+2060–206F and U+FFF0–FFFF. (It asks for surrogates too, which
//! UTF-8 doesn't have.) Each character is escaped by itself: what is escaped in parts is the same as the whole.

use bytes::{BufMut, BytesMut};

/// What has to be done about a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    /// Escaped with a backslash and this letter.
    Short(u8),
    /// Escaped with its number.
    Control,
    /// The first byte of U+2000–2FFF or U+F000–FFFF: what follows decides.
    Lead,
}

const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 0x20 {
        classes[byte] = Class::Control;
        byte += 1;
    }
    classes[0x08] = Class::Short(b'b');
    classes[0x09] = Class::Short(b't');
    classes[0x0a] = Class::Short(b'n');
    classes[0x0c] = Class::Short(b'f');
    classes[0x0d] = Class::Short(b'r');
    classes[b'"' as usize] = Class::Short(b'"');
    classes[b'\\' as usize] = Class::Short(b'\\');
    classes[0xe2] = Class::Lead;
    classes[0xef] = Class::Lead;
    classes
}

/// Appends `text`, UTF-8, to the inside of a JSON string.
pub fn escape_into(out: &mut BytesMut, text: &[u8]) {
    // Most characters stay as they are, so that a little room for escapes saves growing in steps.
    out.reserve(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| CLASSES[usize::from(*byte)] != Class::Plain) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = &special[escape_first(out, special)..];
    }
    out.extend_from_slice(rest);
}

/// Appends the first character of `special`, escaped if it has to be; how many bytes it had.
fn escape_first(out: &mut BytesMut, special: &[u8]) -> usize {
    match CLASSES[usize::from(special[0])] {
        Class::Short(letter) => {
            out.put_slice(&[b'\\', letter]);
            1
        }
        Class::Control => {
            put_number(out, u16::from(special[0]));
            1
        }
        Class::Lead => {
            if let [first, second, third, ..] = *special {
                let number =
                    u16::from(first & 0xf) << 12 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
                if is_mangled(number) {
                    put_number(out, number);
                    return 3;
                }
            }
            out.put_u8(special[0]);
            1
        }
        Class::Plain => {
            out.put_u8(special[0]);
            1
        }
    }
}

const fn is_mangled(number: u16) -> bool {
    matches!(number, 0x200c..=0x200f | 0x2028..=0x202f | 0x2060..=0x206f | 0xfff0..=0xffff)
}

fn put_number(out: &mut BytesMut, number: u16) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.put_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.put_u8(DIGITS[usize::from(number >> shift & 0xf)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = BytesMut::new();
        escape_into(&mut out, text.as_bytes());
        String::from_utf8(out.to_vec()).expect("escaping keeps UTF-8")
    }

    #[test]
    fn what_needs_no_escape_stays_as_it_is() {
        for text in ["", "AAPL 189.84", "äöü €", "\u{7f}\u{200b}\u{2010}\u{2070}\u{ffef}", "😀"] {
            assert_eq!(escaped(text), text);
        }
    }

    #[test]
    fn what_json_and_sockjs_want_escaped_is() {
        assert_eq!(escaped("a\"b\\c/\n\r\t\u{8}\u{c}\0\u{1f}"), r#"a\"b\\c/\n\r\t\b\f\u0000\u001f"#);
        let mangled =
            (0x200c..=0x200f).chain(0x2028..=0x202f).chain(0x2060..=0x206f).chain(0xfff0..=0xffff_u32);
        for number in mangled {
            let character = char::from_u32(number).expect("none is a surrogate");
            assert_eq!(escaped(&format!("<{character}>")), format!("<\\u{number:04x}>"));
        }
    }

    proptest! {
        #[test]
        fn every_json_reader_gets_the_text_back(text in any::<String>()) {
            let json = format!("\"{}\"", escaped(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn parts_are_escaped_to_the_same_as_the_whole(parts in any::<Vec<String>>()) {
            let by_parts: String = parts.iter().map(|part| escaped(part)).collect();
            prop_assert_eq!(by_parts, escaped(&parts.concat()));
        }

        #[test]
        fn bytes_that_are_no_text_pass_without_a_fault(bytes in any::<Vec<u8>>()) {
            escape_into(&mut BytesMut::new(), &bytes);
        }
    }
}
