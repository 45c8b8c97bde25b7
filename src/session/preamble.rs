//! The lines of a MESSAGE that no other client's has: put together first, so that a frame is framed in two copies, this and
//! the tail that all share. Copied piece by piece, from where each is kept, they took a fifth of a write of 50 frames.

use super::subscription::ORDINARY_BYTES_MAX;

/// `type:delisted`, `conflated:` with a number, and their line ends.
const MORE_BYTES_MAX: usize = 14 + 10 + 20 + 1;

/// The first lines of a MESSAGE.
#[derive(Debug)]
pub(super) struct Preamble {
    bytes: [u8; ORDINARY_BYTES_MAX + MORE_BYTES_MAX],
    length: usize,
}

impl Default for Preamble {
    fn default() -> Self {
        Self { bytes: [0; ORDINARY_BYTES_MAX + MORE_BYTES_MAX], length: 0 }
    }
}

impl Preamble {
    /// Appends what has a length that the compiler knows, so that it needs no call.
    #[inline]
    pub(super) fn put_fixed<const N: usize>(&mut self, part: &[u8; N]) {
        self.put(part);
    }

    /// Appends; all that may be appended fits.
    #[inline]
    pub(super) fn put(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        self.bytes[self.length..end].copy_from_slice(part);
        self.length = end;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
