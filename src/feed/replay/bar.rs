//! A bar as the ticks that fold into it.
//!
//! A bar tells four prices and a volume, not the trades between. It becomes trades at its open, its
//! two extremes and its close, of which the close carries the whole volume: so the day's open,
//! high, low, last price and volume come out exact, and only the number of trades isn't known. Of
//! the extremes the one against the bar's direction comes first, and a price that equals the one
//! before it isn't repeated, so a flat bar is one trade.

use crate::market::{Price, Size, Symbol, Tick, Trade};

/// One bar as it was recorded.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) symbol: Symbol,
    pub(super) time_us: Option<i64>,
    pub(super) open: Price,
    pub(super) high: Price,
    pub(super) low: Price,
    pub(super) close: Price,
    pub(super) volume: Size,
    pub(super) venue: Option<&'static str>,
}

/// The ticks of a bar that are still to be handed out.
#[derive(Clone, Debug)]
pub(super) struct BarTicks {
    bar: Bar,
    /// Prices in reverse order; the first is the close.
    prices: Vec<Price>,
}

impl BarTicks {
    pub(super) fn new(bar: Bar) -> Self {
        let (first, second) = if bar.close >= bar.open { (bar.low, bar.high) } else { (bar.high, bar.low) };
        let mut prices = vec![bar.close, second, first, bar.open];
        prices.dedup();
        Self { bar, prices }
    }

    /// The next tick; the one that leaves no more carries the volume.
    pub(super) fn next(&mut self) -> Option<Tick<'_>> {
        let price = self.prices.pop()?;
        let size = self.prices.is_empty().then_some(self.bar.volume);
        Some(Tick {
            time_us: self.bar.time_us,
            trade: Some(Trade { price, size }),
            venue: self.bar.venue,
            ..Tick::new(self.bar.symbol.as_ref())
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check([open, high, low, close]: [i64; 4], expected: &[(i64, Option<i64>)]) {
        let bar = Bar {
            symbol: Symbol::parse("ESU4").unwrap(),
            time_us: Some(7),
            open: Price::from_units(open),
            high: Price::from_units(high),
            low: Price::from_units(low),
            close: Price::from_units(close),
            volume: Size::from_units(55).unwrap(),
            venue: Some("GLBX"),
        };
        let mut ticks = BarTicks::new(bar);
        let mut seen = Vec::new();
        while let Some(tick) = ticks.next() {
            let trade = tick.trade.unwrap();
            seen.push((trade.price.units(), trade.size.map(Size::units)));
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_bar_is_trades_at_its_open_extremes_and_close() {
        check([10, 14, 9, 12], &[(10, None), (9, None), (14, None), (12, Some(55))]);
        check([12, 14, 9, 10], &[(12, None), (14, None), (9, None), (10, Some(55))]);
    }

    #[test]
    fn prices_that_coincide_are_one_trade() {
        check([10, 10, 10, 10], &[(10, Some(55))]);
        check([10, 14, 10, 14], &[(10, None), (14, Some(55))]);
        check([10, 14, 10, 12], &[(10, None), (14, None), (12, Some(55))]);
    }
}
