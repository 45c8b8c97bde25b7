//! What is known of each symbol that is watched, by its newest message.

use std::collections::{BTreeMap, btree_map::Entry};

use super::message::{Kind, Message, Quote};

/// Symbols that are kept, of some 400 bytes each: 40 MB. As many as a server holds unless it's told otherwise.
const ROWS_MAX: usize = 100_000;

/// Where the last price went from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Move {
    #[default]
    None,
    Up,
    Down,
}

/// One symbol.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) quote: Quote,
    pub(super) last_move: Move,
    /// Ticks that were folded into other messages since the watching began.
    pub(super) conflated: u64,
    pub(super) is_delisted: bool,
    /// The most decimals that a price of it had.
    pub(super) decimals: usize,
}

/// All symbols, in order.
#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<String, Row>);

impl Table {
    /// Takes what a message tells. Several subscriptions may tell the same.
    pub(super) fn take(&mut self, message: Message) {
        let Message { kind, conflated, quote, .. } = message;
        let is_full = self.0.len() == ROWS_MAX;
        let decimals = decimals_of(&quote);
        match self.0.entry(quote.symbol.clone()) {
            Entry::Vacant(_) if is_full => {}
            Entry::Vacant(place) => {
                let is_delisted = kind == Kind::Delisted;
                place.insert(Row { quote, last_move: Move::None, conflated, is_delisted, decimals });
            }
            Entry::Occupied(mut row) => {
                let row = row.get_mut();
                row.last_move = match (row.quote.price, quote.price) {
                    (Some(before), Some(now)) if now > before => Move::Up,
                    (Some(before), Some(now)) if now < before => Move::Down,
                    _ => row.last_move,
                };
                row.conflated += conflated;
                row.is_delisted = kind == Kind::Delisted;
                row.decimals = row.decimals.max(decimals);
                row.quote = quote;
            }
        }
    }

    /// How many symbols there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The symbols, beginning with one.
    pub(super) fn rows_from(&self, first: usize) -> impl Iterator<Item = &Row> {
        self.0.values().skip(first)
    }
}

/// Of the prices in it, two at least: what a price of a stock is written with.
fn decimals_of(quote: &Quote) -> usize {
    let Quote { price, bid, ask, .. } = quote;
    let decimals = |price: &f64| price.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
    [price, bid, ask].into_iter().flatten().map(decimals).max().unwrap_or(0).max(2)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn message(kind: Kind, conflated: u64, body: &str) -> Message {
        Message { kind, seq: 1, conflated, quote: serde_json::from_str(body).unwrap() }
    }

    #[test]
    fn a_message_replaces_what_was_known_and_tells_where_the_price_went() {
        let mut table = Table::default();
        table.take(message(Kind::Snapshot, 0, r#"{"symbol":"B","price":10,"bid":9.995,"time_us":1}"#));
        table.take(message(Kind::Snapshot, 0, r#"{"symbol":"A","price":1}"#));
        table.take(message(Kind::Update, 3, r#"{"symbol":"B","price":11}"#));
        table.take(message(Kind::Update, 2, r#"{"symbol":"B","price":11}"#));
        let rows: Vec<_> = table.rows_from(0).collect();
        assert_eq!(rows.iter().map(|row| row.quote.symbol.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        let row = rows[1];
        assert_eq!((row.last_move, row.conflated, row.decimals), (Move::Up, 5, 3), "{row:?}");
        assert_eq!(row.quote.bid, None, "a state is whole: the bid is gone");
    }

    #[test]
    fn a_delisted_symbol_stays_until_it_comes_back() {
        let mut table = Table::default();
        table.take(message(Kind::Snapshot, 0, r#"{"symbol":"A","price":1}"#));
        table.take(message(Kind::Delisted, 0, r#"{"symbol":"A","time_us":5}"#));
        assert!(table.rows_from(0).next().unwrap().is_delisted);
        table.take(message(Kind::Update, 0, r#"{"symbol":"A","price":2}"#));
        assert!(!table.rows_from(0).next().unwrap().is_delisted);
    }
}
