//! Numbers and texts as bytes, and back: small numbers are short, and what isn't there isn't believed.
//!
//! Numbers are LEB128, those that may be negative in zigzag, so that a number near zero is one byte. Nothing is
//! allocated by what a length says before so many bytes are there.

use super::Refused;

/// Appends numbers and texts.
#[derive(Debug)]
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(super) fn unsigned(&mut self, number: u64) {
        self.wide(u128::from(number));
    }

    pub(super) fn wide(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.0.push((number as u8) | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn signed(&mut self, number: i64) {
        self.unsigned(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.unsigned(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// Reads them again.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes that weren't read yet.
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// `what` names the number where it can't be one.
    pub(super) fn unsigned(&mut self, what: &'static str) -> Result<u64, Refused> {
        u64::try_from(self.wide(what)?).map_err(|_| Refused::Malformed(what))
    }

    pub(super) fn wide(&mut self, what: &'static str) -> Result<u128, Refused> {
        let mut number = 0_u128;
        for (at, &byte) in self.rest.iter().enumerate() {
            let bits = u128::from(byte & 0x7f);
            // Eighteen times seven bits, and two more.
            if at > 18 || (at == 18 && bits > 0b11) {
                break;
            }
            number |= bits << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(number);
            }
        }
        Err(Refused::Malformed(what))
    }

    pub(super) fn signed(&mut self, what: &'static str) -> Result<i64, Refused> {
        let zigzag = self.unsigned(what)?;
        Ok((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()))
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, Refused> {
        let length = usize::try_from(self.unsigned(what)?).map_err(|_| Refused::Malformed(what))?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Refused::Malformed(what))?;
        self.rest = rest;
        str::from_utf8(text).map_err(|_| Refused::Malformed(what))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(unsigned: u64, wide: u128, signed: i64, text: String) {
            let mut bytes = Vec::new();
            let mut writer = Writer(&mut bytes);
            writer.unsigned(unsigned);
            writer.wide(wide);
            writer.signed(signed);
            writer.text(&text);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.unsigned(""), Ok(unsigned));
            prop_assert_eq!(reader.wide(""), Ok(wide));
            prop_assert_eq!(reader.signed(""), Ok(signed));
            prop_assert_eq!(reader.text(""), Ok(text.as_str()));
            prop_assert_eq!(reader.left(), 0);
            for short in 0..bytes.len() {
                let mut reader = Reader::new(&bytes[..short]);
                let all = reader.unsigned("").and(reader.wide("")).and(reader.signed("")).and(reader.text(""));
                prop_assert!(all.is_err());
            }
        }
    }

    #[test]
    fn a_number_that_fits_no_type_and_a_length_beyond_the_end_are_refused() {
        assert_eq!(Reader::new(&[0xff; 32]).wide("n"), Err(Refused::Malformed("n")));
        assert_eq!(Reader::new(&[0xff; 19]).wide("n"), Err(Refused::Malformed("n")));
        let mut too_wide = Vec::new();
        Writer(&mut too_wide).wide(u128::from(u64::MAX) + 1);
        assert_eq!(Reader::new(&too_wide).unsigned("n"), Err(Refused::Malformed("n")));
        let mut long = Vec::new();
        Writer(&mut long).unsigned(u64::MAX);
        assert_eq!(Reader::new(&long).text("t"), Err(Refused::Malformed("t")));
    }
}
