//! The formats of a recording, and how a file's name tells them.

use std::{fmt, path::Path, str::FromStr};

/// The format of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Databento Binary Encoding.
    Dbn,
    /// Text in columns.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// A format that isn't known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The name of a format is none of ours.
    #[error("format {0:?} isn't known; allowed are dbn, csv, ndjson")]
    Unknown(String),
    /// The file's name tells none.
    #[error(
        "{0}: the name doesn't tell the format (.dbn, .csv, .tsv, .ndjson, .jsonl, each also with .zst); \
         tell it with --format dbn, csv or ndjson"
    )]
    Untold(String),
}

impl Format {
    /// Guesses by the file's name, of which a trailing `.zst` says nothing.
    pub fn of_file(path: &Path) -> Result<Self, FormatError> {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().to_lowercase());
        let stem = name.strip_suffix(".zst").unwrap_or(&name);
        match stem.rsplit_once('.').map(|(_, extension)| extension) {
            Some("dbn") => Ok(Self::Dbn),
            Some("csv" | "tsv") => Ok(Self::Csv),
            Some("ndjson" | "jsonl") => Ok(Self::Ndjson),
            _ => Err(FormatError::Untold(path.display().to_string())),
        }
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dbn" => Ok(Self::Dbn),
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err(FormatError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dbn => "dbn",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<Format>) {
        assert_eq!(Format::of_file(Path::new(name)).ok(), expected, "{name}");
    }

    #[test]
    fn the_file_name_tells_the_format() {
        check("a/es.dbn", Some(Format::Dbn));
        check("es.mbp-1.dbn.zst", Some(Format::Dbn));
        check("QUOTES.CSV", Some(Format::Csv));
        check("quotes.csv.zst", Some(Format::Csv));
        check("ticks.jsonl", Some(Format::Ndjson));
        check("ticks.parquet", None);
        check("csv", None);
        check("-", None);
    }
}
