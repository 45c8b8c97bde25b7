//! Bytes of anybody's as text: safe for a terminal, or exact for a machine.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

/// Characters that turn the direction of what follows, or can't be seen: what stands there isn't what is read.
const DECEPTIVE: [std::ops::RangeInclusive<char>; 5] = [
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
];

/// The beginning of some bytes as one line of at most `max` characters, without anything that a terminal obeys.
pub(super) fn visible(bytes: &[u8], max: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    // Enough for the characters that are shown, each of which takes four bytes at most.
    let (shown, rest) = bytes.split_at(bytes.len().min(4 * (max + 1)));
    for chunk in shown.utf8_chunks() {
        let characters = chunk.valid().chars().map(escaped);
        // A character that is cut by the split is none that is shown.
        let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        for piece in characters.chain(invalid) {
            let width = piece.chars().count();
            if length + width > max {
                return cut(&out, max);
            }
            length += width;
            out.push_str(&piece);
        }
    }
    if rest.is_empty() { out } else { cut(&out, max) }
}

fn escaped(character: char) -> String {
    if character.is_control() || DECEPTIVE.iter().any(|range| range.contains(&character)) {
        character.escape_default().to_string()
    } else {
        character.to_string()
    }
}

/// Tells by an ellipsis in the last place that there is more.
fn cut(text: &str, max: usize) -> String {
    let mut kept: String = text.chars().take(max.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// Bytes for a machine: as they are if they are text, else in base64.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Exact {
    Text(String),
    Base64(String),
}

impl Exact {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_obeys_nobody_and_has_one_line() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(visible(bytes, 20), expected);
        check(b"AAPL", "AAPL");
        check("Zürich €".as_bytes(), "Zürich €");
        check(b"\x1b[2J\x07\r\n", "\\u{1b}[2J\\u{7}\\r\\n");
        check("\u{9b}31m".as_bytes(), "\\u{9b}31m");
        check("a\u{202e}b\u{200b}".as_bytes(), "a\\u{202e}b\\u{200b}");
        check(b"\x00\xff\xc3", "\\u{0}\\xff\\xc3");
        check(b"01234567890123456789", "01234567890123456789");
        check(b"012345678901234567890", "0123456789012345678…");
        check(&[b'x'; 1000], "xxxxxxxxxxxxxxxxxxx…");
        check("\u{10000}".repeat(21).as_bytes(), &format!("{}…", "\u{10000}".repeat(19)));
        check(b"", "");
    }

    #[test]
    fn a_machine_gets_every_byte() {
        assert_eq!(Exact::of(b"{\"a\":1}\n"), Exact::Text("{\"a\":1}\n".to_owned()));
        assert_eq!(Exact::of(b"\xff\x00"), Exact::Base64("/wA=".to_owned()));
    }
}
