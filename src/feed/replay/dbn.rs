//! Databento DBN, versions 1 to 3.
//!
//! Prices there have the unit of ours and sizes are whole, so that nothing is converted. Which
//! records become which ticks is the table of [`DbnReader::step`].

use std::{
    collections::HashMap,
    io::{self, Read},
};

use dbn::{
    BboMsg, Mbp1Msg, OhlcvMsg, Record, RecordRef, Schema, SymbolMappingMsg, TradeMsg, TsSymbolMap,
    UNDEF_ORDER_SIZE, UNDEF_PRICE, UNDEF_TIMESTAMP, VersionUpgradePolicy,
    decode::{DbnDecoder, DbnMetadata},
};

use super::{
    BadRecord, ReadError, Recorded, Step,
    bar::{Bar, BarTicks},
};
use crate::market::{Price, Side, Size, Symbol, SymbolRef, TIME_US_MAX, Tick, Trade};

const SCHEMAS: &str =
    "trades, tbbo, mbp-1, bbo-1s, bbo-1m, ohlcv-1s, ohlcv-1m, ohlcv-1h, ohlcv-1d, ohlcv-eod";

/// Reads the ticks of a DBN file.
pub struct DbnReader<R: Read> {
    decoder: DbnDecoder<Tally<R>>,
    symbols: Symbols,
    /// Records handed out so far.
    records: u64,
    /// Bytes of the metadata and of those records.
    bytes_decoded: u64,
    last_trades: LastTrades,
    bar: Option<BarTicks>,
}

impl<R: Read> std::fmt::Debug for DbnReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DbnReader").field("records", &self.records).finish_non_exhaustive()
    }
}

impl<R: Read> DbnReader<R> {
    /// Reads the metadata: the schema, which must be one that has ticks, and the symbols.
    pub fn open(reader: R, symbol: Option<Symbol>) -> Result<Self, ReadError> {
        let tally = Tally::new(reader);
        // Records of the schemas that are read here are the same in versions 1 to 3, and left as
        // they are their lengths add up to that of the file.
        let decoder = DbnDecoder::with_upgrade_policy(tally, VersionUpgradePolicy::AsIs).map_err(not_dbn)?;
        let metadata = decoder.metadata();
        if let Some(schema) = metadata.schema
            && !has_ticks(schema)
        {
            return Err(ReadError::Schema { schema: schema.as_str(), allowed: SCHEMAS });
        }
        let symbols = match symbol {
            Some(symbol) => Symbols::Fixed(symbol),
            // A live recording tells its symbols by records on the way.
            None if metadata.stype_in.is_none() => Symbols::Mapped(TsSymbolMap::new()),
            None => Symbols::Mapped(
                metadata.symbol_map().map_err(|error| ReadError::Symbology(error.to_string()))?,
            ),
        };
        let bytes_decoded = decoder.get_ref().metadata_bytes();
        Ok(Self { decoder, symbols, records: 0, bytes_decoded, last_trades: HashMap::new(), bar: None })
    }

    /// Reads one record, or hands out the next tick of a bar.
    ///
    /// | record | ticks |
    /// |---|---|
    /// | trade | a trade |
    /// | mbp-1, tbbo | a quote of both sides; the trade as well if the action is one |
    /// | bbo-1s, bbo-1m | a quote of both sides at the interval's end; its last trade as well, once |
    /// | ohlcv | up to four trades: open, the extremes, close with the volume |
    ///
    /// An undefined price is a side that is empty, and clears it.
    pub fn step(&mut self) -> Result<Step<'_>, ReadError> {
        if self.bar.as_ref().is_some_and(|bar| !bar.is_empty()) {
            let tick = self.bar.as_mut().and_then(BarTicks::next).expect("the bar has ticks left");
            return Ok(Step::Tick(Recorded { tick, json: None }));
        }
        let Self { decoder, symbols, records, bytes_decoded, last_trades, bar } = self;
        let record = match decoder.decode_ref() {
            Ok(Some(record)) => record,
            Err(error) => {
                return Err(ReadError::Damaged { record: *records + 1, problem: error.to_string() });
            }
            Ok(None) => return end(&mut self.decoder, *records, *bytes_decoded),
        };
        *records += 1;
        *bytes_decoded += record.record_size() as u64;
        let bad = |problem| BadRecord { unit: "record", number: *records, column: None, problem };
        Ok(match read(record, symbols, last_trades) {
            Ok(Content::Tick(tick)) => Step::Tick(Recorded { tick, json: None }),
            Ok(Content::Bar(new)) => {
                let tick = bar.insert(BarTicks::new(new)).next().expect("a bar has a price");
                Step::Tick(Recorded { tick, json: None })
            }
            Ok(Content::Nothing) => Step::Nothing,
            Err(problem) => Step::Bad(bad(problem)),
        })
    }
}

/// The decoder takes a record that is cut off for the end; the number of bytes tells them apart.
fn end<R: Read>(
    decoder: &mut DbnDecoder<Tally<R>>,
    records: u64,
    bytes_decoded: u64,
) -> Result<Step<'static>, ReadError> {
    if decoder.get_ref().is_cut_off || decoder.get_ref().bytes != bytes_decoded {
        return Err(ReadError::CutOff { record: records + 1 });
    }
    Ok(Step::End)
}

/// The last trade of each instrument that a bbo record told: event time, price, size.
type LastTrades = HashMap<u64, (u64, i64, u32)>;

enum Content<'a> {
    Tick(Tick<'a>),
    Bar(Bar),
    Nothing,
}

fn read<'a>(
    record: RecordRef<'_>,
    symbols: &'a mut Symbols,
    last_trades: &mut LastTrades,
) -> Result<Content<'a>, String> {
    if record.has::<SymbolMappingMsg>() {
        symbols.learn(record).map_err(|error| error.to_string())?;
        return Ok(Content::Nothing);
    }
    let broken = |error: dbn::Error| error.to_string();
    if record.has::<TradeMsg>() {
        let message = record.try_get::<TradeMsg>().map_err(broken)?;
        let tick = base(symbols, message)?;
        let trade = Some(trade(message.price, message.size).ok_or("the trade has no price")?);
        Ok(Content::Tick(Tick { time_us: event_us(message.hd.ts_event, message.ts_recv), trade, ..tick }))
    } else if record.has::<Mbp1Msg>() {
        let message = record.try_get::<Mbp1Msg>().map_err(broken)?;
        Ok(Content::Tick(quote_and_trade(message, base(symbols, message)?)))
    } else if record.has::<BboMsg>() {
        let message = record.try_get::<BboMsg>().map_err(broken)?;
        Ok(Content::Tick(quote_and_last_trade(message, base(symbols, message)?, last_trades)))
    } else if record.has::<OhlcvMsg>() {
        let message = record.try_get::<OhlcvMsg>().map_err(broken)?;
        bar(message, &base(symbols, message)?).map(Content::Bar)
    } else {
        Ok(Content::Nothing)
    }
}

/// Whose tick it is, and where it happened.
fn base<'a, M: Record>(symbols: &'a Symbols, message: &M) -> Result<Tick<'a>, String> {
    let tick = Tick::new(symbols.of(message)?);
    Ok(Tick { venue: message.publisher().ok().map(|publisher| publisher.venue().as_str()), ..tick })
}

fn quote_and_trade<'a>(message: &Mbp1Msg, tick: Tick<'a>) -> Tick<'a> {
    let [level] = &message.levels;
    let is_trade = message.action as u8 == b'T';
    Tick {
        time_us: event_us(message.hd.ts_event, message.ts_recv),
        bid: side(level.bid_px, level.bid_sz),
        ask: side(level.ask_px, level.ask_sz),
        trade: is_trade.then(|| trade(message.price, message.size)).flatten(),
        ..tick
    }
}

/// A bbo record repeats the last trade until there is a newer one; its event time, `ts_event`, is
/// that trade's, and its own is the end of the interval, `ts_recv`.
fn quote_and_last_trade<'a>(message: &BboMsg, tick: Tick<'a>, last_trades: &mut LastTrades) -> Tick<'a> {
    let [level] = &message.levels;
    let told = (message.hd.ts_event, message.price, message.size);
    let is_new = last_trades.insert(message.instrument_id(), told) != Some(told);
    Tick {
        time_us: event_us(message.ts_recv, message.hd.ts_event),
        bid: side(level.bid_px, level.bid_sz),
        ask: side(level.ask_px, level.ask_sz),
        trade: is_new.then(|| trade(message.price, message.size)).flatten(),
        ..tick
    }
}

fn bar(message: &OhlcvMsg, tick: &Tick<'_>) -> Result<Bar, String> {
    let defined = [message.open, message.high, message.low, message.close];
    if defined.contains(&UNDEF_PRICE) {
        return Err("the bar has an undefined price".to_owned());
    }
    let volume = i64::try_from(message.volume).ok().and_then(|volume| Size::from_integer(volume).ok());
    let volume =
        volume.ok_or_else(|| format!("the bar's volume {} is more than 9223372036", message.volume))?;
    let [open, high, low, close] = defined.map(Price::from_units);
    let time_us = event_us(message.hd.ts_event, UNDEF_TIMESTAMP);
    let symbol = tick.symbol.to_symbol();
    // The venue is a static text, which the tick's shorter life hides.
    let venue = message.publisher().ok().map(|publisher| publisher.venue().as_str());
    Ok(Bar { symbol, time_us, open, high, low, close, volume, venue })
}

fn side(price: i64, size: u32) -> Side {
    if price == UNDEF_PRICE {
        Side::Clear
    } else {
        Side::Set { price: Price::from_units(price), size: whole(size) }
    }
}

fn trade(price: i64, size: u32) -> Option<Trade> {
    (price != UNDEF_PRICE).then(|| Trade { price: Price::from_units(price), size: whole(size) })
}

fn whole(size: u32) -> Option<Size> {
    let size = (size != UNDEF_ORDER_SIZE).then_some(i64::from(size))?;
    Some(Size::from_integer(size).expect("32 bits of whole units fit"))
}

/// Nanoseconds to the microsecond they lie in; the second time stands in for a first that is
/// undefined.
fn event_us(first_ns: u64, second_ns: u64) -> Option<i64> {
    let ns = if first_ns == UNDEF_TIMESTAMP { second_ns } else { first_ns };
    let us = (ns != UNDEF_TIMESTAMP).then(|| i64::try_from(ns / 1000).ok()).flatten()?;
    (us <= TIME_US_MAX).then_some(us)
}

fn has_ticks(schema: Schema) -> bool {
    match schema {
        Schema::Trades
        | Schema::Tbbo
        | Schema::Mbp1
        | Schema::Bbo1S
        | Schema::Bbo1M
        | Schema::Ohlcv1S
        | Schema::Ohlcv1M
        | Schema::Ohlcv1H
        | Schema::Ohlcv1D
        | Schema::OhlcvEod => true,
        Schema::Mbo
        | Schema::Mbp10
        | Schema::Definition
        | Schema::Statistics
        | Schema::Status
        | Schema::Imbalance
        | Schema::Cmbp1
        | Schema::Cbbo1S
        | Schema::Cbbo1M
        | Schema::Tcbbo => false,
    }
}

enum Symbols {
    Fixed(Symbol),
    Mapped(TsSymbolMap),
}

impl Symbols {
    fn learn(&mut self, record: RecordRef<'_>) -> dbn::Result<()> {
        match self {
            Self::Fixed(_) => Ok(()),
            Self::Mapped(map) => map.on_record(record),
        }
    }

    fn of<M: Record>(&self, message: &M) -> Result<SymbolRef<'_>, String> {
        use dbn::SymbolIndex as _;
        let map = match self {
            Self::Fixed(symbol) => return Ok(symbol.as_ref()),
            Self::Mapped(map) => map,
        };
        let text = map.get_for_rec(message).ok_or_else(|| {
            let id = message.instrument_id();
            format!("the file's metadata names no symbol for instrument {id} at that date")
        })?;
        SymbolRef::parse(text).map_err(|error| format!("symbol {text:?} {error}"))
    }
}

/// Counts the bytes that the decoder took, and notices when the compressed file is cut off.
struct Tally<R> {
    inner: R,
    bytes: u64,
    is_cut_off: bool,
    prelude: [u8; PRELUDE_BYTES],
}

/// `DBN`, the version, and the length of the metadata that follow.
const PRELUDE_BYTES: usize = 8;

impl<R> Tally<R> {
    const fn new(inner: R) -> Self {
        Self { inner, bytes: 0, is_cut_off: false, prelude: [0; PRELUDE_BYTES] }
    }

    fn metadata_bytes(&self) -> u64 {
        let [.., a, b, c, d] = self.prelude;
        PRELUDE_BYTES as u64 + u64::from(u32::from_le_bytes([a, b, c, d]))
    }
}

impl<R: Read> Read for Tally<R> {
    /// Fills the buffer unless the input ends: the decoder of the metadata needs it whole.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.is_cut_off = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if self.bytes < PRELUDE_BYTES as u64 {
            let rest = &mut self.prelude[self.bytes as usize..];
            let count = rest.len().min(filled);
            rest[..count].copy_from_slice(&buffer[..count]);
        }
        self.bytes += filled as u64;
        Ok(filled)
    }
}

fn not_dbn(error: dbn::Error) -> ReadError {
    let problem = match error {
        dbn::Error::Io { source, .. } if source.kind() != io::ErrorKind::UnexpectedEof => {
            return ReadError::Io(source);
        }
        dbn::Error::Io { .. } => "it ends before its first record".to_owned(),
        other => other.to_string(),
    };
    ReadError::NotTheFormat { format: "a DBN file of version 1 to 3", problem }
}

#[cfg(test)]
mod tests;
