//! Header escaping: `\r`, `\n`, `\c`, `\\` (specification, "Value Encoding").
//!
//! CONNECT, STOMP and CONNECTED frames are neither escaped nor unescaped, so that a passcode with
//! a backslash or a colon survives a client of version 1.0.

use std::borrow::Cow;

/// Appends a header's name or value, escaped.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b':' => out.extend_from_slice(b"\\c"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            other => out.push(other),
        }
    }
}

/// Undoes [`escape_into`]; `None` where a backslash starts anything but the four escapes, which
/// "MUST be treated as a fatal protocol error".
pub(super) fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                'r' => '\r',
                'n' => '\n',
                'c' => ':',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_four_escapes_are_known() {
        assert_eq!(unescape(r"a\cb\\c\nd\re").as_deref(), Some("a:b\\c\nd\re"));
        for text in [r"\t", r"\", r"a\x", r"\\\"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn unescape_undoes_escape(text: String) {
            let mut escaped = Vec::new();
            escape_into(&text, &mut escaped);
            let escaped = String::from_utf8(escaped).unwrap();
            let unescaped = unescape(&escaped);
            prop_assert_eq!(unescaped.as_deref(), Some(text.as_str()));
        }
    }
}
