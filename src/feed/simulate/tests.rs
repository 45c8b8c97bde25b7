//! Tests of the simulated market.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::{
    feed::json,
    market::{Price, Side},
};

/// 2024-07-01 13:30 UTC.
const START_US: i64 = 1_719_840_600_000_000;

fn config(symbols: usize, seed: u64) -> MarketConfig {
    MarketConfig { symbols, names: Names::Listed, seed }
}

/// So many ticks as JSON, one each `step_us`.
fn ticks(config: MarketConfig, count: i64, step_us: i64) -> Vec<u8> {
    let mut market = Market::new(config, START_US);
    let mut bytes = Vec::new();
    for tick in 0..count {
        json::encode(&market.next(START_US + tick * step_us), &mut bytes);
        bytes.push(b'\n');
    }
    bytes
}

#[test]
fn the_same_seed_gives_the_same_ticks_and_another_seed_others() {
    let first = ticks(config(50, 7), 5000, 1000);
    assert_eq!(first, ticks(config(50, 7), 5000, 1000));
    assert_ne!(first, ticks(config(50, 8), 5000, 1000));
}

#[test]
fn names_come_from_the_list_and_are_numbered_beyond_it() {
    let names = |config| {
        let market = Market::new(config, START_US);
        let mut names = Vec::new();
        for mut instrument in market.instruments {
            let mut random = ChaCha8Rng::seed_from_u64(0);
            names.push(instrument.next(START_US, 0.0, &mut random).symbol.as_str().to_owned());
        }
        names
    };
    assert_eq!(names(config(3, 1)), ["AAPL", "MSFT", "NVDA"]);
    assert_eq!(names(MarketConfig { names: Names::Numbered, ..config(3, 1) }), ["S0", "S1", "S2"]);
    let listed = symbol_list().symbols().len();
    let beyond = names(config(listed + 2, 1));
    assert_eq!(beyond[listed..], [format!("S{listed}"), format!("S{}", listed + 1)]);
}

/// What a symbol's ticks leave behind.
#[derive(Default)]
struct Seen {
    ticks: u64,
    trades: u64,
    first: Option<Price>,
    bid: Option<Price>,
    ask: Option<Price>,
}

/// Runs a market and checks every tick against the rules of a sane one.
fn watch(config: MarketConfig, count: i64, step_us: i64) -> HashMap<String, Seen> {
    let mut market = Market::new(config, START_US);
    let mut seen: HashMap<String, Seen> = HashMap::new();
    for number in 0..count {
        let tick = market.next(START_US + number * step_us);
        let symbol = seen.entry(tick.symbol.as_str().to_owned()).or_default();
        symbol.ticks += 1;
        if let (Side::Set { price: bid, .. }, Side::Set { price: ask, .. }) = (tick.bid, tick.ask) {
            assert!(bid < ask, "{tick:?}");
            on_grid(bid);
            on_grid(ask);
            symbol.bid = Some(bid);
            symbol.ask = Some(ask);
            symbol.first.get_or_insert(bid);
        }
        if let Some(trade) = tick.trade {
            symbol.trades += 1;
            on_grid(trade.price);
            let quote = (symbol.bid.unwrap(), symbol.ask.unwrap());
            assert!(quote.0 <= trade.price && trade.price <= quote.1, "{tick:?} outside of {quote:?}");
            assert!(trade.size.unwrap().units() > 0);
        }
    }
    seen
}

#[track_caller]
fn on_grid(price: Price) {
    let decimals = price.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let decimals_max = if price.units() < UNITS_PER_ONE { 4 } else { 2 };
    assert!(price.units() > 0 && decimals <= decimals_max, "{price}");
}

#[test]
fn activity_differs_widely_and_quotes_outnumber_trades() {
    let seen = watch(config(500, 3), 200_000, 100);
    let mut counts: Vec<_> = seen.values().map(|seen| seen.ticks).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let (top, bottom) = (&counts[..50], &counts[counts.len() - 50..]);
    let sum = |counts: &[u64]| counts.iter().sum::<u64>();
    assert!(sum(top) > 20 * sum(bottom), "{} against {}", sum(top), sum(bottom));
    assert!(counts.len() > 490, "{} symbols ticked", counts.len());
    let trades: u64 = seen.values().map(|seen| seen.trades).sum();
    assert!((25_000..45_000).contains(&trades), "{trades} trades of 200000 ticks");
}

#[test]
fn a_symbols_activity_differs_over_the_day() {
    let mut market = Market::new(config(11, 5), START_US);
    let mut by_hour: BTreeMap<i64, u64> = BTreeMap::new();
    for number in 0..240_000 {
        let time_us = START_US + number * 360_000;
        if market.next(time_us).symbol.as_str() == "AAPL" {
            *by_hour.entry(number / 10_000).or_default() += 1;
        }
    }
    let (least, most) = (by_hour.values().min().unwrap(), by_hour.values().max().unwrap());
    assert!(*least > 300 && *most > 2 * least, "{by_hour:?}");
}

#[test]
fn prices_stay_sane_for_a_week_and_cheap_ones_are_on_the_fine_grid() {
    // One tick each three seconds: a week in 200,000 ticks.
    for names in [Names::Listed, Names::Numbered] {
        let seen = watch(MarketConfig { names, ..config(300, 11) }, 200_000, 3_000_000);
        for (symbol, seen) in &seen {
            let ratio = seen.bid.unwrap().units() as f64 / seen.first.unwrap().units() as f64;
            assert!((0.7..1.4).contains(&ratio), "{symbol}: {ratio}");
        }
        let cheap = seen.values().filter(|seen| seen.bid.unwrap().units() < UNITS_PER_ONE).count();
        assert_eq!(cheap > 0, names == Names::Numbered, "{cheap} symbols are below one dollar");
    }
}

#[test]
fn stocks_of_a_sector_move_together_more_than_others() {
    let mut market = Market::new(MarketConfig { names: Names::Numbered, ..config(22, 2) }, START_US);
    let mut moves: Vec<Vec<f64>> = vec![Vec::new(); 3];
    let mut last = [0.0; 3];
    // S0 and S11 share a sector, S1 is of another; factors are read where they are mixed.
    for minute in 1..4000 {
        market.move_factors(START_US + minute * 60_000_000);
        for (place, instrument) in [0, 11, 1].into_iter().enumerate() {
            let instrument = &market.instruments[instrument];
            let value =
                market.market.value() * instrument.beta() + market.sectors[instrument.sector()].value();
            moves[place].push(value - last[place]);
            last[place] = value;
        }
    }
    let within = correlation(&moves[0], &moves[1]);
    let across = correlation(&moves[0], &moves[2]);
    assert!(within > across + 0.1 && across > 0.3, "{within} within, {across} across");
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
