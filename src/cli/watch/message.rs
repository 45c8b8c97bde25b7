//! What a server tells of a symbol, read from a MESSAGE; contract §5.3.

use serde::Deserialize;

use crate::client::Frame;

/// A symbol's whole state, as the body shows it. What is absent is unknown.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Quote {
    pub(super) symbol: String,
    pub(super) price: Option<f64>,
    pub(super) bid: Option<f64>,
    pub(super) bid_size: Option<f64>,
    pub(super) ask: Option<f64>,
    pub(super) ask_size: Option<f64>,
    pub(super) open: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) low: Option<f64>,
    pub(super) volume: Option<f64>,
    pub(super) trades: Option<u64>,
    /// When its last tick happened, in microseconds since the Unix epoch.
    pub(super) time_us: Option<i64>,
}

/// What a message is to the one who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Snapshot,
    Update,
    Delisted,
}

/// One MESSAGE with a price.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) seq: u64,
    /// Further ticks that were folded into it.
    pub(super) conflated: u64,
    pub(super) quote: Quote,
}

impl Quote {
    /// How far the last price is from the trading day's first, in percent.
    pub(super) fn change_percent(&self) -> Option<f64> {
        let (price, open) = (self.price?, self.open.filter(|open| *open != 0.0)?);
        Some((price - open) / open * 100.0)
    }
}

impl Message {
    /// Reads a frame with a price.
    ///
    /// # Errors
    /// It has none: in words.
    pub(super) fn read(frame: &Frame<'_>) -> Result<Self, String> {
        let kind = match frame.kind {
            b"snapshot" => Kind::Snapshot,
            b"delisted" => Kind::Delisted,
            _ => Kind::Update,
        };
        let quote = serde_json::from_slice(frame.body)
            .map_err(|error| format!("the server's message isn't a price: {error}"))?;
        Ok(Self { kind, seq: frame.seq.unwrap_or(0), conflated: frame.conflated, quote })
    }
}

impl Kind {
    /// As the header `type` has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Update => "update",
            Self::Delisted => "delisted",
        }
    }
}
