//! Symbols: checked once at the edge, trusted afterwards.

use std::{borrow::Borrow, fmt, sync::Arc};

/// The longest symbol, in bytes.
pub const SYMBOL_LENGTH_MAX: usize = 32;

/// An owned symbol, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

/// A checked symbol that borrows its text, for the path on which nothing is allocated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolRef<'a>(&'a str);

/// Why a text is no symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// No character at all.
    #[error("empty; a symbol has 1 to {SYMBOL_LENGTH_MAX} characters")]
    Empty,
    /// More than [`SYMBOL_LENGTH_MAX`] characters.
    #[error("longer than {SYMBOL_LENGTH_MAX} characters")]
    TooLong,
    /// A character outside of the set.
    #[error("has {0:?}; allowed are A–Z a–z 0–9 . _ - / : ^ =")]
    Character(char),
}

impl<'a> SymbolRef<'a> {
    /// Checks the text: 1 to 32 of `A–Z a–z 0–9 . _ - / : ^ =`.
    pub fn parse(text: &'a str) -> Result<Self, SymbolError> {
        if text.is_empty() {
            return Err(SymbolError::Empty);
        }
        if let Some(character) = text.chars().find(|character| !is_allowed(*character)) {
            return Err(SymbolError::Character(character));
        }
        if text.len() > SYMBOL_LENGTH_MAX {
            return Err(SymbolError::TooLong);
        }
        Ok(Self(text))
    }

    /// The symbol's text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// An owned copy.
    pub fn to_symbol(self) -> Symbol {
        Symbol(self.0.into())
    }
}

impl Symbol {
    /// Checks and copies the text; see [`SymbolRef::parse`].
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        SymbolRef::parse(text).map(SymbolRef::to_symbol)
    }

    /// The symbol's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The symbol, borrowed.
    pub fn as_ref(&self) -> SymbolRef<'_> {
        SymbolRef(&self.0)
    }
}

/// Lets a map that is keyed by [`Symbol`] be asked with a `&str`.
impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for SymbolRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for SymbolRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | '/' | ':' | '^' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_every_market_are_taken() {
        for text in ["AAPL", "BRK.B", "ES.c.0", "EUR/USD", "^GSPC", "GC=F", "BINANCE:BTC-USD", "a_b"] {
            assert_eq!(SymbolRef::parse(text).map(SymbolRef::as_str), Ok(text));
        }
    }

    #[test]
    fn what_is_no_symbol_is_named() {
        let long = "A".repeat(33);
        for (text, expected) in [
            ("", SymbolError::Empty),
            (long.as_str(), SymbolError::TooLong),
            ("A B", SymbolError::Character(' ')),
            ("A*", SymbolError::Character('*')),
            ("Ä", SymbolError::Character('Ä')),
        ] {
            assert_eq!(SymbolRef::parse(text), Err(expected));
        }
    }
}
