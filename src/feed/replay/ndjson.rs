//! NDJSON: one JSON tick a line, checked and passed through as it stands.

use std::io::{BufRead, Read};

use super::{BadRecord, ReadError, Recorded, Step};
use crate::feed::{PAYLOAD_BYTES_MAX, Rejection, json::JsonDecoder};

/// Reads ticks from lines of JSON. Empty lines say nothing.
pub struct NdjsonReader<R> {
    reader: R,
    decoder: JsonDecoder,
    line: Vec<u8>,
    number: u64,
}

impl<R> std::fmt::Debug for NdjsonReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NdjsonReader").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<R: BufRead> NdjsonReader<R> {
    /// Reads from the first line on.
    pub fn open(mut reader: R) -> Result<Self, ReadError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        if reader.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            reader.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self { reader, decoder: JsonDecoder::default(), line: Vec::new(), number: 0 })
    }

    /// Reads one line.
    pub fn step(&mut self) -> Result<Step<'_>, ReadError> {
        // Two bytes for the line end; a longer line is refused by its length.
        let limit = PAYLOAD_BYTES_MAX as u64 + 2;
        self.line.clear();
        (&mut self.reader).take(limit).read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() {
            return Ok(Step::End);
        }
        self.number += 1;
        if self.line.len() as u64 == limit && !self.line.ends_with(b"\n") {
            self.reader.skip_until(b'\n')?;
        }
        let json = self.line.trim_ascii();
        if json.is_empty() {
            return Ok(Step::Nothing);
        }
        Ok(match self.decoder.decode(json) {
            Ok(tick) => Step::Tick(Recorded { tick, json: Some(json) }),
            Err(rejection) => Step::Bad(BadRecord {
                unit: "line",
                number: self.number,
                column: None,
                problem: problem(&rejection),
            }),
        })
    }
}

/// Where a line stops being JSON, counted from 1; the parser's own words for it are names of its
/// insides. It says 0 of what it can't place, too.
fn problem(rejection: &Rejection) -> String {
    let told = rejection.to_string();
    if !matches!(rejection, Rejection::NotJson(..)) {
        return told;
    }
    let index = told.split_once(" at character ").and_then(|(_, rest)| {
        let digits = rest.split(|other: char| !other.is_ascii_digit()).next()?;
        digits.parse::<usize>().ok().filter(|index| *index > 0)
    });
    index.map_or_else(|| "not JSON".to_owned(), |index| format!("not JSON at character {}", index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &[&str]) {
        let mut reader = NdjsonReader::open(input.as_bytes()).unwrap();
        let mut seen = Vec::new();
        loop {
            match reader.step().unwrap() {
                Step::Tick(recorded) => {
                    seen.push(String::from_utf8(recorded.json.unwrap().to_vec()).unwrap());
                }
                Step::Bad(bad) => seen.push(bad.to_string()),
                Step::Nothing => {}
                Step::End => break,
            }
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn lines_pass_through_unchanged_whatever_ends_them() {
        check(
            "\u{feff}{\"symbol\":\"A\",\"price\":1}\r\n\n {\"symbol\":\"B\", \"bid\":\"2.50\"}",
            &[r#"{"symbol":"A","price":1}"#, r#"{"symbol":"B", "bid":"2.50"}"#],
        );
    }

    #[test]
    fn a_bad_line_is_named_and_the_next_one_is_read() {
        check(
            "{\"symbol\":\"A\"}\n{\"symbol\":\"A\",\"price\":1}\n",
            &["line 1: at least one of price, bid, ask must be there", r#"{"symbol":"A","price":1}"#],
        );
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place() {
        check(
            "hello\n{\"symbol\":nul}\n{\"a\":1,}\n{\"a\":\"\u{1}\"}\n[1]\n",
            &[
                "line 1: not JSON",
                "line 2: not JSON at character 11",
                "line 3: not JSON at character 8",
                "line 4: not JSON",
                "line 5: the payload must be one JSON object",
            ],
        );
    }

    #[test]
    fn an_endless_line_is_refused_by_its_length() {
        let input = format!("{}\n{{\"symbol\":\"A\",\"price\":1}}\n", "x".repeat(100_000));
        check(&input, &["line 1: 16386 bytes; a tick has at most 16384", r#"{"symbol":"A","price":1}"#]);
    }
}
