//! What a client reads: a STOMP frame taken apart, and nothing of it assumed.

use std::borrow::Cow;

use super::{
    promise::{Kept, Promise},
    scenario::Dialect,
};

/// A frame of the server.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    pub(super) command: &'a str,
    /// In alphabetical order.
    headers: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) body: &'a [u8],
}

impl<'a> Heard<'a> {
    /// Reads one whole frame, its NUL included; `None` is a heart-beat.
    pub(super) fn parse(bytes: &'a [u8]) -> Kept<Option<Self>> {
        if bytes == b"\n" {
            return Ok(None);
        }
        let wrong = |why| Promise::Wire.broken(format!("{why}: {:?}", String::from_utf8_lossy(bytes)));
        let Ok(text) = std::str::from_utf8(bytes) else { return wrong("it isn't UTF-8") };
        let Some((head, rest)) = text.split_once("\n\n") else {
            return wrong("a frame without an end of its headers");
        };
        let Some((0, body)) = rest.as_bytes().split_last() else { return wrong("a frame without its NUL") };
        let mut lines = head.split('\n');
        let command = lines.next().unwrap_or_default();
        let mut headers = Vec::with_capacity(12);
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { return wrong("a line that's no header") };
            let Some(value) = unescape(value) else { return wrong("an escape that doesn't exist") };
            headers.push((name, value));
        }
        headers.sort_unstable();
        if headers.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return wrong("a header twice");
        }
        let heard = Self { command, headers, body };
        let declared = heard.header("content-length").map(|length| length.parse() == Ok(body.len()));
        match declared {
            Some(false) => wrong("a wrong content-length"),
            None if body.contains(&0) => wrong("a NUL within a body of no declared length"),
            _ => Ok(Some(heard)),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| &**value)
    }

    /// A header that has to be there.
    pub(super) fn expect(&self, name: &str) -> Kept<&str> {
        match self.header(name) {
            Some(value) => Ok(value),
            None => Promise::Wire.broken(format!("no header {name}: {self:?}")),
        }
    }

    /// A header that is a number.
    pub(super) fn number(&self, name: &str) -> Kept<u64> {
        let value = self.expect(name)?;
        value.parse().or_else(|_| Promise::Wire.broken(format!("{name}:{value} is no number: {self:?}")))
    }

    /// The names of all headers, in alphabetical order.
    pub(super) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| *name).collect()
    }
}

fn unescape(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains(['\\', ':']) {
        return Some(Cow::Borrowed(value));
    }
    let mut out = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        out.push(match letter {
            ':' => return None,
            '\\' => match letters.next()? {
                'n' => '\n',
                'r' => '\r',
                'c' => ':',
                '\\' => '\\',
                _ => return None,
            },
            letter => letter,
        });
    }
    Some(Cow::Owned(out))
}

/// A frame of a client: a command and headers, without values that would have to be escaped.
pub(super) fn frame(command: &str, headers: &[(&str, &str)]) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    format!("{command}\n{lines}\n\0")
}

impl Dialect {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }
}
