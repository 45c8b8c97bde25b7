//! What a client says: JSON strings, one or many at once; protocol "Framing accepted by the server".

use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// Messages, one after the other in one piece of memory: an array of empty strings costs no more than it has bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    text: String,
    /// Where each message ends.
    ends: Vec<usize>,
}

/// Why a client's request can't be taken. The texts are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is nothing.
    #[error("Payload expected.")]
    Empty,
    /// It's no JSON array of strings.
    #[error("Broken JSON encoding.")]
    Broken,
}

impl Messages {
    /// Reads an `xhr_send`'s body: an array of strings.
    ///
    /// # Errors
    /// It's empty, or something else.
    pub fn parse_array(body: &[u8]) -> Result<Self, Malformed> {
        if body.is_empty() {
            return Err(Malformed::Empty);
        }
        Self::parse(body, Shape::Array)
    }

    /// Reads a WebSocket message: an array of strings, one string, or nothing.
    ///
    /// # Errors
    /// It's something else.
    pub fn parse_any(message: &[u8]) -> Result<Self, Malformed> {
        if message.is_empty() {
            return Ok(Self::default());
        }
        Self::parse(message, Shape::Any)
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The message at `index`.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.text[begin..end])
    }

    fn parse(json: &[u8], shape: Shape) -> Result<Self, Malformed> {
        // Browsers keep halves of surrogate pairs in their strings, and sockjs-client sends them escaped. Reading them
        // means to read strings as bytes, which are looked at by nobody else; so it's the second try.
        let is_text = || json.iter().all(|byte| *byte >= 0x20) && str::from_utf8(json).is_ok();
        match Self::read(json, shape, Surrogates::Refused) {
            Err(_) if is_text() => Self::read(json, shape, Surrogates::Replaced),
            read => read,
        }
        .map_err(|_| Malformed::Broken)
    }

    fn read(json: &[u8], shape: Shape, surrogates: Surrogates) -> Result<Self, serde_json::Error> {
        let mut messages = Self::default();
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let reader = Strings { messages: &mut messages, surrogates };
        match shape {
            Shape::Any => deserializer.deserialize_any(reader)?,
            Shape::Array => deserializer.deserialize_seq(reader)?,
        }
        deserializer.end()?;
        Ok(messages)
    }

    fn push(&mut self, message: &str) {
        self.text.push_str(message);
        self.ends.push(self.text.len());
    }
}

#[derive(Clone, Copy)]
enum Shape {
    /// A string, or an array of them.
    Any,
    /// An array of strings.
    Array,
}

/// What becomes of half a surrogate pair, which UTF-8 can't have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Surrogates {
    /// The text is malformed.
    Refused,
    /// U+FFFD takes its place, as a browser's own WebSocket has it.
    Replaced,
}

/// Appends the strings of an array to the messages, or the one string that stands in its place.
struct Strings<'a> {
    messages: &'a mut Messages,
    surrogates: Surrogates,
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_str<E: Error>(self, message: &str) -> Result<(), E> {
        self.messages.push(message);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut strings: A) -> Result<(), A::Error> {
        let Self { messages, surrogates } = self;
        while strings.next_element_seed(OneString { messages, surrogates })?.is_some() {}
        Ok(())
    }
}

/// Appends a string of an array.
struct OneString<'a> {
    messages: &'a mut Messages,
    surrogates: Surrogates,
}

impl<'de> DeserializeSeed<'de> for OneString<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.surrogates {
            Surrogates::Refused => deserializer.deserialize_str(self),
            Surrogates::Replaced => deserializer.deserialize_bytes(self),
        }
    }
}

impl<'de> Visitor<'de> for OneString<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, message: &str) -> Result<(), E> {
        self.messages.push(message);
        Ok(())
    }

    /// A string with surrogates, each in the three bytes that UTF-8 would have for it: U+FFFD has three too.
    fn visit_bytes<E: Error>(self, message: &[u8]) -> Result<(), E> {
        let mut message = message.to_vec();
        for at in 0..message.len().saturating_sub(2) {
            if message[at] == 0xed && message[at + 1] >= 0xa0 {
                message[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
            }
        }
        self.messages.push(str::from_utf8(&message).map_err(E::custom)?);
        Ok(())
    }
}

/// Puts the fragments of a WebSocket message together.
#[derive(Debug, Default)]
pub struct Assembler(BytesMut);

/// The fragments have more bytes than a message may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Assembler {
    /// Takes a piece of a message; the whole of it with the last one.
    ///
    /// # Errors
    /// The message has more than `bytes_max`.
    pub fn push(&mut self, piece: Bytes, is_last: bool, bytes_max: usize) -> Result<Option<Bytes>, TooLong> {
        if self.0.len() + piece.len() > bytes_max {
            return Err(TooLong);
        }
        if is_last && self.0.is_empty() {
            return Ok(Some(piece));
        }
        self.0.extend_from_slice(&piece);
        Ok(is_last.then(|| std::mem::take(&mut self.0).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(messages: &Messages) -> Vec<&str> {
        (0..messages.len()).filter_map(|index| messages.get(index)).collect()
    }

    #[track_caller]
    fn check(json: &[u8], array: Result<&[&str], Malformed>, any: Result<&[&str], Malformed>) {
        let shown = String::from_utf8_lossy(json);
        for (read, expected) in [(Messages::parse_array(json), array), (Messages::parse_any(json), any)] {
            match (&read, expected) {
                (Ok(messages), Ok(expected)) => assert_eq!(texts(messages), expected, "{shown}"),
                (Err(error), Err(expected)) => assert_eq!(*error, expected, "{shown}"),
                _ => panic!("{shown}: {read:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn an_array_of_strings_is_messages_and_over_a_websocket_so_is_a_string() {
        check(br#"["a","","\u0000b\n"]"#, Ok(&["a", "", "\0b\n"]), Ok(&["a", "", "\0b\n"]));
        check(b" [\n\"a\" ]\r\n", Ok(&["a"]), Ok(&["a"]));
        check(b"[]", Ok(&[]), Ok(&[]));
        check(br#""a""#, Err(Malformed::Broken), Ok(&["a"]));
        check(br#""""#, Err(Malformed::Broken), Ok(&[""]));
        check(b"", Err(Malformed::Empty), Ok(&[]));
    }

    #[test]
    fn anything_else_is_broken() {
        let deep = "[".repeat(100_000);
        for json in [
            "[\"a",
            "[\"a\"",
            "[\"a\",]",
            "[1]",
            "[null]",
            "[[\"a\"]]",
            "{\"a\":1}",
            "1",
            "null",
            "x",
            "\"a",
            "[\"a\"] x",
            "[\"a\nb\"]",
            "[\"\\x\"]",
            "[\"a\"][\"b\"]",
            &deep,
        ] {
            check(json.as_bytes(), Err(Malformed::Broken), Err(Malformed::Broken));
        }
        check(b"[\"\xff\"]", Err(Malformed::Broken), Err(Malformed::Broken));
        check(b"[\"\xed\xa0\x80\"]", Err(Malformed::Broken), Err(Malformed::Broken));
    }

    #[test]
    fn half_a_surrogate_pair_becomes_a_replacement_character() {
        check(br#"["a\ud83d","\ude00b"]"#, Ok(&["a\u{fffd}", "\u{fffd}b"]), Ok(&["a\u{fffd}", "\u{fffd}b"]));
        check(br#"["\ud83d\ude00"]"#, Ok(&["\u{1f600}"]), Ok(&["\u{1f600}"]));
        check("[\"\u{d7ff}\\udfff\"]".as_bytes(), Ok(&["\u{d7ff}\u{fffd}"]), Ok(&["\u{d7ff}\u{fffd}"]));
    }

    #[test]
    fn fragments_are_put_together_up_to_a_limit() {
        let piece = Bytes::from_static;
        let mut assembler = Assembler::default();
        assert_eq!(assembler.push(piece(b"[]"), true, 4), Ok(Some(piece(b"[]"))));
        assert_eq!(assembler.push(piece(b"[\""), false, 4), Ok(None));
        assert_eq!(assembler.push(piece(b"\"]"), true, 4), Ok(Some(piece(b"[\"\"]"))));
        assert_eq!(assembler.push(piece(b"[\"a"), false, 4), Ok(None));
        assert_eq!(assembler.push(piece(b"\"]"), true, 4), Err(TooLong));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(messages in any::<Vec<String>>()) {
            let json = serde_json::to_vec(&messages).unwrap();
            let read = Messages::parse_array(&json).unwrap();
            prop_assert_eq!(texts(&read), messages);
        }

        #[test]
        fn no_input_is_a_fault(bytes in any::<Vec<u8>>()) {
            let _ = Messages::parse_any(&bytes);
        }
    }
}
