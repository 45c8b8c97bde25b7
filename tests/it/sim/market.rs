//! The log and what it adds up to: its records go through the real fold, and through a second one that is written
//! plainly from contract §3 and §5.3. Of each symbol the second keeps every state there was.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
    sync::Arc,
};

use serde_json::{Value, json};
use tickcast::{
    fold::{Fold, Folded, Record},
    market::DayBoundary,
    publication::{Publication, Status},
};

use super::{
    promise::{Kept, Promise},
    scenario::{Level, LogRecord, Side},
};

/// The epoch of every record.
pub(super) const EPOCH: &str = "e1";

const PARTITIONS: usize = 3;
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Noon of some day, so that a scenario never reaches midnight by itself.
const BEGIN_US: i64 = 19_800 * DAY_US + DAY_US / 2;

/// One state of a symbol.
#[derive(Debug, PartialEq)]
pub(super) struct State {
    pub(super) symbol: u16,
    pub(super) partition: i32,
    pub(super) seq: u64,
    pub(super) ordinal: u64,
    pub(super) rollovers: u32,
    pub(super) listed: bool,
    /// What is known, by the names of the body's fields.
    pub(super) fields: BTreeMap<&'static str, Value>,
}

impl State {
    /// What tells it from the symbol's other states, in their order.
    pub(super) fn stamp(&self) -> (u64, u32) {
        (self.ordinal, self.rollovers)
    }
}

pub(super) struct Market {
    fold: Fold,
    /// How far the log's clock is ahead of the world's.
    ahead_us: i64,
    offsets: [u64; PARTITIONS],
    symbols: Vec<Listing>,
    numbers: HashMap<String, u16>,
}

/// One symbol, whether it has published or not.
#[derive(Debug)]
struct Listing {
    name: String,
    /// All records of it, oldest first.
    log: Vec<Logged>,
    states: Vec<Rc<State>>,
    known: Known,
}

#[derive(Clone, Debug)]
struct Logged {
    offset: u64,
    timestamp_us: i64,
    payload: Option<String>,
}

/// What the records of a symbol add up to; prices in hundredths.
#[derive(Debug, Default)]
struct Known {
    day: i64,
    trade: Option<Level>,
    bid: Option<Level>,
    ask: Option<Level>,
    fold: Option<Day>,
    venue: Option<String>,
    time_us: i64,
    listed: bool,
    ordinal: u64,
    rollovers: u32,
}

#[derive(Clone, Copy, Debug)]
struct Day {
    open: u32,
    high: u32,
    low: u32,
    volume: u64,
    trades: u64,
}

impl Market {
    pub(super) fn new(symbols: u16) -> Self {
        let listing = |number| Listing {
            name: name_of(number),
            log: Vec::new(),
            states: Vec::new(),
            known: Known::default(),
        };
        Self {
            fold: Fold::new(EPOCH.into(), DayBoundary::default(), usize::from(symbols)),
            ahead_us: BEGIN_US,
            offsets: [100, 2000, 30],
            symbols: (0..symbols).map(listing).collect(),
            numbers: (0..symbols).map(|number| (name_of(number), number)).collect(),
        }
    }

    /// The numbers of all symbols that there may be.
    pub(super) fn symbols(&self) -> std::ops::Range<u16> {
        0..u16::try_from(self.symbols.len()).expect("a scenario says how many in 16 bits")
    }

    pub(super) fn name(&self, symbol: u16) -> &str {
        &self.symbols[usize::from(symbol)].name
    }

    pub(super) fn number(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    /// The newest state, if the symbol ever had one.
    pub(super) fn newest(&self, symbol: u16) -> Option<&Rc<State>> {
        self.symbols[usize::from(symbol)].states.last()
    }

    pub(super) fn begin_next_day(&mut self) {
        self.ahead_us += DAY_US;
    }

    /// What ingest does with a batch: folds one record after the other, and hands out the newest state of each symbol
    /// that changed.
    pub(super) fn ingest(&mut self, now_us: u64, records: &[LogRecord]) -> Kept<Vec<Arc<Publication>>> {
        let wall_us = self.ahead_us + i64::try_from(now_us).expect("a scenario is short");
        let mut changed = BTreeMap::new();
        for record in records {
            if let Some(symbol) = self.log(record, wall_us)? {
                changed.insert(symbol, ());
            }
        }
        let mut publications = Vec::new();
        self.fold.publish(wall_us, |publication| publications.push(publication));
        for publication in &publications {
            let symbol = self.number(publication.symbol.as_str());
            let newest = symbol.filter(|symbol| changed.remove(symbol).is_some());
            let newest = newest.and_then(|symbol| self.newest(symbol));
            let is_right = newest.is_some_and(|newest| is_of(publication, newest));
            Promise::Fold.check(is_right, || format!("{publication:?} isn't {newest:?}"))?;
        }
        Promise::Fold.check(changed.is_empty(), || format!("{changed:?} changed and weren't handed out"))?;
        Ok(publications)
    }

    /// Appends a record to the log, or takes an old one, and folds it. Answers which symbol changed.
    fn log(&mut self, record: &LogRecord, wall_us: i64) -> Kept<Option<u16>> {
        let (symbol, payload) = match record {
            LogRecord::Tick { symbol, trade, bid, ask, venue } => {
                let venue = venue.as_deref();
                (*symbol, Some(payload(&name_of(*symbol), *trade, *bid, *ask, venue, wall_us)))
            }
            LogRecord::Late { symbol, trade } => {
                let (bid, ask) = (Side::Keep, Side::Keep);
                (*symbol, Some(payload(&name_of(*symbol), Some(*trade), bid, ask, None, wall_us - DAY_US)))
            }
            LogRecord::Tombstone { symbol } => (*symbol, None),
            LogRecord::Repeated { symbol } => {
                let Some(listing) = self.symbols.get(usize::from(*symbol)) else { return Ok(None) };
                let Some(Logged { payload: Some(payload), .. }) = listing.log.last() else { return Ok(None) };
                (*symbol, Some(payload.clone()))
            }
            LogRecord::Redelivered { symbol, back } => return self.redeliver(*symbol, *back),
        };
        let at = usize::from(symbol);
        let Some(listing) = self.symbols.get_mut(at) else { return Ok(None) };
        let offset = self.offsets[at % PARTITIONS];
        self.offsets[at % PARTITIONS] += 1;
        let logged = Logged { offset, timestamp_us: wall_us, payload };
        let partition = partition_of(symbol);
        let folded = apply(&mut self.fold, partition, &listing.name, &logged)?;
        let expected = if logged.payload.is_none() && !listing.known.listed {
            "Ignored"
        } else {
            listing.known.take(&logged);
            listing.states.push(Rc::new(listing.known.state(&listing.name, symbol, offset)));
            "Changed"
        };
        let is_right = format!("{folded:?}").starts_with(expected);
        Promise::Fold.check(is_right, || format!("{logged:?} is {folded:?}, not {expected}"))?;
        listing.log.push(logged);
        Ok((expected == "Changed").then_some(symbol))
    }

    fn redeliver(&mut self, symbol: u16, back: u8) -> Kept<Option<u16>> {
        let Some(listing) = self.symbols.get(usize::from(symbol)) else { return Ok(None) };
        let Some(logged) = listing.log.iter().rev().nth(usize::from(back)) else { return Ok(None) };
        // A tombstone that changed nothing the first time moves nobody's place in the log.
        if listing.states.is_empty() || logged.offset > listing.states[listing.states.len() - 1].seq {
            return Ok(None);
        }
        let folded = apply(&mut self.fold, partition_of(symbol), &listing.name, logged)?;
        let is_right = matches!(folded, Folded::Stale | Folded::Ignored);
        Promise::Fold.check(is_right, || format!("{logged:?} came again and is {folded:?}")).map(|()| None)
    }
}

/// Letters and numbers, so that there are prefixes, and some that have to be escaped.
pub(super) fn name_of(symbol: u16) -> String {
    let (letter, number) = (symbol % 5, symbol / 5);
    match letter {
        4 => format!("E:{number}"),
        letter => format!("{}{number}", ["A", "B", "C", "D"][usize::from(letter)]),
    }
}

fn partition_of(symbol: u16) -> i32 {
    i32::try_from(usize::from(symbol) % PARTITIONS).expect("there are few")
}

fn apply(fold: &mut Fold, partition: i32, name: &str, logged: &Logged) -> Kept<Folded> {
    let record = Record {
        partition,
        offset: logged.offset,
        timestamp_us: logged.timestamp_us,
        key: Some(name.as_bytes()),
        value: logged.payload.as_ref().map(String::as_bytes),
        content_type: None,
    };
    fold.apply(&record)
        .or_else(|rejection| Promise::Fold.broken(format!("{logged:?} is refused: {rejection}")))
}

fn is_of(publication: &Publication, state: &State) -> bool {
    let status = if state.listed { Status::Listed } else { Status::Delisted };
    let said = (publication.partition, publication.seq, publication.ordinal, publication.rollovers);
    said == (state.partition, state.seq, state.ordinal, state.rollovers) && publication.status == status
}

fn payload(
    name: &str,
    trade: Option<Level>,
    bid: Side,
    ask: Side,
    venue: Option<&str>,
    time_us: i64,
) -> String {
    let mut fields = vec![("symbol", json!(name)), ("time_us", json!(time_us))];
    let sides = [("price", "size", trade.map_or(Side::Keep, Side::Set)), ("bid", "bid_size", bid)];
    for (price, size, side) in sides.into_iter().chain([("ask", "ask_size", ask)]) {
        match side {
            Side::Keep => {}
            Side::Clear => fields.push((price, Value::Null)),
            Side::Set(level) => {
                fields.push((price, money(level.price)));
                fields.extend(level.size.map(|units| (size, json!(units))));
            }
        }
    }
    fields.extend(venue.map(|venue| ("venue", json!(venue))));
    let fields: serde_json::Map<_, _> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Object(fields).to_string()
}

/// A price as it stands in JSON.
fn money(hundredths: u32) -> Value {
    let (whole, part) = (hundredths / 100, hundredths % 100);
    let text = match part {
        0 => whole.to_string(),
        part if part % 10 == 0 => format!("{whole}.{}", part / 10),
        part => format!("{whole}.{part:02}"),
    };
    text.parse().expect("it's a number")
}

impl Known {
    /// Folds a record in. Of a tick the payload is read back, so that whatever is said of it is said once.
    fn take(&mut self, logged: &Logged) {
        self.ordinal += 1;
        let Some(payload) = &logged.payload else {
            let (ordinal, rollovers) = (self.ordinal, self.rollovers);
            *self = Self { ordinal, rollovers, time_us: logged.timestamp_us, ..Self::default() };
            return;
        };
        let tick: Value = payload.parse().expect("it was written as JSON");
        self.listed = true;
        self.time_us = tick["time_us"].as_i64().expect("each tick has its time");
        let day = self.time_us.div_euclid(DAY_US);
        if day > self.day {
            self.day = day;
            self.fold = None;
        }
        if let Some(trade) = level(&tick, "price", "size").flatten() {
            self.trade = Some(trade);
            if day == self.day {
                self.fold = Some(Day::plus(self.fold, trade));
            }
        }
        self.bid = level(&tick, "bid", "bid_size").unwrap_or(self.bid);
        self.ask = level(&tick, "ask", "ask_size").unwrap_or(self.ask);
        if let Some(venue) = tick["venue"].as_str() {
            self.venue = Some(venue.to_owned());
        }
    }

    fn state(&self, name: &str, symbol: u16, seq: u64) -> State {
        let mut fields = BTreeMap::from([("symbol", json!(name)), ("time_us", json!(self.time_us))]);
        let levels =
            [("price", "size", self.trade), ("bid", "bid_size", self.bid), ("ask", "ask_size", self.ask)];
        for (price, size, level) in levels {
            fields.extend(level.map(|level| (price, money(level.price))));
            fields.extend(level.and_then(|level| level.size).map(|units| (size, json!(units))));
        }
        if let Some(day) = self.fold {
            let prices = [("open", day.open), ("high", day.high), ("low", day.low)];
            fields.extend(prices.map(|(name, price)| (name, money(price))));
            fields.extend([("volume", json!(day.volume)), ("trades", json!(day.trades))]);
        }
        fields.extend(self.venue.as_ref().map(|venue| ("venue", json!(venue))));
        let (ordinal, rollovers, listed) = (self.ordinal, self.rollovers, self.listed);
        State { symbol, partition: partition_of(symbol), seq, ordinal, rollovers, listed, fields }
    }
}

impl Day {
    fn plus(before: Option<Self>, trade: Level) -> Self {
        let size = u64::from(trade.size.unwrap_or(0));
        let Level { price, .. } = trade;
        match before {
            None => Self { open: price, high: price, low: price, volume: size, trades: 1 },
            Some(day) => Self {
                open: day.open,
                high: day.high.max(price),
                low: day.low.min(price),
                volume: day.volume + size,
                trades: day.trades + 1,
            },
        }
    }
}

/// What a tick says of one side: nothing, that it's empty, or what stands there.
fn level(tick: &Value, price: &str, size: &str) -> Option<Option<Level>> {
    let price = match tick.get(price)? {
        Value::Null => return Some(None),
        price => (price.as_f64().expect("prices are numbers") * 100.0).round() as u32,
    };
    let size = tick[size].as_u64().map(|size| u32::try_from(size).expect("sizes are written in 32 bits"));
    Some(Some(Level { price, size }))
}
