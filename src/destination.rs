//! Destinations, contract §5.1: text becomes a type here, and text again only in an encoder.

use crate::market::{Symbol, SymbolError, SymbolRef};

/// What every price destination begins with: the name that Spring's portfolio sample uses.
pub const PRICE_PREFIX: &str = "/topic/price.stock.";

/// What a client may subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The prices of one symbol.
    Price(Symbol),
    /// The prices of all symbols that a pattern takes, those that appear later too.
    Prices(Pattern),
}

/// Which symbols a wildcard takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `*` or `#`: every symbol.
    All,
    /// `AB*`: every symbol that begins so.
    Prefix(Symbol),
}

/// Why a text is no destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Nothing that this server has begins so.
    #[error("there are {PRICE_PREFIX}SYMBOL, {PRICE_PREFIX}* and {PRICE_PREFIX}AB*")]
    Unknown,
    /// The symbol part is no symbol and no pattern.
    #[error("the symbol {0}")]
    Symbol(#[from] SymbolError),
}

impl Destination {
    /// Reads a destination. The symbol is all that follows the prefix, dots included.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        let symbol = text.strip_prefix(PRICE_PREFIX).ok_or(DestinationError::Unknown)?;
        if matches!(symbol, "*" | "#") {
            return Ok(Self::Prices(Pattern::All));
        }
        match symbol.strip_suffix('*') {
            Some(prefix) => Ok(Self::Prices(Pattern::Prefix(Symbol::parse(prefix)?))),
            None => Ok(Self::Price(Symbol::parse(symbol)?)),
        }
    }
}

impl Pattern {
    /// Whether it takes the symbol.
    pub fn takes(&self, symbol: SymbolRef<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => symbol.as_str().starts_with(prefix.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_contract_is_read() {
        let price = |text| Ok(Destination::Price(Symbol::parse(text).unwrap()));
        let parse = |text: &str| Destination::parse(&format!("/topic/price.stock.{text}"));
        assert_eq!(parse("AAPL"), price("AAPL"));
        assert_eq!(parse("BRK.B"), price("BRK.B"));
        assert_eq!(parse("*"), Ok(Destination::Prices(Pattern::All)));
        assert_eq!(parse("#"), Ok(Destination::Prices(Pattern::All)));
        let Ok(Destination::Prices(pattern)) = parse("AB*") else { panic!("a prefix") };
        assert!(pattern.takes(SymbolRef::parse("ABNB").unwrap()));
        assert!(!pattern.takes(SymbolRef::parse("AAPL").unwrap()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "/", "/topic/price.stock", "/queue/a", "/topic/price.stockAAPL", "/TOPIC/price.stock.A"]
        {
            assert_eq!(Destination::parse(text), Err(DestinationError::Unknown), "{text}");
        }
        for symbol in ["", "A*B", "**", "A B", "A#"] {
            let error = Destination::parse(&format!("{PRICE_PREFIX}{symbol}"));
            assert!(matches!(error, Err(DestinationError::Symbol(_))), "{symbol}");
        }
    }
}
