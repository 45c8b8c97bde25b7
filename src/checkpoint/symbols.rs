//! One symbol as bytes: all that the fold remembers of it.
//!
//! A symbol of one partition, with every field, takes some 90 bytes. What is none is left out; times are told as
//! distances from the symbol's newest record, since most of them are the same.

use super::{
    Refused,
    bytes::{Reader, Writer},
};
use crate::{
    fold::{Kept, NEVER, PARTS_MAX, Part, Parts, Told},
    market::{DayFold, Instrument, Level, Price, Size, State, Symbol, TIME_US_MAX, Trade, Volume},
    publication::Status,
};

/// No symbol takes fewer bytes: a number wherever one must be.
pub(super) const SYMBOL_BYTES_MIN: usize = 10;

/// What there is of a part.
mod has {
    pub(super) const TRADE: u64 = 1;
    pub(super) const TRADE_SIZE: u64 = 1 << 1;
    pub(super) const BID: u64 = 1 << 2;
    pub(super) const BID_SIZE: u64 = 1 << 3;
    pub(super) const BID_TOLD: u64 = 1 << 4;
    pub(super) const ASK: u64 = 1 << 5;
    pub(super) const ASK_SIZE: u64 = 1 << 6;
    pub(super) const ASK_TOLD: u64 = 1 << 7;
    pub(super) const DAY: u64 = 1 << 8;
    pub(super) const VENUE: u64 = 1 << 9;
    pub(super) const TOMBSTONE: u64 = 1 << 10;
    pub(super) const CLOCK: u64 = 1 << 11;
    pub(super) const DELISTED: u64 = 1 << 12;
    pub(super) const GONE: u64 = 1 << 13;
    pub(super) const ALL: u64 = (1 << 14) - 1;
}

/// Appends a symbol.
pub(super) fn write(kept: &Kept, out: &mut Vec<u8>) {
    let mut out = Writer(out);
    out.text(kept.symbol.as_str());
    out.unsigned(kept.ordinal);
    out.unsigned(u64::from(kept.rollovers));
    let parts = kept.parts.all();
    out.unsigned(parts.len() as u64);
    for part in parts {
        write_part(part, &mut out);
    }
}

/// Reads a symbol.
pub(super) fn read(from: &mut Reader<'_>) -> Result<Kept, Refused> {
    let symbol = Symbol::parse(from.text("symbol")?).map_err(|_| Refused::Malformed("symbol"))?;
    let ordinal = from.unsigned("ordinal")?;
    let rollovers =
        u32::try_from(from.unsigned("rollovers")?).map_err(|_| Refused::Malformed("rollovers"))?;
    let count = from.unsigned("number of parts")?;
    if !(1..=PARTS_MAX as u64).contains(&count) {
        return Err(Refused::Malformed("number of parts"));
    }
    let mut parts: Vec<Part> = Vec::new();
    for _ in 0..count {
        let part = read_part(from)?;
        if parts.iter().any(|other| other.partition == part.partition) {
            return Err(Refused::Malformed("partition: it's there twice"));
        }
        parts.push(part);
    }
    Ok(Kept { symbol, ordinal, rollovers, parts: Parts::new(parts) })
}

fn write_part(part: &Part, out: &mut Writer<'_>) {
    let State { trade, bid, ask, day, time_us, venue } = part.instrument.state();
    let told = &part.told;
    out.unsigned(flags(part));
    out.unsigned(u64::from(part.partition.unsigned_abs()));
    out.unsigned(part.next_offset);
    out.signed(part.at_us);
    let since = |out: &mut Writer<'_>, us: i64| out.signed(part.at_us.saturating_sub(us));
    since(out, *time_us);
    out.signed(part.instrument.day_number());
    if let Some(Trade { price, size }) = trade {
        write_level(*price, *size, out);
        since(out, told.trade_us);
    }
    for (level, told_us) in [(bid, told.bid_us), (ask, told.ask_us)] {
        if let Some(Level { price, size }) = level {
            write_level(*price, *size, out);
        }
        if told_us != NEVER {
            since(out, told_us);
        }
    }
    if let Some(day) = day {
        for price in [day.open, day.high, day.low] {
            out.signed(price.units());
        }
        out.wide(day.volume.units().unsigned_abs());
        out.unsigned(day.trades);
        since(out, told.open_us);
    }
    if let Some(venue) = venue {
        out.text(venue);
        since(out, told.venue_us);
    }
    if told.cleared_us != NEVER {
        since(out, told.cleared_us);
    }
}

fn write_level(price: Price, size: Option<Size>, out: &mut Writer<'_>) {
    out.signed(price.units());
    if let Some(size) = size {
        out.unsigned(size.units().unsigned_abs());
    }
}

fn flags(part: &Part) -> u64 {
    let State { trade, bid, ask, day, venue, .. } = part.instrument.state();
    let told = &part.told;
    [
        (has::TRADE, trade.is_some()),
        (has::TRADE_SIZE, trade.is_some_and(|it| it.size.is_some())),
        (has::BID, bid.is_some()),
        (has::BID_SIZE, bid.is_some_and(|it| it.size.is_some())),
        (has::BID_TOLD, told.bid_us != NEVER),
        (has::ASK, ask.is_some()),
        (has::ASK_SIZE, ask.is_some_and(|it| it.size.is_some())),
        (has::ASK_TOLD, told.ask_us != NEVER),
        (has::DAY, day.is_some()),
        (has::VENUE, venue.is_some()),
        (has::TOMBSTONE, told.cleared_us != NEVER),
        (has::CLOCK, part.follows_clock),
        (has::DELISTED, part.status == Status::Delisted),
        (has::GONE, part.is_gone),
    ]
    .into_iter()
    .fold(0, |flags, (flag, is_set)| if is_set { flags | flag } else { flags })
}

fn read_part(from: &mut Reader<'_>) -> Result<Part, Refused> {
    let flags = from.unsigned("flags")?;
    if flags & !has::ALL != 0 {
        return Err(Refused::Malformed("flags"));
    }
    let has = |flag: u64| flags & flag != 0;
    let partition =
        i32::try_from(from.unsigned("partition")?).map_err(|_| Refused::Malformed("partition"))?;
    let next_offset = from.unsigned("offset")?;
    if next_offset == 0 || i64::try_from(next_offset).is_err() {
        return Err(Refused::Malformed("offset"));
    }
    let at_us = time(from.signed("time")?)?;
    let before = |from: &mut Reader<'_>| time(at_us.saturating_sub(from.signed("time")?));
    let mut told = Told::NOTHING;
    let mut state = State { time_us: before(from)?, ..State::default() };
    let day_number = from.signed("day")?;
    if has(has::TRADE) {
        let Level { price, size } = read_level(from, has(has::TRADE_SIZE))?;
        state.trade = Some(Trade { price, size });
        told.trade_us = before(from)?;
    }
    if has(has::BID) {
        state.bid = Some(read_level(from, has(has::BID_SIZE))?);
    }
    if has(has::BID_TOLD) {
        told.bid_us = before(from)?;
    }
    if has(has::ASK) {
        state.ask = Some(read_level(from, has(has::ASK_SIZE))?);
    }
    if has(has::ASK_TOLD) {
        told.ask_us = before(from)?;
    }
    if has(has::DAY) {
        state.day = Some(read_day(from)?);
        told.open_us = before(from)?;
    }
    if has(has::VENUE) {
        state.venue = Some(read_venue(from)?.into());
        told.venue_us = before(from)?;
    }
    if has(has::TOMBSTONE) {
        told.cleared_us = before(from)?;
    }
    Ok(Part {
        partition,
        next_offset,
        at_us,
        status: if has(has::DELISTED) { Status::Delisted } else { Status::Listed },
        is_gone: has(has::GONE),
        follows_clock: has(has::CLOCK),
        instrument: Instrument::new(state, day_number),
        told,
    })
}

fn time(us: i64) -> Result<i64, Refused> {
    if (0..=TIME_US_MAX).contains(&us) { Ok(us) } else { Err(Refused::Malformed("time")) }
}

fn read_level(from: &mut Reader<'_>, has_size: bool) -> Result<Level, Refused> {
    let price = Price::from_units(from.signed("price")?);
    let size = || {
        let units = i64::try_from(from.unsigned("size")?).map_err(|_| Refused::Malformed("size"))?;
        Size::from_units(units).map_err(|_| Refused::Malformed("size"))
    };
    Ok(Level { price, size: has_size.then(size).transpose()? })
}

fn read_day(from: &mut Reader<'_>) -> Result<DayFold, Refused> {
    /// Far above the sizes of a day, and far enough below the type's own limit to go on adding.
    const VOLUME_MAX: u128 = u128::MAX >> 2;
    let mut price = || Ok(Price::from_units(from.signed("price of the day")?));
    let (open, high, low) = (price()?, price()?, price()?);
    let volume = from.wide("volume")?;
    if volume > VOLUME_MAX {
        return Err(Refused::Malformed("volume"));
    }
    let volume = Volume::from_units(volume.cast_signed());
    let trades = from.unsigned("number of trades")?;
    // One more can be added at any time.
    if i64::try_from(trades).is_err() {
        return Err(Refused::Malformed("number of trades"));
    }
    Ok(DayFold { open, high, low, volume, trades })
}

fn read_venue<'a>(from: &mut Reader<'a>) -> Result<&'a str, Refused> {
    let venue = from.text("venue")?;
    let is_venue = (1..=32).contains(&venue.len()) && venue.bytes().all(|byte| byte.is_ascii_graphic());
    if is_venue { Ok(venue) } else { Err(Refused::Malformed("venue")) }
}
