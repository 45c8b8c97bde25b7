//! One kind of line end, so that the line of a row can be told exactly.
//!
//! The CSV reader leaves the second half of a `\r\n` for the next row, and a file's last row may
//! have no line end at all: its count of lines would mean three different things.

use std::io::{self, BufRead, Read};

/// Passes bytes on, with `\r\n` as `\n`, and with a `\n` at the end.
#[derive(Debug)]
pub(super) struct LineEnds<R> {
    inner: R,
    /// A `\r` is held back until the next byte is known.
    held: bool,
    last: u8,
}

impl<R> LineEnds<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, held: false, last: b'\n' }
    }
}

impl<R: BufRead> Read for LineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A byte read is at most two bytes written.
        let mut written = 0;
        while written == 0 && buffer.len() >= 2 {
            let bytes = self.inner.fill_buf()?;
            if bytes.is_empty() {
                let held = std::mem::take(&mut self.held);
                let is_open = self.last != b'\n' || held;
                self.last = b'\n';
                let end: &[u8] = if is_open { b"\n" } else { b"" };
                buffer[..end.len()].copy_from_slice(end);
                return Ok(end.len());
            }
            let count = bytes.len().min(buffer.len() / 2);
            for &byte in &bytes[..count] {
                if std::mem::take(&mut self.held) && byte != b'\n' {
                    buffer[written] = b'\r';
                    written += 1;
                }
                if byte == b'\r' {
                    self.held = true;
                } else {
                    buffer[written] = byte;
                    written += 1;
                }
                self.last = byte;
            }
            self.inner.consume(count);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        for capacity in 1..=input.len().max(1) {
            let mut text = String::new();
            let reader = BufReader::with_capacity(capacity, input.as_bytes());
            LineEnds::new(reader).read_to_string(&mut text).unwrap();
            assert_eq!(text, expected, "in pieces of {capacity}");
        }
    }

    #[test]
    fn every_line_ends_alike() {
        check("", "");
        check("a", "a\n");
        check("a\r\nb\n\r\nc", "a\nb\n\nc\n");
        check("a\rb\r", "a\rb\n");
        check("a\r\r\n", "a\r\n");
    }
}
