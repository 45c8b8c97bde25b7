//! Records the samples in `feeds/` from the simulator, with their answers.
//!
//! `cargo run --example record_samples` writes the same files each time: the seed is fixed, and the
//! market's time is a told one. The answers are folded from the simulator's ticks, not read back
//! from the files, so that a test which replays a file compares two ways.

use std::{collections::BTreeMap, error::Error, fs, io::Write as _, num::NonZeroU64, path::Path};

use dbn::{
    BidAskPair, FlagSet, MappingInterval, Mbp1Msg, Metadata, Publisher, RecordHeader, SType, Schema,
    SymbolMapping, TradeMsg, UNDEF_PRICE,
    encode::{DbnEncodable, DbnEncoder, EncodeRecord},
    rtype,
};
use jiff::Timestamp;
use tickcast::{
    feed::{
        json,
        simulate::{Market, MarketConfig, Names},
    },
    market::{Price, Side, Size, Symbol, Tick, Trade, UNITS_PER_ONE},
};

/// 2024-07-01 13:30 UTC.
const START_US: i64 = 1_719_840_600_000_000;

/// Twenty ticks a second, at times that are no whole milliseconds.
const STEP_US: i64 = 50_021;

const SYMBOLS: usize = 8;
const SEED: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let feeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("feeds");
    let ticks = record(2000);
    let quotes = ticks.iter().filter(|tick| tick.bid != Side::Keep);
    let trades = ticks.iter().filter(|tick| tick.trade.is_some());
    let mut answers = String::from("file,symbol,ticks,time_us,price,size,bid,bid_size,ask,ask_size\n");

    let records: Vec<_> = trades.map(trade_record).collect();
    write_dbn(&feeds.join("sample-trades.dbn.zst"), Schema::Trades, &records)?;
    answer("sample-trades.dbn.zst", ticks.iter().filter_map(only_trade), &mut answers);

    let mut book = BTreeMap::new();
    let records: Vec<_> = ticks.iter().map(|tick| top_record(tick, &mut book)).collect();
    write_dbn(&feeds.join("sample-mbp-1.dbn.zst"), Schema::Mbp1, &records)?;
    answer("sample-mbp-1.dbn.zst", ticks.iter().cloned(), &mut answers);

    let only_quotes: Vec<_> = quotes.map(|tick| Recorded { trade: None, ..tick.clone() }).collect();
    write_csv(&feeds.join("sample-quotes.csv"), &only_quotes)?;
    answer("sample-quotes.csv", only_quotes.into_iter(), &mut answers);

    write_ndjson(&feeds.join("sample-ticks.ndjson"), &ticks[..1000])?;
    answer("sample-ticks.ndjson", ticks[..1000].iter().cloned(), &mut answers);

    fs::write(feeds.join("sample-answers.csv"), answers)?;
    Ok(())
}

/// A tick that owns its symbol.
#[derive(Clone, Debug)]
struct Recorded {
    symbol: Symbol,
    time_us: i64,
    trade: Option<Trade>,
    bid: Side,
    ask: Side,
}

fn record(count: i64) -> Vec<Recorded> {
    let config = MarketConfig { symbols: SYMBOLS, names: Names::Listed, seed: SEED };
    let mut market = Market::new(config, START_US);
    (0..count)
        .map(|number| {
            let time_us = START_US + number * STEP_US;
            let Tick { symbol, trade, bid, ask, .. } = market.next(time_us);
            Recorded { symbol: symbol.to_symbol(), time_us, trade, bid, ask }
        })
        .collect()
}

fn only_trade(tick: &Recorded) -> Option<Recorded> {
    tick.trade.map(|_| Recorded { bid: Side::Keep, ask: Side::Keep, ..tick.clone() })
}

/// Folds the ticks and appends a row for each symbol.
fn answer(file: &str, ticks: impl Iterator<Item = Recorded>, answers: &mut String) {
    #[derive(Default)]
    struct Last {
        ticks: u64,
        time_us: i64,
        trade: Option<Trade>,
        bid: Side,
        ask: Side,
    }
    let mut lasts: BTreeMap<Symbol, Last> = BTreeMap::new();
    for tick in ticks {
        let last = lasts.entry(tick.symbol).or_default();
        last.ticks += 1;
        last.time_us = tick.time_us;
        last.trade = tick.trade.or(last.trade);
        last.bid = if tick.bid == Side::Keep { last.bid } else { tick.bid };
        last.ask = if tick.ask == Side::Keep { last.ask } else { tick.ask };
    }
    for (symbol, last) in lasts {
        let (price, size) = last.trade.map_or_else(Default::default, |trade| cells(trade.price, trade.size));
        let (bid, bid_size) = side_cells(last.bid);
        let (ask, ask_size) = side_cells(last.ask);
        let Last { ticks, time_us, .. } = last;
        answers.push_str(&format!(
            "{file},{symbol},{ticks},{time_us},{price},{size},{bid},{bid_size},{ask},{ask_size}\n"
        ));
    }
}

fn cells(price: Price, size: Option<Size>) -> (String, String) {
    (price.to_string(), size.map_or_else(String::new, |size| size.to_string()))
}

fn side_cells(side: Side) -> (String, String) {
    match side {
        Side::Set { price, size } => cells(price, size),
        Side::Keep | Side::Clear => Default::default(),
    }
}

fn write_csv(path: &Path, ticks: &[Recorded]) -> Result<(), Box<dyn Error>> {
    let mut csv = String::from("time,symbol,bid,bid_size,ask,ask_size\n");
    for tick in ticks {
        let time = Timestamp::from_microsecond(tick.time_us)?;
        let (bid, bid_size) = side_cells(tick.bid);
        let (ask, ask_size) = side_cells(tick.ask);
        csv.push_str(&format!("{time:.6},{},{bid},{bid_size},{ask},{ask_size}\n", tick.symbol));
    }
    Ok(fs::write(path, csv)?)
}

fn write_ndjson(path: &Path, ticks: &[Recorded]) -> Result<(), Box<dyn Error>> {
    let mut lines = Vec::new();
    for recorded in ticks {
        let Recorded { symbol, time_us, trade, bid, ask } = recorded;
        let tick = Tick {
            time_us: Some(*time_us),
            trade: *trade,
            bid: *bid,
            ask: *ask,
            venue: Some("XNAS"),
            ..Tick::new(symbol.as_ref())
        };
        json::encode(&tick, &mut lines);
        lines.write_all(b"\n")?;
    }
    Ok(fs::write(path, lines)?)
}

fn write_dbn<T: DbnEncodable>(path: &Path, schema: Schema, records: &[T]) -> Result<(), Box<dyn Error>> {
    let day = |day| time::Date::from_calendar_date(2024, time::Month::July, day);
    let mut mappings = Vec::new();
    for symbol in symbols() {
        let interval = MappingInterval {
            start_date: day(1)?,
            end_date: day(2)?,
            symbol: instrument_id(&symbol).to_string(),
        };
        mappings.push(SymbolMapping { raw_symbol: symbol.as_str().to_owned(), intervals: vec![interval] });
    }
    let metadata = Metadata::builder()
        .dataset("XNAS.ITCH")
        .schema(Some(schema))
        .start(nanos(START_US))
        .end(NonZeroU64::new(nanos(START_US + 86_400_000_000)))
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .symbols(symbols().iter().map(|symbol| symbol.as_str().to_owned()).collect())
        .mappings(mappings)
        .build();
    let mut encoder = DbnEncoder::with_zstd(fs::File::create(path)?, &metadata)?;
    encoder.encode_records(records)?;
    encoder.flush()?;
    Ok(())
}

fn symbols() -> Vec<Symbol> {
    let list = tickcast::feed::symbol_list::symbol_list();
    list.symbols()[..SYMBOLS].iter().map(|listed| listed.symbol.clone()).collect()
}

fn instrument_id(symbol: &Symbol) -> u32 {
    let place = symbols().iter().position(|listed| listed == symbol);
    1001 + u32::try_from(place.expect("only listed symbols are simulated")).expect("there are eight")
}

fn header<T: dbn::HasRType<Header = RecordHeader>>(rtype: u8, tick: &Recorded) -> RecordHeader {
    let publisher = Publisher::XnasItchXnas as u16;
    // Somewhere within the microsecond, as recorded data is.
    RecordHeader::new::<T>(rtype, publisher, instrument_id(&tick.symbol), nanos(tick.time_us) + 789)
}

fn trade_record(tick: &Recorded) -> TradeMsg {
    let trade = tick.trade.expect("only trades are recorded as such");
    TradeMsg {
        hd: header::<TradeMsg>(rtype::MBP_0, tick),
        price: trade.price.units(),
        size: shares(trade.size),
        action: b'T' as _,
        side: b'N' as _,
        flags: FlagSet::empty().set_last(),
        ts_recv: nanos(tick.time_us) + 170_789,
        ..TradeMsg::default()
    }
}

/// The top of the book as it stands at the tick, and the trade if it is one.
fn top_record(tick: &Recorded, book: &mut BTreeMap<Symbol, (Side, Side)>) -> Mbp1Msg {
    let (bid, ask) = book.entry(tick.symbol.clone()).or_default();
    *bid = if tick.bid == Side::Keep { *bid } else { tick.bid };
    *ask = if tick.ask == Side::Keep { *ask } else { tick.ask };
    let (bid_px, bid_sz) = level(*bid);
    let (ask_px, ask_sz) = level(*ask);
    let (action, price, size) = match tick.trade {
        Some(trade) => (b'T', trade.price.units(), shares(trade.size)),
        None => (b'A', bid_px, bid_sz),
    };
    Mbp1Msg {
        hd: header::<Mbp1Msg>(rtype::MBP_1, tick),
        price,
        size,
        action: action as _,
        side: b'N' as _,
        flags: FlagSet::empty().set_last(),
        ts_recv: nanos(tick.time_us) + 170_789,
        levels: [BidAskPair { bid_px, ask_px, bid_sz, ask_sz, bid_ct: 1, ask_ct: 1 }],
        ..Mbp1Msg::default()
    }
}

fn level(side: Side) -> (i64, u32) {
    match side {
        Side::Set { price, size } => (price.units(), shares(size)),
        Side::Keep | Side::Clear => (UNDEF_PRICE, 0),
    }
}

fn shares(size: Option<Size>) -> u32 {
    let units = size.expect("the simulator tells sizes").units();
    u32::try_from(units / UNITS_PER_ONE).expect("the simulator's sizes are a few lots")
}

fn nanos(time_us: i64) -> u64 {
    u64::try_from(time_us).expect("samples are recorded after 1970") * 1000
}
