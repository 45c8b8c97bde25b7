//! The list of symbols that ships with tickcast, with names and sectors: `feeds/symbols.csv`.

use std::{collections::HashMap, sync::LazyLock};

use crate::market::{Price, Symbol};

/// A listed company's share, or what the list tells about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSymbol {
    /// The ticker, such as `BRK.B`.
    pub symbol: Symbol,
    /// The company's name.
    pub name: String,
    /// Its sector by the Global Industry Classification Standard.
    pub sector: String,
    /// Where the simulator begins, in US dollars: invented, of the order of the real one.
    pub price: Price,
}

/// The list, in its order: the largest companies first.
#[derive(Debug)]
pub struct SymbolList {
    symbols: Vec<ListedSymbol>,
    places: HashMap<Symbol, usize>,
}

/// The list that is built in.
pub fn symbol_list() -> &'static SymbolList {
    static LIST: LazyLock<SymbolList> =
        LazyLock::new(|| SymbolList::parse(include_str!("../../feeds/symbols.csv")));
    &LIST
}

impl SymbolList {
    /// All of it.
    pub fn symbols(&self) -> &[ListedSymbol] {
        &self.symbols
    }

    /// What the list tells about a symbol.
    pub fn get(&self, symbol: &str) -> Option<&ListedSymbol> {
        self.places.get(symbol).map(|place| &self.symbols[*place])
    }

    fn parse(text: &str) -> Self {
        const WELL_FORMED: &str = "the built-in list is checked by a test";
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let symbols: Vec<_> = rows
            .records()
            .map(|row| {
                let row = row.expect(WELL_FORMED);
                let [symbol, name, sector, price] = [&row[0], &row[1], &row[2], &row[3]];
                ListedSymbol {
                    symbol: Symbol::parse(symbol).expect(WELL_FORMED),
                    name: name.to_owned(),
                    sector: sector.to_owned(),
                    price: Price::parse(price).expect(WELL_FORMED),
                }
            })
            .collect();
        let places =
            symbols.iter().enumerate().map(|(place, listed)| (listed.symbol.clone(), place)).collect();
        Self { symbols, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_has_500_different_symbols_of_the_eleven_sectors() {
        let list = symbol_list();
        assert!(list.symbols().len() >= 500, "{}", list.symbols().len());
        assert_eq!(list.places.len(), list.symbols().len(), "a symbol stands twice");
        let sectors: BTreeSet<_> = list.symbols().iter().map(|listed| listed.sector.as_str()).collect();
        let expected = BTreeSet::from([
            "Communication Services",
            "Consumer Discretionary",
            "Consumer Staples",
            "Energy",
            "Financials",
            "Health Care",
            "Industrials",
            "Information Technology",
            "Materials",
            "Real Estate",
            "Utilities",
        ]);
        assert_eq!(sectors, expected);
        for listed in list.symbols() {
            assert!(!listed.name.trim().is_empty(), "{listed:?}");
            assert!(listed.price > Price::from_units(0), "{listed:?}");
        }
    }

    #[test]
    fn a_symbol_is_found_by_its_text() {
        let berkshire = symbol_list().get("BRK.B").unwrap();
        assert_eq!(
            (berkshire.name.as_str(), berkshire.sector.as_str()),
            ("Berkshire Hathaway Inc. Class B", "Financials")
        );
        assert_eq!(symbol_list().get("NOSUCH"), None);
    }
}
