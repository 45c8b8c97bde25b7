//! What the records of a symbol add up to, written plainly from contract §3 and §5.3: a second fold beside the real one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::scenario::{Level, Side};

pub(super) const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// A tick whose event time is nearer to its record's than this came when it happened.
const MOMENT_US: u64 = 60 * 60 * 1_000_000;

/// One state of a symbol.
#[derive(Debug, PartialEq)]
pub(super) struct State {
    pub(super) symbol: u16,
    /// Its number among all states of all symbols, in the log's order.
    pub(super) number: u64,
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

/// What the records of a symbol add up to; prices in hundredths.
#[derive(Debug, Default)]
pub(super) struct Known {
    day: i64,
    trade: Option<Level>,
    bid: Option<Level>,
    ask: Option<Level>,
    fold: Option<Day>,
    venue: Option<String>,
    time_us: i64,
    pub(super) listed: bool,
    ordinal: u64,
    /// Since the newest record.
    rollovers: u32,
    /// A tick of it came when it happened: its days begin by the clock.
    follows_clock: bool,
    /// The day that the clock is in, as far as ingest has looked.
    pub(super) today: i64,
}

#[derive(Clone, Copy, Debug)]
struct Day {
    open: u32,
    high: u32,
    low: u32,
    volume: u64,
    trades: u64,
}

pub(super) fn payload(
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
    pub(super) fn take(&mut self, payload: Option<&str>, timestamp_us: i64) {
        self.ordinal += 1;
        self.rollovers = 0;
        let Some(payload) = payload else {
            let (ordinal, today) = (self.ordinal, self.today);
            *self = Self { ordinal, today, time_us: timestamp_us, ..Self::default() };
            return;
        };
        let tick: Value = payload.parse().expect("it was written as JSON");
        self.listed = true;
        self.time_us = tick["time_us"].as_i64().expect("each tick has its time");
        let day = self.time_us.div_euclid(DAY_US);
        self.begin_day(day);
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
        self.follows_clock |= self.time_us.abs_diff(timestamp_us) <= MOMENT_US;
        if self.follows_clock {
            self.begin_day(self.today);
        }
    }

    /// The clock has come to this day. Whether that can be seen.
    pub(super) fn roll_over(&mut self, today: i64) -> bool {
        let had_trades = self.fold.is_some();
        if self.follows_clock {
            self.begin_day(today);
        }
        let is_seen = had_trades && self.fold.is_none();
        self.rollovers += u32::from(is_seen);
        is_seen
    }

    fn begin_day(&mut self, day: i64) {
        if day > self.day {
            self.day = day;
            self.fold = None;
        }
    }

    /// The state after the record at `seq`, with its number.
    pub(super) fn state(&self, name: &str, (symbol, partition): (u16, i32), seq: u64, number: u64) -> State {
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
        State { symbol, number, partition, seq, ordinal, rollovers, listed, fields }
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
