//! What can be wrong with a recording: one record of it, or all that follows.

use std::{fmt, io};

/// A record that is no tick: where it stands, and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// What the format calls its records: `row`, `line` or `record`.
    pub unit: &'static str,
    /// Its number, from 1; of a text file, the line.
    pub number: u64,
    /// The column, if one is at fault.
    pub column: Option<String>,
    /// What is wrong, with the value, and what is allowed.
    pub problem: String,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit, self.number)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// Why a recording can't be read on. The file's name is for the caller to add.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file can't be read, or its compression is broken.
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    /// The file doesn't begin as its format does.
    #[error("isn't {format}: {problem}")]
    NotTheFormat {
        /// The format that was told or guessed.
        format: &'static str,
        /// What was found.
        problem: String,
    },
    /// A DBN file holds records that are no ticks.
    #[error("has schema {schema}; allowed are {allowed}")]
    Schema {
        /// The file's schema.
        schema: &'static str,
        /// What can be replayed.
        allowed: &'static str,
    },
    /// A DBN file's symbols can't be known from its metadata.
    #[error("doesn't tell its symbols: {0}; name one for all records with --symbol")]
    Symbology(String),
    /// The file ends within a record.
    #[error("is cut off within record {record}; the {} before it are whole", record - 1)]
    CutOff {
        /// The number of the record, from 1.
        record: u64,
    },
    /// A record's frame is broken, so that the next one can't be found.
    #[error("is damaged at record {record}: {problem}")]
    Damaged {
        /// The number of the record, from 1.
        record: u64,
        /// What the decoder said.
        problem: String,
    },
    /// A table doesn't have the columns that a tick needs.
    #[error("{problem}; its columns are {found}")]
    Columns {
        /// What is missing, and the flag that helps.
        problem: String,
        /// The names that were found.
        found: String,
    },
    /// `--symbol` was given for a format whose records pass through unchanged.
    #[error("is NDJSON, whose lines name their symbols; --symbol is for csv and dbn")]
    SymbolGiven,
}
