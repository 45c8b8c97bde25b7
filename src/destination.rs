//! Destinations, contract §5.1: text becomes a type here, and text again only in an encoder.

use crate::market::{Symbol, SymbolError, SymbolRef};

/// What every price destination begins with: the name that Spring's portfolio sample uses.
pub const PRICE_PREFIX: &str = "/topic/price.stock.";

/// What every destination of a snapshot begins with: where Spring's `@SubscribeMapping` answers.
const SNAPSHOT_PREFIX: &str = "/app/snapshot.";

/// What a client may subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Prices, as they change.
    Prices(Symbols),
    /// The newest states, once.
    Snapshot(Symbols),
    /// What is to be told beside prices.
    Notices(Notices),
}

/// Whose prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symbols {
    /// Those of one symbol.
    One(Symbol),
    /// Those of all symbols that a pattern takes, and where they are told as they change, of those that appear later too.
    Matching(Pattern),
}

/// What is told beside prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// How the feed is.
    Feed,
    /// How the session is.
    Session,
    /// What the session asked for and can't have, short of an ERROR.
    Errors,
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
    #[error(
        "there are {PRICE_PREFIX}SYMBOL, {PRICE_PREFIX}* and {PRICE_PREFIX}AB*, {SNAPSHOT_PREFIX}SYMBOL likewise, {}, {} and {}",
        Notices::Feed.destination(), Notices::Session.destination(), Notices::Errors.destination()
    )]
    Unknown,
    /// The symbol part is no symbol and no pattern.
    #[error("the symbol {0}")]
    Symbol(#[from] SymbolError),
}

impl Destination {
    /// Reads a destination. The symbol is all that follows the prefix, dots included.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        if let Some(symbols) = text.strip_prefix(PRICE_PREFIX) {
            return Ok(Self::Prices(Symbols::parse(symbols)?));
        }
        if let Some(symbols) = text.strip_prefix(SNAPSHOT_PREFIX) {
            return Ok(Self::Snapshot(Symbols::parse(symbols)?));
        }
        let notices = Notices::ALL.into_iter().find(|notices| notices.destination() == text);
        notices.map(Self::Notices).ok_or(DestinationError::Unknown)
    }
}

impl Symbols {
    fn parse(text: &str) -> Result<Self, SymbolError> {
        if matches!(text, "*" | "#") {
            return Ok(Self::Matching(Pattern::All));
        }
        match text.strip_suffix('*') {
            Some(prefix) => Ok(Self::Matching(Pattern::Prefix(Symbol::parse(prefix)?))),
            None => Ok(Self::One(Symbol::parse(text)?)),
        }
    }
}

impl Notices {
    const ALL: [Self; 3] = [Self::Feed, Self::Session, Self::Errors];

    /// Where they are told.
    pub const fn destination(self) -> &'static str {
        match self {
            Self::Feed => "/topic/feed.status",
            Self::Session => "/user/queue/session",
            Self::Errors => "/user/queue/errors",
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
        let one = |text| Symbols::One(Symbol::parse(text).unwrap());
        let parse = |text: &str| Destination::parse(&format!("/topic/price.stock.{text}"));
        assert_eq!(parse("AAPL"), Ok(Destination::Prices(one("AAPL"))));
        assert_eq!(parse("BRK.B"), Ok(Destination::Prices(one("BRK.B"))));
        assert_eq!(parse("*"), Ok(Destination::Prices(Symbols::Matching(Pattern::All))));
        assert_eq!(parse("#"), parse("*"));
        assert_eq!(Destination::parse("/app/snapshot.BRK.B"), Ok(Destination::Snapshot(one("BRK.B"))));
        let notices = ["/topic/feed.status", "/user/queue/session", "/user/queue/errors"];
        let expected = Notices::ALL.map(|it| Ok(Destination::Notices(it)));
        assert_eq!(notices.map(Destination::parse), expected);
        let Ok(Destination::Prices(Symbols::Matching(pattern))) = parse("AB*") else { panic!("a prefix") };
        assert!(pattern.takes(SymbolRef::parse("ABNB").unwrap()));
        assert!(!pattern.takes(SymbolRef::parse("AAPL").unwrap()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "/",
            "/topic/price.stock",
            "/queue/a",
            "/topic/feed.statusx",
            "/user/queue/",
            "/app/snapshot",
            "/topic/price.stockAAPL",
            "/TOPIC/price.stock.A",
        ] {
            assert_eq!(Destination::parse(text), Err(DestinationError::Unknown), "{text}");
        }
        for symbol in ["", "A*B", "**", "A B", "A#"] {
            let error = Destination::parse(&format!("{PRICE_PREFIX}{symbol}"));
            assert!(matches!(error, Err(DestinationError::Symbol(_))), "{symbol}");
        }
    }
}
