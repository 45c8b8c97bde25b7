//! Recorded market data, read as ticks: Databento DBN, CSV and NDJSON.
//!
//! A reader takes bytes and hands out one [`Step`] a call; it opens no file and knows no clock.
//! The three formats share [`Recording`], [`BadRecord`] for what can be skipped and [`ReadError`]
//! for what can't.

mod bar;
mod columns;
mod csv;
mod dbn;
mod error;
mod format;
mod line_ends;
mod ndjson;
mod pace;
mod time_format;

pub use self::{
    columns::{ColumnNames, Header},
    csv::{CsvOptions, CsvReader},
    dbn::DbnReader,
    error::{BadRecord, ReadError},
    format::{Format, FormatError},
    ndjson::NdjsonReader,
    pace::{Pace, Speed, SpeedError},
    time_format::{TimeError, TimeFormat},
};

use std::io::{BufRead, BufReader};

use ::dbn::decode::DynReader;

use crate::market::{Symbol, Tick};

/// What a recording is read from: the bytes as they come, or as zstd unpacks them.
pub type Decompressed<R> = BufReader<DynReader<'static, R>>;

/// A recording of any format, plain or compressed with zstd.
#[derive(Debug)]
pub enum Recording<R: BufRead> {
    /// Databento's DBN.
    Dbn(Box<DbnReader<Decompressed<R>>>),
    /// A table of text.
    Csv(Box<CsvReader<Decompressed<R>>>),
    /// One JSON tick a line.
    Ndjson(Box<NdjsonReader<Decompressed<R>>>),
}

/// What one step of reading gave.
#[derive(Debug)]
pub enum Step<'a> {
    /// A tick, in the order of the recording.
    Tick(Recorded<'a>),
    /// A record that is no tick. The next one may be read.
    Bad(BadRecord),
    /// A record that carries no tick by its nature: an empty line, a symbol mapping.
    Nothing,
    /// The end.
    End,
}

/// A tick and, where the recording holds it as JSON already, the text as it stands there.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The tick.
    pub tick: Tick<'a>,
    /// The JSON text to publish unchanged.
    pub json: Option<&'a [u8]>,
}

impl<R: BufRead> Recording<R> {
    /// Reads the start of a recording, as far as it must be known before the first tick.
    ///
    /// `symbol` names every tick, whatever the recording says; NDJSON, whose lines pass through
    /// unchanged, takes none.
    pub fn open(
        reader: R,
        format: Format,
        symbol: Option<Symbol>,
        csv: CsvOptions,
    ) -> Result<Self, ReadError> {
        let reader = DynReader::inferred_with_buffer(reader).map_err(std::io::Error::other)?;
        let reader = BufReader::new(reader);
        match format {
            Format::Dbn => DbnReader::open(reader, symbol).map(Box::new).map(Self::Dbn),
            Format::Csv => CsvReader::open(reader, symbol, csv).map(Box::new).map(Self::Csv),
            Format::Ndjson if symbol.is_some() => Err(ReadError::SymbolGiven),
            Format::Ndjson => NdjsonReader::open(reader).map(Box::new).map(Self::Ndjson),
        }
    }

    /// Reads on by at most one record.
    pub fn step(&mut self) -> Result<Step<'_>, ReadError> {
        match self {
            Self::Dbn(reader) => reader.step(),
            Self::Csv(reader) => reader.step(),
            Self::Ndjson(reader) => reader.step(),
        }
    }
}
