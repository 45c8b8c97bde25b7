//! Whether a text message is UTF-8, across its fragments, which may cut a character in two.

use super::Violation;

/// Looks at a text message piece by piece. It's refused at the first piece that can't be part of
/// UTF-8, whatever follows.
#[derive(Debug, Default)]
pub(super) struct Utf8Check {
    /// The first bytes of a character that was cut: three at most, and one more to look at.
    cut: [u8; 4],
    /// How many of them there are.
    cut_bytes: usize,
}

const NOT_UTF8: Violation = Violation::of_encoding("a text message isn't UTF-8");

impl Utf8Check {
    /// Looks at the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Violation> {
        let mut rest = piece;
        while self.cut_bytes > 0 {
            let Some((next, after)) = rest.split_first() else { return Ok(()) };
            self.cut[self.cut_bytes] = *next;
            self.cut_bytes += 1;
            rest = after;
            if incomplete(&self.cut[..self.cut_bytes])?.is_empty() {
                self.cut_bytes = 0;
            }
        }
        let cut = incomplete(rest)?;
        self.cut[..cut.len()].copy_from_slice(cut);
        self.cut_bytes = cut.len();
        Ok(())
    }

    /// Looks at the end, which is not to be within a character.
    pub(super) const fn finish(&self) -> Result<(), Violation> {
        if self.cut_bytes == 0 { Ok(()) } else { Err(NOT_UTF8) }
    }
}

/// The character at the end of which more has to come.
fn incomplete(text: &[u8]) -> Result<&[u8], Violation> {
    match str::from_utf8(text) {
        Ok(_) => Ok(&[]),
        Err(error) if error.error_len().is_none() => Ok(&text[error.valid_up_to()..]),
        Err(_) => Err(NOT_UTF8),
    }
}
