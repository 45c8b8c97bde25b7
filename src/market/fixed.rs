//! Exact decimals: prices and sizes as integers in units of 1e-9, the unit of Databento's DBN.
//!
//! Nothing is ever rounded. A text that needs a finer unit, or a number outside of the range of
//! the integer, is refused with a [`NumberError`] that says which of the two it was.

use std::fmt;

/// How many units make one: 1.0 is held as 1,000,000,000.
pub const UNITS_PER_ONE: i64 = 1_000_000_000;

/// Decimals that the unit can express.
const DECIMALS: usize = 9;

/// A price in units of 1e-9. It may be negative: spreads and, once, crude oil traded below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(i64);

/// A size in units of 1e-9, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(i64);

/// Sizes added up over a trading day, in units of 1e-9. Wider than [`Size`], because the sum of a
/// day in a coin that trades at 1e-5 passes 9.2e9, which is all that 64 bits hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Volume(i128);

/// Why a number can't be taken exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text isn't a plain decimal such as `-12.5`.
    #[error("not a decimal number")]
    NotANumber,
    /// The value needs more than nine decimals.
    #[error("more than {DECIMALS} decimals")]
    TooManyDecimals,
    /// The value doesn't fit 64 bits of 1e-9.
    #[error("outside of ±9223372036.854775807")]
    OutOfRange,
    /// A size below zero.
    #[error("negative")]
    Negative,
}

impl Price {
    /// A price of so many units of 1e-9.
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    /// The price in units of 1e-9.
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Reads a decimal such as `189.84`; no exponent, no sign but `-`.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        parse_units(text).map(Self)
    }

    /// Takes the decimal that a binary float stands for: the shortest one that reads back as the
    /// same float, which is the text it came from if that had at most 15 significant digits.
    pub fn from_f64(value: f64) -> Result<Self, NumberError> {
        units_of_f64(value).map(Self)
    }

    /// Takes a whole number.
    pub fn from_integer(value: i64) -> Result<Self, NumberError> {
        units_of_integer(value).map(Self)
    }
}

impl Size {
    /// A size of so many units of 1e-9; [`NumberError::Negative`] below zero.
    pub const fn from_units(units: i64) -> Result<Self, NumberError> {
        if units < 0 { Err(NumberError::Negative) } else { Ok(Self(units)) }
    }

    /// The size in units of 1e-9.
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Reads a decimal such as `100` or `0.25`.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        parse_units(text).and_then(Self::from_units)
    }

    /// As [`Price::from_f64`].
    pub fn from_f64(value: f64) -> Result<Self, NumberError> {
        units_of_f64(value).and_then(Self::from_units)
    }

    /// Takes a whole number.
    pub fn from_integer(value: i64) -> Result<Self, NumberError> {
        units_of_integer(value).and_then(Self::from_units)
    }
}

impl Volume {
    /// No volume.
    pub const ZERO: Self = Self(0);

    /// A volume of so many units of 1e-9: sizes that were added up before.
    pub(crate) const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The volume in units of 1e-9.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Adds another volume. Neither passes 1.8e19 sizes, nor does the sum.
    #[must_use]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Adds a trade's size. 128 bits hold the largest size 1.8e19 times over.
    #[must_use]
    pub const fn plus(self, size: Size) -> Self {
        Self(self.0 + size.0 as i128)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, i128::from(self.0))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, i128::from(self.0))
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, self.0)
    }
}

fn parse_units(text: &str) -> Result<i64, NumberError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, decimals) = match unsigned.split_once('.') {
        Some((_, "")) => return Err(NumberError::NotANumber),
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(decimals) {
        return Err(NumberError::NotANumber);
    }
    // Zeros beyond the ninth decimal change nothing, so they lose nothing.
    let decimals = decimals.trim_end_matches('0');
    if decimals.len() > DECIMALS {
        return Err(NumberError::TooManyDecimals);
    }
    let padding = DECIMALS - decimals.len();
    let digits = whole.bytes().chain(decimals.bytes()).chain(std::iter::repeat_n(b'0', padding));
    let mut units: i64 = 0;
    for digit in digits {
        // Built up on the negative side, where the range is one wider.
        units = units
            .checked_mul(10)
            .and_then(|tens| tens.checked_sub(i64::from(digit - b'0')))
            .ok_or(NumberError::OutOfRange)?;
    }
    if negative { Ok(units) } else { units.checked_neg().ok_or(NumberError::OutOfRange) }
}

fn units_of_f64(value: f64) -> Result<i64, NumberError> {
    /// Below this many units neighbouring decimals of the unit are at least eight floats apart, so
    /// that one division tells whether the rounded product is the value's decimal.
    const UNAMBIGUOUS: f64 = 1e15;
    if !value.is_finite() {
        return Err(NumberError::NotANumber);
    }
    let units = (value * UNITS_PER_ONE as f64).round();
    if units.abs() < UNAMBIGUOUS && units / UNITS_PER_ONE as f64 == value {
        return Ok(units as i64);
    }
    parse_units(&value.to_string())
}

fn units_of_integer(value: i64) -> Result<i64, NumberError> {
    value.checked_mul(UNITS_PER_ONE).ok_or(NumberError::OutOfRange)
}

fn write_units(f: &mut fmt::Formatter<'_>, units: i128) -> fmt::Result {
    let one = i128::from(UNITS_PER_ONE);
    let magnitude = units.unsigned_abs();
    let (whole, mut rest) = (magnitude / one as u128, (magnitude % one as u128) as u32);
    if units < 0 {
        f.write_str("-")?;
    }
    let mut buffer = itoa::Buffer::new();
    f.write_str(buffer.format(whole))?;
    if rest == 0 {
        return Ok(());
    }
    let mut digits = [b'0'; DECIMALS];
    let mut last_nonzero = 0;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        if *digit != b'0' {
            last_nonzero = last_nonzero.max(place);
        }
    }
    f.write_str(".")?;
    f.write_str(std::str::from_utf8(&digits[..=last_nonzero]).expect("digits are ASCII"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, NumberError>) {
        assert_eq!(Price::parse(text).map(Price::units), expected, "{text}");
    }

    #[test]
    fn decimals_are_read_exactly_or_refused_with_the_reason() {
        check("189.84", Ok(189_840_000_000));
        check("-37.63", Ok(-37_630_000_000));
        check("0.000000001", Ok(1));
        check("5529", Ok(5_529_000_000_000));
        check("9223372036.854775807", Ok(i64::MAX));
        check("-9223372036.854775808", Ok(i64::MIN));
        check("9223372036.854775808", Err(NumberError::OutOfRange));
        check("1.0000000000", Ok(1_000_000_000));
        check("0.0000000001", Err(NumberError::TooManyDecimals));
        for text in ["", "-", ".", "1.", ".5", "1e3", "+1", " 1", "1,5", "NaN", "--1", "0x1"] {
            check(text, Err(NumberError::NotANumber));
        }
    }

    #[test]
    fn a_size_is_never_negative() {
        assert_eq!(Size::parse("-0.1"), Err(NumberError::Negative));
        assert_eq!(Size::parse("-0").map(Size::units), Ok(0));
    }

    #[test]
    fn a_float_that_is_no_short_decimal_is_refused() {
        assert_eq!(Price::from_f64(0.1 + 0.2), Err(NumberError::TooManyDecimals));
        assert_eq!(Price::from_f64(f64::NAN), Err(NumberError::NotANumber));
        assert_eq!(Price::from_f64(1e300), Err(NumberError::OutOfRange));
    }

    proptest! {
        #[test]
        fn text_round_trips(units: i64) {
            let price = Price::from_units(units);
            prop_assert_eq!(Price::parse(&price.to_string()), Ok(price));
        }

        /// The contract's promise for JSON numbers: 15 significant digits survive a binary float.
        #[test]
        fn fifteen_digits_survive_a_binary_float(
            digits in -999_999_999_999_999_i64..=999_999_999_999_999,
            zeros in 0_u32..=3,
        ) {
            let units = digits.saturating_mul(10_i64.pow(zeros));
            let price = Price::from_units(units);
            let float: f64 = price.to_string().parse().expect("a decimal is a float's text");
            prop_assert_eq!(Price::from_f64(float), Ok(price));
        }
    }
}
