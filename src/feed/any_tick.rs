//! Ticks for property tests: whatever a producer may say.

use proptest::{option, prelude::*};

use crate::market::{Price, Side, Size, SymbolRef, TIME_US_MAX, Tick, Trade};

/// A tick with its texts.
#[derive(Clone, Debug)]
pub(crate) struct AnyTick {
    symbol: String,
    time_us: Option<i64>,
    trade: Option<Trade>,
    bid: Side,
    ask: Side,
    venue: Option<String>,
}

impl AnyTick {
    pub(crate) fn tick(&self) -> Tick<'_> {
        Tick {
            symbol: SymbolRef::parse(&self.symbol).unwrap(),
            time_us: self.time_us,
            trade: self.trade,
            bid: self.bid,
            ask: self.ask,
            venue: self.venue.as_deref(),
        }
    }
}

/// Any tick that says something.
pub(crate) fn any_tick() -> impl Strategy<Value = AnyTick> {
    let trade = option::of(sized_price().prop_map(|(price, size)| Trade { price, size }));
    (
        "[A-Za-z0-9._/:^=-]{1,32}",
        option::of(0..=TIME_US_MAX),
        trade,
        any_side(),
        any_side(),
        option::of("[!-~]{1,32}"),
    )
        .prop_map(|(symbol, time_us, trade, bid, ask, venue)| AnyTick {
            symbol,
            time_us,
            trade,
            bid,
            ask,
            venue,
        })
        .prop_filter("it says something", |tick| {
            tick.trade.is_some() || tick.bid != Side::Keep || tick.ask != Side::Keep
        })
}

fn sized_price() -> impl Strategy<Value = (Price, Option<Size>)> {
    let size = (0..=i64::MAX).prop_map(|units| Size::from_units(units).unwrap());
    (any::<i64>().prop_map(Price::from_units), option::of(size))
}

fn any_side() -> impl Strategy<Value = Side> {
    prop_oneof![
        Just(Side::Keep),
        Just(Side::Clear),
        sized_price().prop_map(|(price, size)| Side::Set { price, size }),
    ]
}
