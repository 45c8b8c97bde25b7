//! What the fuzz targets share: how an input is read, and a world for sessions to live in.

mod listener;
pub mod world;

/// An input's first bytes say where the rest is cut.
const CUTS: usize = 8;

/// Splits an input into the lengths of the pieces and the bytes to cut.
pub fn cuts_and_bytes(input: &[u8]) -> (&[u8], &[u8]) {
    input.split_at(input.len().min(CUTS))
}

/// The bytes in pieces of these lengths; what is left is the last.
pub fn pieces<'a>(mut bytes: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths {
        let (piece, rest) = bytes.split_at(bytes.len().min(usize::from(*length)));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}
