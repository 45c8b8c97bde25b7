//! What a recording leaves behind, by symbol: folded here, and as `feeds/sample-answers.csv` tells.

use std::{collections::BTreeMap, fs, path::PathBuf};

use tickcast::market::{Price, Side, Size, Tick};

/// The last of each field, as text; empty if there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) ticks: u64,
    pub(super) time_us: i64,
    pub(super) trade: (String, String),
    pub(super) bid: (String, String),
    pub(super) ask: (String, String),
}

impl Last {
    pub(super) fn fold(&mut self, tick: &Tick<'_>) {
        self.ticks += 1;
        self.time_us = tick.time_us.unwrap();
        if let Some(trade) = tick.trade {
            self.trade = texts(trade.price, trade.size);
        }
        fold_side(&mut self.bid, tick.bid);
        fold_side(&mut self.ask, tick.ask);
    }
}

fn fold_side(last: &mut (String, String), side: Side) {
    match side {
        Side::Keep => {}
        Side::Clear => *last = Default::default(),
        Side::Set { price, size } => *last = texts(price, size),
    }
}

fn texts(price: Price, size: Option<Size>) -> (String, String) {
    (price.to_string(), size.map_or_else(String::new, |size| size.to_string()))
}

/// The known answers of one of our samples.
pub(super) fn of_sample(file: &str) -> BTreeMap<String, Last> {
    let text = fs::read_to_string(sample("sample-answers.csv")).unwrap();
    let rows = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let of_file: BTreeMap<_, _> = rows
        .filter(|row| row[0] == file)
        .map(|row| {
            let pair = |at: usize| (row[at].clone(), row[at + 1].clone());
            let last = Last {
                ticks: row[2].parse().unwrap(),
                time_us: row[3].parse().unwrap(),
                trade: pair(4),
                bid: pair(6),
                ask: pair(8),
            };
            (row[1].clone(), last)
        })
        .collect();
    assert!(!of_file.is_empty(), "{file} has no answers");
    of_file
}

/// A file of `feeds/`.
pub(super) fn sample(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("feeds").join(file)
}

/// A file of real market data, which isn't part of a checkout. Says so when it's missing.
pub(super) fn real(file: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(file);
    if path.exists() {
        return Some(path);
    }
    // A clone of the checkout lies one level deeper.
    let deeper = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(file);
    if deeper.exists() {
        return Some(deeper);
    }
    println!("skipped: {} isn't there", path.display());
    None
}
