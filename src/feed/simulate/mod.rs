//! A synthetic market: ticks that look like those of US stocks, the same for the same seed.
//!
//! A price is a reference times the exponent of three mean-reverting walks: the market's, its
//! sector's and its own. So stocks move together, those of a sector more so, and stay near where
//! they began for days. A quote lies around that price on the grid of real tick sizes, wider for
//! idle stocks; a trade lies within the quote. How the ticks are shared out is
//! in `activity`.
//!
//! Time comes in, ticks go out: the same seed and the same times give the same ticks.

mod activity;
mod grid;
mod instrument;
mod pacer;
mod walk;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use self::{
    activity::Activity,
    instrument::Instrument,
    walk::{Walk, WalkKind},
};
use crate::{
    feed::symbol_list::symbol_list,
    market::{Symbol, Tick, UNITS_PER_ONE},
};

pub use self::pacer::Pacer;

/// Where the names of the symbols come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The built-in list, and numbered ones beyond its end.
    Listed,
    /// `S0`, `S1`, `S2` …
    Numbered,
}

/// Which market to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketConfig {
    /// How many symbols; at least one is simulated.
    pub symbols: usize,
    /// What they are called.
    pub names: Names,
    /// Another seed is another market.
    pub seed: u64,
}

/// The market's state between two ticks.
#[derive(Debug)]
pub struct Market {
    random: ChaCha8Rng,
    market: Walk,
    sectors: Vec<Walk>,
    factors_us: i64,
    activity: Activity,
    instruments: Vec<Instrument>,
}

/// The factors move in steps of this; between two of them a stock's own walk moves it.
const FACTOR_STEP_US: i64 = 50_000;

/// Half a day: long enough for a trend within a session, short enough to come back overnight.
const REVERSION_S: f64 = 43_200.0;

// The market's and a sector's volatility for each root of a second. Over the mean reversion they
// add up to a standard deviation of 1 % and 0.7 %.
const MARKET_WALK: WalkKind = WalkKind { volatility: 7e-5, reversion_s: REVERSION_S };
const SECTOR_WALK: WalkKind = WalkKind { volatility: 5e-5, reversion_s: REVERSION_S };

/// Sectors of numbered symbols: as many as the standard classification has.
const NUMBERED_SECTORS: usize = 11;

impl Market {
    /// A market that begins at that time, in microseconds since the Unix epoch.
    pub fn new(config: MarketConfig, time_us: i64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(config.seed);
        let mut sector_names = Vec::new();
        let count = config.symbols.max(1);
        let instruments: Vec<_> = (0..count)
            .map(|rank| {
                let Identity { symbol, sector, price } =
                    identity(rank, config.names, &mut sector_names, &mut random);
                Instrument::new(symbol, sector, price, rank, time_us, &mut random)
            })
            .collect();
        let sector_count = instruments.iter().map(|instrument| instrument.sector() + 1).max().unwrap_or(1);
        let sectors_of = instruments.iter().map(Instrument::sector).collect();
        Self {
            market: Walk::new(time_us),
            sectors: vec![Walk::new(time_us); sector_count],
            factors_us: time_us,
            activity: Activity::new(sectors_of, sector_count, &mut random),
            instruments,
            random,
        }
    }

    /// The next tick, which happens at that time. Times that run backwards count as standing still.
    pub fn next(&mut self, time_us: i64) -> Tick<'_> {
        self.move_factors(time_us);
        let place = self.activity.pick(time_us, self.random.random());
        let instrument = &mut self.instruments[place];
        let factors = self.market.value() * instrument.beta() + self.sectors[instrument.sector()].value();
        instrument.next(time_us, factors, &mut self.random)
    }

    fn move_factors(&mut self, time_us: i64) {
        if time_us - self.factors_us < FACTOR_STEP_US {
            return;
        }
        self.factors_us = time_us;
        self.market.advance(MARKET_WALK, time_us, self.random.sample(StandardNormal));
        for sector in &mut self.sectors {
            sector.advance(SECTOR_WALK, time_us, self.random.sample(StandardNormal));
        }
    }
}

struct Identity {
    symbol: Symbol,
    sector: usize,
    /// In US dollars.
    price: f64,
}

fn identity(
    rank: usize,
    names: Names,
    sector_names: &mut Vec<&'static str>,
    random: &mut ChaCha8Rng,
) -> Identity {
    let listed = match names {
        Names::Listed => symbol_list().symbols().get(rank),
        Names::Numbered => None,
    };
    let Some(listed) = listed else {
        let symbol = Symbol::parse(&format!("S{rank}")).expect("a letter and digits are a symbol");
        // Half of the prices lie between 18 and 200 dollars, and about one in ninety below one.
        let spread: f64 = random.sample(StandardNormal);
        return Identity { symbol, sector: rank % NUMBERED_SECTORS, price: 60.0 * (spread * 1.8).exp() };
    };
    let known = sector_names.iter().position(|name| *name == listed.sector);
    let sector = known.unwrap_or_else(|| {
        sector_names.push(&listed.sector);
        sector_names.len() - 1
    });
    let price = listed.price.units() as f64 / UNITS_PER_ONE as f64;
    Identity { symbol: listed.symbol.clone(), sector, price }
}

#[cfg(test)]
mod tests;
