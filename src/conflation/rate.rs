//! How often a subscription is told of a symbol.

use std::{fmt, str::FromStr, time::Duration};

use super::wheel::TICK;

/// Updates a second for each symbol, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub enum MaxRate {
    /// So many: 0.01 to 1,000, the timing wheel's tick being a millisecond.
    PerSecond(f64),
    /// As often as the socket takes them.
    #[default]
    Unlimited,
}

/// The text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", MaxRate::ALLOWED)]
pub struct RateError;

impl MaxRate {
    /// The slowest there is.
    pub const SLOWEST: f64 = 0.01;

    /// What a rate may look like.
    pub const ALLOWED: &str = "decimal numbers from 0.01, updates a second for each symbol, and unlimited";

    /// The least time between two updates of a symbol.
    pub fn interval(self) -> Option<Duration> {
        match self {
            Self::PerSecond(rate) => Some(Duration::from_secs_f64(1.0 / rate)),
            Self::Unlimited => None,
        }
    }

    /// The slower of two.
    pub fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
}

impl FromStr for MaxRate {
    type Err = RateError;

    /// Digits with a decimal point or without, or `unlimited`. What is faster than the wheel turns becomes as fast as
    /// that.
    fn from_str(text: &str) -> Result<Self, RateError> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let rate =
            text.parse::<f64>().ok().filter(|rate| is_plain && *rate >= Self::SLOWEST).ok_or(RateError)?;
        Ok(Self::PerSecond(rate.min(1.0 / TICK.as_secs_f64())))
    }
}

impl fmt::Display for MaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => rate.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, expected) in [
            ("4", "4"),
            ("0.5", "0.5"),
            ("0.01", "0.01"),
            ("1000", "1000"),
            ("9999.5", "1000"),
            ("unlimited", "unlimited"),
        ] {
            assert_eq!(text.parse::<MaxRate>().unwrap().to_string(), expected);
        }
        for text in ["", "0", "0.009", "-1", "+1", "1e3", "inf", "nan", "1,5", "Unlimited", "1.2.3", " 1"] {
            assert_eq!(text.parse::<MaxRate>(), Err(RateError), "{text}");
        }
    }

    #[test]
    fn the_slower_of_two_rates_counts() {
        let rate = |text: &str| text.parse::<MaxRate>().unwrap();
        assert_eq!(rate("4").min(rate("unlimited")), rate("4"));
        assert_eq!(rate("unlimited").min(rate("4")), rate("4"));
        assert_eq!(rate("4").min(rate("2")), rate("2"));
        assert_eq!(rate("0.5").interval(), Some(Duration::from_secs(2)));
    }
}
