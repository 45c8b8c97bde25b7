//! Header escaping (specifications, "Value Encoding"): `\r`, `\n`, `\c`, `\\` in 1.2; `\n`, `\c`,
//! `\\` in 1.1; none in 1.0.
//!
//! CONNECT, STOMP and CONNECTED frames are neither escaped nor unescaped, so that a passcode with
//! a backslash or a colon survives a client of version 1.0.

use std::borrow::Cow;

use super::Version;

/// Appends a header's name or value as this version writes it. What the version has no escape for
/// and would end the line is left out: 1.0 can't carry a line end at all, 1.1 no carriage return.
pub fn escape_into(text: &str, version: Version, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match (byte, version) {
            (b'\n', Version::V1_0) | (b'\r', Version::V1_0 | Version::V1_1) => {}
            (other, Version::V1_0) => out.push(other),
            (b'\r', _) => out.extend_from_slice(b"\\r"),
            (b'\n', _) => out.extend_from_slice(b"\\n"),
            (b':', _) => out.extend_from_slice(b"\\c"),
            (b'\\', _) => out.extend_from_slice(b"\\\\"),
            (other, _) => out.push(other),
        }
    }
}

/// Undoes [`escape_into`]; `None` where a backslash starts anything but the version's escapes, which
/// "MUST be treated as a fatal protocol error".
pub fn unescape(text: &str, version: Version) -> Option<Cow<'_, str>> {
    if version == Version::V1_0 || !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                'r' if version == Version::V1_2 => '\r',
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
    fn only_a_versions_own_escapes_are_known() {
        assert_eq!(unescape(r"a\cb\\c\nd\re", Version::V1_2).as_deref(), Some("a:b\\c\nd\re"));
        assert_eq!(unescape(r"a\cb\\c\nd", Version::V1_1).as_deref(), Some("a:b\\c\nd"));
        assert_eq!(unescape(r"a\cb\t\", Version::V1_0).as_deref(), Some(r"a\cb\t\"));
        assert_eq!(unescape(r"\r", Version::V1_1), None);
        for version in [Version::V1_1, Version::V1_2] {
            for text in [r"\t", r"\", r"a\x", r"\\\"] {
                assert_eq!(unescape(text, version), None, "{text} in {version}");
            }
        }
    }

    #[test]
    fn what_a_version_cannot_carry_does_not_end_the_line() {
        let escaped = |version| {
            let mut out = Vec::new();
            escape_into("a:b\r\n\\", version, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(escaped(Version::V1_0), "a:b\\");
        assert_eq!(escaped(Version::V1_1), r"a\cb\n\\");
        assert_eq!(escaped(Version::V1_2), r"a\cb\r\n\\");
    }

    proptest! {
        #[test]
        fn unescape_undoes_escape(text: String, version in prop::sample::select(&Version::ALL)) {
            let carried = match version {
                Version::V1_0 => text.replace(['\r', '\n'], ""),
                Version::V1_1 => text.replace('\r', ""),
                Version::V1_2 => text.clone(),
            };
            let mut escaped = Vec::new();
            escape_into(&text, version, &mut escaped);
            let escaped = String::from_utf8(escaped).unwrap();
            let unescaped = unescape(&escaped, version);
            prop_assert_eq!(unescaped.as_deref(), Some(carried.as_str()));
        }
    }
}
