//! The file's frame: what tells that the bytes are a checkpoint, whole and unharmed.
//!
//! ```text
//! 0   8  magic
//! 8   4  version of the format
//! 12  8  length of what follows the frame, in bytes
//! 20  4  CRC-32 of the 20 bytes before and of what follows
//! 24     what is checkpointed
//! ```
//!
//! Numbers are little-endian. A CRC-32 tells every flipped bit, every two of them in files below 512 MiB, and every
//! burst of 32; of other damage it misses one in four thousand million, and most of that isn't readable.

use super::Refused;

/// The format that is written, and the only one that is read: a checkpoint of another version is passed over once,
/// and the log is read instead.
pub const VERSION: u32 = 1;

/// The frame's length, in bytes.
pub(super) const FRAME_BYTES: usize = 24;

const MAGIC: [u8; 8] = *b"tickcast";

/// Frames what is checkpointed, which is in pieces.
pub(super) fn frame(pieces: &[&[u8]]) -> [u8; FRAME_BYTES] {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut frame = [0; FRAME_BYTES];
    frame[..8].copy_from_slice(&MAGIC);
    frame[8..12].copy_from_slice(&VERSION.to_le_bytes());
    frame[12..20].copy_from_slice(&(length as u64).to_le_bytes());
    let checksum = checksum(&frame[..20], pieces);
    frame[20..].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// What is checkpointed, out of a file's bytes.
pub(super) fn unframe(file: &[u8]) -> Result<&[u8], Refused> {
    let torn = |expected| Refused::Torn { found: file.len() as u64, expected };
    if !file.starts_with(&MAGIC[..file.len().min(8)]) {
        return Err(Refused::NoCheckpoint);
    }
    let Some((frame, body)) = file.split_first_chunk::<FRAME_BYTES>() else {
        return Err(torn(FRAME_BYTES as u64));
    };
    let [.., v0, v1, v2, v3, l0, l1, l2, l3, l4, l5, l6, l7, c0, c1, c2, c3] = *frame;
    let length = u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
    let is_whole = length == body.len() as u64;
    let is_sound = u32::from_le_bytes([c0, c1, c2, c3]) == checksum(&frame[..20], &[body]);
    match u32::from_le_bytes([v0, v1, v2, v3]) {
        // A flipped bit isn't another version; what comes after another version's number nobody knows.
        VERSION if !is_whole => Err(torn(length.saturating_add(FRAME_BYTES as u64))),
        VERSION if !is_sound => Err(Refused::Damaged),
        VERSION => Ok(body),
        _ if is_whole && !is_sound => Err(Refused::Damaged),
        version => Err(Refused::Version(version)),
    }
}

fn checksum(begin: &[u8], pieces: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(begin);
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(body: &[u8]) -> Vec<u8> {
        let (begin, end) = body.split_at(body.len() / 2);
        [&frame(&[begin, end])[..], body].concat()
    }

    #[test]
    fn what_was_framed_is_found_again_and_every_flipped_bit_is_noticed() {
        let whole = file(b"some symbols");
        assert_eq!(unframe(&whole), Ok(&b"some symbols"[..]));
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = unframe(&flipped).unwrap_err();
            let expected = match bit / 8 {
                0..8 => matches!(refused, Refused::NoCheckpoint),
                12..20 => matches!(refused, Refused::Torn { .. }),
                _ => refused == Refused::Damaged,
            };
            assert!(expected, "bit {bit}: {refused}");
        }
    }

    #[test]
    fn a_file_that_ends_anywhere_or_goes_on_is_torn() {
        let whole = file(b"some symbols");
        for length in 0..whole.len() {
            assert!(matches!(unframe(&whole[..length]), Err(Refused::Torn { .. })), "{length}");
        }
        let longer = [&whole[..], b"x"].concat();
        assert_eq!(unframe(&longer), Err(Refused::Torn { found: 37, expected: 36 }));
    }

    #[test]
    fn what_is_no_checkpoint_or_of_another_version_is_told_as_such() {
        assert_eq!(unframe(b"{\"json\":1}"), Err(Refused::NoCheckpoint));
        let mut newer = file(b"some symbols");
        newer[8] = 2;
        let sum = checksum(&newer[..20], &[&newer[24..]]);
        newer[20..24].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(unframe(&newer), Err(Refused::Version(2)));
        // A later format may have its checksum elsewhere.
        assert_eq!(
            unframe(&[&newer[..12], b"others"].concat()),
            Err(Refused::Torn { found: 18, expected: 24 })
        );
        assert_eq!(unframe(&[&newer[..12], &[b'?'; 40]].concat()), Err(Refused::Version(2)));
    }
}
