//! Where a log is read from.

use std::{fmt, str::FromStr};

/// Where a log is read from at the start, and when it was made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartFrom {
    /// From its first record: what the log holds is all there is, as in a compacted topic.
    #[default]
    Beginning,
    /// From the first record of the present trading day, by the log's own time, and an hour of the day before. What a
    /// symbol said earlier, and hasn't since, isn't known then.
    TradingDay,
}

impl FromStr for StartFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "trading-day" => Ok(Self::TradingDay),
            _ => Err("expected beginning or trading-day".to_owned()),
        }
    }
}

impl fmt::Display for StartFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Beginning => "beginning",
            Self::TradingDay => "trading-day",
        })
    }
}
