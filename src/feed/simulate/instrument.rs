//! One simulated stock: its walk, its quote and its trades.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{
    REVERSION_S, grid,
    walk::{Walk, WalkKind},
};
use crate::market::{Price, Side, Size, Symbol, Tick, Trade, UNITS_PER_ONE};

/// One tick in six is a trade.
const TRADE_SHARE: f64 = 1.0 / 6.0;

/// Venues, the listing ones first.
const VENUES: [&str; 7] = ["XNAS", "XNYS", "ARCX", "BATS", "EDGX", "IEXG", "MEMX"];

#[derive(Debug)]
pub(super) struct Instrument {
    symbol: Symbol,
    sector: usize,
    /// US dollars that the walks are around.
    reference: f64,
    /// How much of the market's moves it makes.
    beta: f64,
    own: Walk,
    own_kind: WalkKind,
    /// Half of the spread before the grid widens it, as a share of the price.
    half_spread: f64,
    listed_at: &'static str,
    quote: Option<Quote>,
}

/// Prices in units of 1e-9, on the grid; sizes in shares.
#[derive(Clone, Copy, Debug)]
struct Quote {
    bid: i64,
    bid_size: i64,
    ask: i64,
    ask_size: i64,
}

impl Instrument {
    /// `rank` is the place by activity, from 0 for the busiest on.
    pub(super) fn new(
        symbol: Symbol,
        sector: usize,
        reference: f64,
        rank: usize,
        time_us: i64,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let beta = 0.5 + random.random::<f64>();
        let volatility = 8e-5 + 1.2e-4 * random.random::<f64>();
        // From 0.2 of a ten-thousandth for the busiest towards 6 of them for idle ones.
        let idleness = rank as f64 / (rank as f64 + 200.0);
        let half_spread = 2e-5 + 5.8e-4 * idleness * (0.5 + 0.5 * random.random::<f64>());
        let listed_at = VENUES[random.random_range(0..2)];
        let own_kind = WalkKind { volatility, reversion_s: REVERSION_S };
        let own = Walk::new(time_us);
        Self { symbol, sector, reference, beta, own, own_kind, half_spread, listed_at, quote: None }
    }

    pub(super) const fn sector(&self) -> usize {
        self.sector
    }

    pub(super) const fn beta(&self) -> f64 {
        self.beta
    }

    /// The next tick, when market and sector stand at `factors`. The first one carries both quote
    /// and trade, so that whoever looks at the symbol sees all of it.
    pub(super) fn next(&mut self, time_us: i64, factors: f64, random: &mut ChaCha8Rng) -> Tick<'_> {
        self.own.advance(self.own_kind, time_us, random.sample(StandardNormal));
        let is_trade = random.random::<f64>() < TRADE_SHARE;
        let (quote, is_first) = match self.quote {
            Some(quote) if is_trade => (quote, false),
            last => (self.requote(factors, random), last.is_none()),
        };
        let tick = Tick { time_us: Some(time_us), ..Tick::new(self.symbol.as_ref()) };
        let trade = |random: &mut ChaCha8Rng| Some(trade(quote, random));
        if is_trade && !is_first {
            let venue = Some(VENUES[random.random_range(0..VENUES.len())]);
            return Tick { trade: trade(random), venue, ..tick };
        }
        Tick {
            trade: if is_first { trade(random) } else { None },
            bid: side(quote.bid, quote.bid_size),
            ask: side(quote.ask, quote.ask_size),
            venue: Some(self.listed_at),
            ..tick
        }
    }

    fn requote(&mut self, factors: f64, random: &mut ChaCha8Rng) -> Quote {
        let price = self.reference * (factors + self.own.value()).exp();
        let half = price * self.half_spread * (0.7 + 0.6 * random.random::<f64>());
        let units = |dollars: f64| (dollars * UNITS_PER_ONE as f64) as i64;
        let bid = grid::floor(units(price - half));
        let ask = grid::ceil(units(price + half)).max(bid + grid::tick(bid));
        let lot = round_lot(bid);
        let quote = Quote { bid, ask, bid_size: lot * lots(random), ask_size: lot * lots(random) };
        self.quote = Some(quote);
        quote
    }
}

/// At the bid or the ask, now and then between; mostly less than a round lot.
fn trade(quote: Quote, random: &mut ChaCha8Rng) -> Trade {
    let price = match random.random_range(0..20) {
        0..9 => quote.bid,
        9..18 => quote.ask,
        _ => grid::floor(quote.bid + (quote.ask - quote.bid) / 2).max(quote.bid),
    };
    let lot = round_lot(price);
    let shares = if random.random::<f64>() < 0.6 { random.random_range(1..=lot) } else { lot * lots(random) };
    Trade { price: Price::from_units(price), size: Some(size(shares)) }
}

/// Round lots by price, as of November 2025 on US exchanges.
const fn round_lot(price: i64) -> i64 {
    match price / UNITS_PER_ONE {
        ..=250 => 100,
        251..=1_000 => 40,
        1_001..=10_000 => 10,
        _ => 1,
    }
}

/// How many round lots: three on average, rarely many.
fn lots(random: &mut ChaCha8Rng) -> i64 {
    let number: f64 = random.random();
    1 + (-2.0 * (1.0 - number).ln()) as i64
}

fn side(price: i64, shares: i64) -> Side {
    Side::Set { price: Price::from_units(price), size: Some(size(shares)) }
}

fn size(shares: i64) -> Size {
    Size::from_integer(shares).expect("a few lots of shares fit")
}
