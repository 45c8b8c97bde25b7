//! The fold: what the ticks of one symbol add up to.
//!
//! A state is whole: it says everything that is known about now. That is why replacing an older
//! state by a newer one loses no fact, and why conflation is exact.

use smol_str::SmolStr;

use super::{Price, Side, Size, Tick, Trade, Volume};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// When the trading day begins, as a distance from midnight UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayBoundary {
    offset_us: i64,
}

/// Everything known about one symbol; contract §5.3. What is `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The last trade.
    pub trade: Option<Trade>,
    /// The best bid.
    pub bid: Option<Level>,
    /// The best ask.
    pub ask: Option<Level>,
    /// What the trading day's trades add up to; `None` before its first trade.
    pub day: Option<DayFold>,
    /// Event time of the last tick, in microseconds since the Unix epoch.
    pub time_us: i64,
    /// Where the last tick that told a venue happened.
    pub venue: Option<SmolStr>,
}

/// The best price of one side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// What stands there, if told.
    pub size: Option<Size>,
}

/// The trades of one trading day, folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayFold {
    /// The first price.
    pub open: Price,
    /// The highest price.
    pub high: Price,
    /// The lowest price.
    pub low: Price,
    /// The sizes added up.
    pub volume: Volume,
    /// How many trades there were.
    pub trades: u64,
}

/// One symbol's state and the trading day that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instrument {
    state: State,
    day_number: i64,
}

impl DayBoundary {
    /// A day that begins so many microseconds after midnight UTC; the part beyond whole days is
    /// what counts.
    pub const fn after_midnight_utc(offset_us: i64) -> Self {
        Self { offset_us: offset_us.rem_euclid(DAY_US) }
    }

    /// How many microseconds after midnight UTC the day begins.
    pub const fn offset_us(self) -> i64 {
        self.offset_us
    }

    /// The trading day that a moment lies in, counted from one at the Unix epoch.
    pub const fn day_number(self, time_us: i64) -> i64 {
        (time_us - self.offset_us).div_euclid(DAY_US)
    }

    /// When a trading day begins, in microseconds since the Unix epoch.
    pub const fn begin_us(self, day_number: i64) -> i64 {
        day_number.saturating_mul(DAY_US).saturating_add(self.offset_us)
    }
}

impl Instrument {
    /// A state in this trading day: one that was kept, or that others add up to.
    pub(crate) const fn new(state: State, day_number: i64) -> Self {
        Self { state, day_number }
    }

    /// What is known now.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The trading day that it's in.
    pub const fn day_number(&self) -> i64 {
        self.day_number
    }

    /// Begins a trading day without a tick, if it's a later one. Whether that can be seen: before its first trade a
    /// day looks like any other.
    pub fn begin_day(&mut self, day_number: i64) -> bool {
        if day_number <= self.day_number {
            return false;
        }
        self.day_number = day_number;
        self.state.day.take().is_some()
    }

    /// Folds in one tick that happened at `time_us`, in microseconds since the Unix epoch.
    ///
    /// The log's order is the truth: prices are the last tick's, even if its event time is earlier.
    /// Only the day's fold looks at event times. A tick of a later trading day starts it anew; a
    /// trade of an earlier one, a late report, leaves it alone.
    pub fn fold(&mut self, tick: &Tick<'_>, time_us: i64, boundary: DayBoundary) {
        let day_number = boundary.day_number(time_us);
        self.begin_day(day_number);
        let state = &mut self.state;
        if let Some(trade) = tick.trade {
            state.trade = Some(trade);
            if day_number == self.day_number {
                state.day = Some(state.day.map_or_else(|| DayFold::begin(trade), |day| day.plus(trade)));
            }
        }
        fold_side(&mut state.bid, tick.bid);
        fold_side(&mut state.ask, tick.ask);
        if let Some(venue) = tick.venue
            && state.venue.as_deref() != Some(venue)
        {
            state.venue = Some(venue.into());
        }
        state.time_us = time_us;
    }

    /// Forgets everything: the symbol was delisted.
    pub fn clear(&mut self, time_us: i64) {
        *self = Self { state: State { time_us, ..State::default() }, ..Self::default() };
    }
}

impl DayFold {
    const fn begin(Trade { price, size }: Trade) -> Self {
        Self { open: price, high: price, low: price, volume: volume_of(size), trades: 1 }
    }

    fn plus(self, trade: Trade) -> Self {
        Self {
            open: self.open,
            high: self.high.max(trade.price),
            low: self.low.min(trade.price),
            volume: trade.size.map_or(self.volume, |size| self.volume.plus(size)),
            trades: self.trades + 1,
        }
    }

    /// The same day's trades of which some are in `later`, none of them the day's first.
    #[must_use]
    pub(crate) fn with(self, later: Self) -> Self {
        Self {
            open: self.open,
            high: self.high.max(later.high),
            low: self.low.min(later.low),
            volume: self.volume.with(later.volume),
            trades: self.trades.saturating_add(later.trades),
        }
    }
}

const fn volume_of(size: Option<Size>) -> Volume {
    match size {
        Some(size) => Volume::ZERO.plus(size),
        None => Volume::ZERO,
    }
}

const fn fold_side(level: &mut Option<Level>, side: Side) {
    match side {
        Side::Keep => {}
        Side::Clear => *level = None,
        Side::Set { price, size } => *level = Some(Level { price, size }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::SymbolRef;

    const NOON: i64 = DAY_US / 2;

    fn tick() -> Tick<'static> {
        Tick::new(SymbolRef::parse("A").unwrap())
    }

    fn trade(price: &str, size: &str) -> Tick<'static> {
        let trade = Trade { price: Price::parse(price).unwrap(), size: Some(Size::parse(size).unwrap()) };
        Tick { trade: Some(trade), ..tick() }
    }

    fn folded(ticks: &[(Tick<'_>, i64)], boundary: DayBoundary) -> State {
        let mut instrument = Instrument::default();
        for (tick, time_us) in ticks {
            instrument.fold(tick, *time_us, boundary);
        }
        instrument.state().clone()
    }

    /// `open high low volume trades`
    #[track_caller]
    fn check_day(ticks: &[(Tick<'_>, i64)], boundary: DayBoundary, expected: &str) {
        let day = folded(ticks, boundary).day;
        let text = day.map_or_else(String::new, |day| {
            format!("{} {} {} {} {}", day.open, day.high, day.low, day.volume, day.trades)
        });
        assert_eq!(text, expected);
    }

    #[test]
    fn trades_fold_over_the_day() {
        let ticks = [(trade("10", "1"), NOON), (trade("12", "2"), NOON), (trade("9.5", "0.5"), NOON + 1)];
        check_day(&ticks, DayBoundary::default(), "10 12 9.5 3.5 3");
    }

    #[test]
    fn a_later_day_starts_anew_and_a_late_report_changes_nothing() {
        let ticks =
            [(trade("10", "1"), NOON), (trade("11", "1"), NOON + DAY_US), (trade("99", "5"), NOON + 1)];
        check_day(&ticks, DayBoundary::default(), "11 11 11 1 1");
        assert_eq!(folded(&ticks, DayBoundary::default()).trade, ticks[2].0.trade);
    }

    #[test]
    fn a_quote_of_a_later_day_ends_the_old_day() {
        check_day(&[(trade("10", "1"), NOON), (tick(), NOON + DAY_US)], DayBoundary::default(), "");
    }

    #[test]
    fn the_boundary_moves_the_day() {
        let evening = DayBoundary::after_midnight_utc(22 * 60 * 60 * 1_000_000);
        let before = 21 * 60 * 60 * 1_000_000;
        let after = 23 * 60 * 60 * 1_000_000;
        check_day(&[(trade("10", "1"), before), (trade("11", "1"), after)], evening, "11 11 11 1 1");
        check_day(&[(trade("10", "1"), after), (trade("11", "1"), DAY_US + before)], evening, "10 11 10 2 2");
    }

    #[test]
    fn a_missing_side_stays_and_an_explicit_null_clears() {
        let price = Price::parse("1").unwrap();
        let set = Side::Set { price, size: None };
        let both = Tick { bid: set, ask: set, ..tick() };
        let bid_gone = Tick { bid: Side::Clear, ..tick() };
        let state = folded(&[(both, NOON), (bid_gone, NOON)], DayBoundary::default());
        assert_eq!((state.bid, state.ask), (None, Some(Level { price, size: None })));
    }
}
