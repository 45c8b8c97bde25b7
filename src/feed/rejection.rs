//! Why a record is no tick, in words for its producer and in a label for the metrics.

use super::FramingError;
use crate::market::{NumberError, SymbolError};

/// Why a record was refused. It never stops the feed and never reaches a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The payload doesn't parse.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// The payload is JSON, but not an object.
    #[error("the payload must be one JSON object")]
    NotAnObject,
    /// The payload isn't the Protobuf message.
    #[error("not a Protobuf tick: {0}")]
    NotProtobuf(String),
    /// The value begins like one that a serializer of Confluent's Schema Registry wrote, and isn't.
    #[error("Schema Registry framing: {0}")]
    Framing(#[from] FramingError),
    /// The record's `content-type` names a format that isn't known.
    #[error(
        "content-type {0:?} isn't known; allowed are application/json, application/x-protobuf, \
         application/protobuf"
    )]
    ContentType(String),
    /// The payload is larger than any tick.
    #[error("{bytes} bytes; a tick has at most {limit}")]
    TooLarge {
        /// The payload's length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no `symbol`.
    #[error("symbol is missing")]
    MissingSymbol,
    /// The `symbol`, or a tombstone's key, is none.
    #[error("symbol {0}")]
    Symbol(SymbolError),
    /// There is neither `price` nor `bid` nor `ask`.
    #[error("at least one of price, bid, ask must be there")]
    MissingPrice,
    /// A field has a value of the wrong type.
    #[error("{field} must be {allowed}")]
    Type {
        /// The field's name.
        field: &'static str,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A field stands twice.
    #[error("{0} stands twice")]
    Repeated(&'static str),
    /// A number can't be held exactly.
    #[error("{field}: {error}")]
    Number {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        error: NumberError,
    },
    /// A JSON number has more digits than a binary float carries.
    #[error("{0}: a number of more than 15 significant digits must be written as a JSON string")]
    TooManyDigits(&'static str),
    /// A size stands without the price it belongs to.
    #[error("{size} needs {price} in the same tick")]
    OrphanSize {
        /// The size's name.
        size: &'static str,
        /// The price's name.
        price: &'static str,
    },
    /// Two fields can't be true together.
    #[error("{one} and {other} exclude each other")]
    Contradiction {
        /// One of them.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// The event time is out of range.
    #[error("time_us must be a whole number from 0 to 9007199254740991")]
    Time,
    /// The event time is well after the record's own.
    #[error("time_us is more than an hour after the record's own time")]
    Future,
    /// The venue is too long or not printable.
    #[error("venue must be 1 to 32 printable ASCII characters")]
    Venue,
    /// The symbol has records in more partitions than it can have moved to.
    #[error(
        "the symbol's records are in more than {0} partitions: the producer has to choose them by the key"
    )]
    TooManyPartitions(usize),
    /// The server knows as many symbols as it may.
    #[error("the limit of {0} symbols (max-symbols) is reached")]
    TooManySymbols(usize),
}

impl Rejection {
    /// Every [`label`](Self::label).
    pub const LABELS: [&str; 16] = [
        "not_json",
        "not_protobuf",
        "framing",
        "content_type",
        "too_large",
        "symbol",
        "missing_price",
        "type",
        "repeated_field",
        "number",
        "orphan_size",
        "contradiction",
        "time",
        "venue",
        "wrong_partition",
        "too_many_symbols",
    ];

    /// The metric's `reason` label: one of a closed set.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotJson(_) | Self::NotAnObject => "not_json",
            Self::NotProtobuf(_) => "not_protobuf",
            Self::Framing(_) => "framing",
            Self::ContentType(_) => "content_type",
            Self::TooLarge { .. } => "too_large",
            Self::MissingSymbol | Self::Symbol(_) => "symbol",
            Self::MissingPrice => "missing_price",
            Self::Type { .. } => "type",
            Self::Repeated(_) => "repeated_field",
            Self::Number { .. } | Self::TooManyDigits(_) => "number",
            Self::OrphanSize { .. } => "orphan_size",
            Self::Contradiction { .. } => "contradiction",
            Self::Time | Self::Future => "time",
            Self::Venue => "venue",
            Self::TooManyPartitions(_) => "wrong_partition",
            Self::TooManySymbols(_) => "too_many_symbols",
        }
    }
}
