//! CSV: a table of quotes, trades or both.

use std::io::BufRead;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};

use super::{
    BadRecord, ColumnNames, Header, ReadError, Recorded, Step, TimeFormat,
    columns::{Column, Columns, SymbolColumn},
    line_ends::LineEnds,
};
use crate::market::{Price, Side, Size, Symbol, SymbolRef, Tick, Trade};

/// The longest venue, as for every tick.
const VENUE_LENGTH_MAX: usize = 32;

/// How the table is written.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// Which column holds what.
    pub names: ColumnNames,
    /// Where the names of the columns stand.
    pub header: Header,
    /// What stands between two columns.
    pub delimiter: u8,
    /// How times are written.
    pub time_format: TimeFormat,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            names: ColumnNames::default(),
            header: Header::default(),
            delimiter: b',',
            time_format: TimeFormat::default(),
        }
    }
}

/// Reads one tick a row.
///
/// An empty cell says nothing: the side of the quote stays as it is. `null` clears it.
pub struct CsvReader<R> {
    rows: Reader<LineEnds<R>>,
    row: StringRecord,
    columns: Columns,
    time_format: TimeFormat,
}

impl<R> std::fmt::Debug for CsvReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvReader").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl<R: BufRead> CsvReader<R> {
    /// Reads the header and finds the columns.
    pub fn open(reader: R, symbol: Option<Symbol>, options: CsvOptions) -> Result<Self, ReadError> {
        let mut rows = ReaderBuilder::new()
            .has_headers(options.header == Header::FirstRow)
            .delimiter(options.delimiter)
            .trim(Trim::All)
            .from_reader(LineEnds::new(reader));
        let header: Vec<String> = match options.header {
            Header::FirstRow => {
                let first = rows.headers().map_err(no_header)?;
                first.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect()
            }
            Header::Told(names) => names,
        };
        let columns = Columns::find(&header, &options.names, symbol)?;
        Ok(Self { rows, row: StringRecord::new(), columns, time_format: options.time_format })
    }

    /// Reads one row.
    pub fn step(&mut self) -> Result<Step<'_>, ReadError> {
        match self.rows.read_record(&mut self.row) {
            Ok(false) => return Ok(Step::End),
            Ok(true) => {}
            Err(error) => return self.unreadable(error),
        }
        Ok(match self.tick() {
            Ok(tick) => Step::Tick(Recorded { tick, json: None }),
            Err(Cell { column, problem }) => Step::Bad(self.bad(column, problem)),
        })
    }

    fn unreadable(&self, error: csv::Error) -> Result<Step<'static>, ReadError> {
        let problem = match error.into_kind() {
            ErrorKind::Io(error) => return Err(ReadError::Io(error)),
            ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("has {len} columns; the first row has {expected_len}")
            }
            // The other kinds are of writing and of serde.
            _ => "isn't UTF-8 text".to_owned(),
        };
        Ok(Step::Bad(self.bad(None, problem)))
    }

    /// The number of a row is the line that it begins on, which an editor shows.
    fn bad(&self, column: Option<String>, problem: String) -> BadRecord {
        let lines_within = self.row.iter().flat_map(str::bytes).filter(|byte| *byte == b'\n').count();
        let number = self.rows.position().line().saturating_sub(1 + lines_within as u64);
        BadRecord { unit: "row", number, column, problem }
    }

    fn tick(&self) -> Result<Tick<'_>, Cell> {
        let columns = &self.columns;
        let symbol = match &columns.symbol {
            SymbolColumn::Told(symbol) => symbol.as_ref(),
            SymbolColumn::At(column) => self.required(column, |text| {
                SymbolRef::parse(text).map_err(|error| format!("{text:?} is no symbol: {error}"))
            })?,
        };
        let time_us = self
            .required(&columns.time, |text| self.time_format.read(text).map_err(|error| error.to_string()))?;
        let price = self.cell(columns.price.as_ref(), read_price)?;
        let trade = match price {
            Some(price) => Some(Trade { price, size: self.cell(columns.size.as_ref(), read_size)? }),
            None => None,
        };
        let bid = self.side(columns.bid.as_ref(), columns.bid_size.as_ref())?;
        let ask = self.side(columns.ask.as_ref(), columns.ask_size.as_ref())?;
        if trade.is_none() && bid == Side::Keep && ask == Side::Keep {
            return Err(Cell {
                column: None,
                problem: "has neither a price nor a bid nor an ask".to_owned(),
            });
        }
        let venue = self.cell(columns.venue.as_ref(), read_venue)?;
        Ok(Tick { symbol, time_us: Some(time_us), trade, bid, ask, venue })
    }

    fn side(&self, price: Option<&Column>, size: Option<&Column>) -> Result<Side, Cell> {
        if price.and_then(|column| self.row.get(column.index)) == Some("null") {
            return Ok(Side::Clear);
        }
        Ok(match self.cell(price, read_price)? {
            Some(price) => Side::Set { price, size: self.cell(size, read_size)? },
            None => Side::Keep,
        })
    }

    /// What a cell holds; nothing if it's empty, or its column isn't there.
    fn cell<'a, T>(
        &'a self,
        column: Option<&Column>,
        read: impl FnOnce(&'a str) -> Result<T, String>,
    ) -> Result<Option<T>, Cell> {
        let Some(column) = column else { return Ok(None) };
        match self.row.get(column.index) {
            None | Some("") => Ok(None),
            Some(text) => read(text).map(Some).map_err(|problem| Cell::of(column, problem)),
        }
    }

    fn required<'a, T>(
        &'a self,
        column: &Column,
        read: impl FnOnce(&'a str) -> Result<T, String>,
    ) -> Result<T, Cell> {
        let cell = self.cell(Some(column), read)?;
        cell.ok_or_else(|| Cell::of(column, "is empty; every row needs one".to_owned()))
    }
}

fn no_header(error: csv::Error) -> ReadError {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => ReadError::Io(error),
        // The other kinds are of rows, of writing and of serde.
        _ => ReadError::NotTheFormat { format: "CSV", problem: format!("row {line} isn't UTF-8 text") },
    }
}

/// What is wrong in a row, and in which column if it's one.
struct Cell {
    column: Option<String>,
    problem: String,
}

impl Cell {
    fn of(column: &Column, problem: String) -> Self {
        Self { column: Some(column.name.clone()), problem }
    }
}

fn read_price(text: &str) -> Result<Price, String> {
    Price::parse(text).map_err(|error| {
        format!("{text:?} is no price: {error}; allowed is a decimal such as 189.84, of at most 9 decimals")
    })
}

fn read_size(text: &str) -> Result<Size, String> {
    Size::parse(text).map_err(|error| {
        format!("{text:?} is no size: {error}; allowed is a decimal such as 100, of at most 9 decimals")
    })
}

fn read_venue(text: &str) -> Result<&str, String> {
    let is_venue = text.len() <= VENUE_LENGTH_MAX && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_venue {
        Ok(text)
    } else {
        Err(format!("{text:?} is no venue; allowed are 1 to {VENUE_LENGTH_MAX} printable ASCII characters"))
    }
}

#[cfg(test)]
mod tests;
