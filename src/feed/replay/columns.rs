//! Which column of a table holds what.

use super::ReadError;
use crate::market::Symbol;

/// The names of columns that were told. What isn't told is looked for by its usual names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnNames {
    /// The event time.
    pub time: Option<String>,
    /// The symbol.
    pub symbol: Option<String>,
    /// The price of a trade.
    pub price: Option<String>,
    /// The size of a trade.
    pub size: Option<String>,
    /// The best bid.
    pub bid: Option<String>,
    /// Its size.
    pub bid_size: Option<String>,
    /// The best ask.
    pub ask: Option<String>,
    /// Its size.
    pub ask_size: Option<String>,
    /// Where it happened.
    pub venue: Option<String>,
}

/// Where the names of the columns stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// In the file's first row.
    #[default]
    FirstRow,
    /// Not in the file: these are they, in order.
    Told(Vec<String>),
}

/// A column: its place in a row, and its name for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) index: usize,
    pub(super) name: String,
}

/// Whose ticks a table tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SymbolColumn {
    /// One symbol's, which was told.
    Told(Symbol),
    /// A column names the symbol.
    At(Column),
}

/// The columns of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) time: Column,
    pub(super) symbol: SymbolColumn,
    pub(super) price: Option<Column>,
    pub(super) size: Option<Column>,
    pub(super) bid: Option<Column>,
    pub(super) bid_size: Option<Column>,
    pub(super) ask: Option<Column>,
    pub(super) ask_size: Option<Column>,
    pub(super) venue: Option<Column>,
}

const TIME: &[&str] =
    &["time", "timestamp", "datetime", "date_time", "ts", "ts_event", "time_us", "event_time"];
const SYMBOL: &[&str] = &["symbol", "ticker", "instrument", "sym", "pair"];
const PRICE: &[&str] = &["price", "last", "last_price", "trade_price"];
const SIZE: &[&str] = &["size", "quantity", "qty", "volume", "amount", "trade_size"];
const BID: &[&str] = &["bid", "bid_price", "bid_px", "best_bid"];
const BID_SIZE: &[&str] = &["bid_size", "bid_sz", "bid_qty", "bid_quantity", "bid_volume"];
const ASK: &[&str] = &["ask", "ask_price", "ask_px", "best_ask", "offer"];
const ASK_SIZE: &[&str] = &["ask_size", "ask_sz", "ask_qty", "ask_quantity", "ask_volume", "offer_size"];
const VENUE: &[&str] = &["venue", "exchange", "mic"];

impl Columns {
    /// Finds each column by its told name, which must be there, or by its usual names, upper or
    /// lower case. A told symbol wins over a column of symbols.
    pub(super) fn find(
        header: &[String],
        names: &ColumnNames,
        symbol: Option<Symbol>,
    ) -> Result<Self, ReadError> {
        let missing = |problem: &str| ReadError::Columns { problem: problem.to_owned(), found: list(header) };
        let find = |told: Option<&str>, usual: &[&str], flag: &str| find(header, told, usual, flag);
        let time = find(names.time.as_deref(), TIME, "--time-column")?
            .ok_or_else(|| missing("has no column of times: name it time, or tell it with --time-column"))?;
        let symbol = match symbol {
            Some(symbol) => SymbolColumn::Told(symbol),
            None => find(names.symbol.as_deref(), SYMBOL, "--symbol-column")?
                .map(SymbolColumn::At)
                .ok_or_else(|| missing(NO_SYMBOL))?,
        };
        let columns = Self {
            time,
            symbol,
            price: find(names.price.as_deref(), PRICE, "--price-column")?,
            size: find(names.size.as_deref(), SIZE, "--size-column")?,
            bid: find(names.bid.as_deref(), BID, "--bid-column")?,
            bid_size: find(names.bid_size.as_deref(), BID_SIZE, "--bid-size-column")?,
            ask: find(names.ask.as_deref(), ASK, "--ask-column")?,
            ask_size: find(names.ask_size.as_deref(), ASK_SIZE, "--ask-size-column")?,
            venue: find(names.venue.as_deref(), VENUE, "--venue-column")?,
        };
        if columns.price.is_none() && columns.bid.is_none() && columns.ask.is_none() {
            return Err(missing(NO_PRICE));
        }
        Ok(columns)
    }
}

const NO_SYMBOL: &str = "has no column of symbols: name it symbol, tell it with --symbol-column, \
    or tell the one symbol with --symbol";

const NO_PRICE: &str = "has no column of prices: name it price (trades) or bid and ask (quotes), or tell it with \
    --price-column, --bid-column or --ask-column; for a file without a header tell its columns with --columns";

fn find(
    header: &[String],
    told: Option<&str>,
    usual: &[&str],
    flag: &str,
) -> Result<Option<Column>, ReadError> {
    let column = |index: usize| Column { index, name: header[index].clone() };
    if let Some(told) = told {
        return match header.iter().position(|name| name == told) {
            Some(index) => Ok(Some(column(index))),
            None => Err(ReadError::Columns {
                problem: format!("has no column {told:?}, which {flag} tells"),
                found: list(header),
            }),
        };
    }
    // The first of the usual names that is there, so that `price` wins over `last`.
    let named = |usual: &&str| header.iter().position(|name| name.eq_ignore_ascii_case(usual));
    Ok(usual.iter().find_map(named).map(column))
}

fn list(header: &[String]) -> String {
    if header.is_empty() { "none".to_owned() } else { header.join(", ") }
}
