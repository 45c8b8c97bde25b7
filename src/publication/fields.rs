//! The fields of a price message's body (contract §5.3), and sets of them: what the header `fields` of a SUBSCRIBE
//! asks for (contract §5.2), and what differs between two states.

use std::fmt;

/// A field of the body. The order is the contract's, and the body's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// The symbol itself. It never changes.
    Symbol,
    /// Price of the last trade.
    Price,
    /// Size of the last trade.
    Size,
    /// The best bid.
    Bid,
    /// What stands at the best bid.
    BidSize,
    /// The best ask.
    Ask,
    /// What stands at the best ask.
    AskSize,
    /// The trading day's first price.
    Open,
    /// The trading day's highest price.
    High,
    /// The trading day's lowest price.
    Low,
    /// What was traded over the day.
    Volume,
    /// How often there was a trade over the day.
    Trades,
    /// Event time of the last tick, in microseconds since the Unix epoch.
    TimeUs,
    /// Where the last tick that told a venue happened.
    Venue,
}

/// A set of fields.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fields(u16);

/// Why a text is no list of fields. What it shows is what goes behind "allowed: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// Nothing stands there. Who wants all fields leaves the header out.
    #[error("{Allowed}; one of them at least")]
    Empty,
    /// A name that no field has.
    #[error("{Allowed}; {name:?} is none of them{}", Hint(*.nearest))]
    Unknown {
        /// The wrong name, or the first 20 characters of it.
        name: Box<str>,
        /// The field that its writer may have meant.
        nearest: Option<Field>,
    },
}

/// How much of a wrong name is told: twice the longest right one, and more.
const NAME_CHARACTERS_SHOWN: usize = 20;

impl Field {
    /// All of them, in the body's order.
    pub const ALL: [Self; 14] = [
        Self::Symbol,
        Self::Price,
        Self::Size,
        Self::Bid,
        Self::BidSize,
        Self::Ask,
        Self::AskSize,
        Self::Open,
        Self::High,
        Self::Low,
        Self::Volume,
        Self::Trades,
        Self::TimeUs,
        Self::Venue,
    ];

    /// Its name in the body.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Symbol => "symbol",
            Self::Price => "price",
            Self::Size => "size",
            Self::Bid => "bid",
            Self::BidSize => "bid_size",
            Self::Ask => "ask",
            Self::AskSize => "ask_size",
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Volume => "volume",
            Self::Trades => "trades",
            Self::TimeUs => "time_us",
            Self::Venue => "venue",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The field whose name is most like a wrong one, if any is much like it.
    fn nearest(name: &str) -> Option<Self> {
        /// From 0 to 1. `pric`, `bidsize` and `vol` are above it; what shares a few letters by chance is below.
        const LIKENESS_MIN: f64 = 0.8;
        let name = name.to_ascii_lowercase();
        let rated = Self::ALL.into_iter().map(|field| (strsim::jaro_winkler(&name, field.name()), field));
        rated
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, field)| field)
    }
}

impl Fields {
    /// No field.
    pub const NONE: Self = Self(0);

    /// Every field.
    pub const ALL: Self = Self((1 << Field::ALL.len()) - 1);

    /// Reads the value of the header `fields`, such as `price,bid,ask`. The order and repetitions mean nothing,
    /// and spaces around a name are taken.
    ///
    /// # Errors
    /// A name that is no field's, or no name at all.
    pub fn parse(text: &str) -> Result<Self, FieldsError> {
        if text.trim().is_empty() {
            return Err(FieldsError::Empty);
        }
        text.split(',')
            .map(str::trim)
            .map(|name| {
                Field::named(name).ok_or_else(|| FieldsError::Unknown {
                    name: name.chars().take(NAME_CHARACTERS_SHOWN).collect(),
                    nearest: Field::nearest(name),
                })
            })
            .collect()
    }

    /// Whether the field is in it.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & 1 << field as u8 != 0
    }

    /// The fields that are in both.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no field is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its fields, in the body's order.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| self.contains(*field))
    }

    /// Puts the field in, if it is to be there.
    #[must_use]
    pub(super) const fn with_if(self, field: Field, is_in: bool) -> Self {
        Self(self.0 | (is_in as u16) << field as u8)
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Self::NONE, |set, field| set.with_if(field, true))
    }
}

/// The names in the body's order, separated by commas: what [`Fields::parse`] reads.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(f, *self, ",")
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fields({self})")
    }
}

/// What can be asked for.
struct Allowed;

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(f, Fields::ALL, ", ")?;
        f.write_str(", separated by commas")
    }
}

/// What the writer of a wrong name may have meant.
struct Hint(Option<Field>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |nearest| write!(f, ", the nearest is {}", nearest.name()))
    }
}

fn write_names(f: &mut fmt::Formatter<'_>, fields: Fields, separator: &str) -> fmt::Result {
    fields.iter().enumerate().try_for_each(|(at, field)| {
        f.write_str(if at == 0 { "" } else { separator })?;
        f.write_str(field.name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let fields = Fields::parse(text).map(|fields| fields.to_string()).map_err(|error| error.to_string());
        assert_eq!(fields.as_deref(), expected.map_err(str::to_owned).as_deref(), "{text:?}");
    }

    const ALLOWED: &str = "symbol, price, size, bid, bid_size, ask, ask_size, open, high, low, volume, trades, \
                           time_us, venue, separated by commas";

    #[test]
    fn a_list_is_read_in_any_order_with_spaces_and_twice() {
        check("price", Ok("price"));
        check("ask,price,bid", Ok("price,bid,ask"));
        check(" bid_size ,\tvenue,symbol , venue", Ok("symbol,bid_size,venue"));
        check(&Fields::ALL.to_string(), Ok(&Fields::ALL.to_string()));
        assert_eq!(Fields::parse(&Fields::ALL.to_string()), Ok(Fields::ALL));
    }

    #[test]
    fn a_wrong_name_is_told_with_the_nearest_and_all_that_are_allowed() {
        let unknown = |text: &str, name: &str, nearest: &str| {
            let hint = if nearest.is_empty() { String::new() } else { format!(", the nearest is {nearest}") };
            check(text, Err(&format!("{ALLOWED}; {name} is none of them{hint}")));
        };
        unknown("pric", "\"pric\"", "price");
        unknown("price,bidsize,ask", "\"bidsize\"", "bid_size");
        unknown("Price", "\"Price\"", "price");
        unknown("vol", "\"vol\"", "volume");
        unknown("price;bid", "\"price;bid\"", "price");
        unknown("quux", "\"quux\"", "");
        unknown("price,", "\"\"", "");
        unknown(",price", "\"\"", "");
        unknown("a\nb", "\"a\\nb\"", "");
        unknown(&"z".repeat(8000), &format!("{:?}", "z".repeat(20)), "");
        for text in ["", " ", "\t"] {
            check(text, Err(&format!("{ALLOWED}; one of them at least")));
        }
    }

    #[test]
    fn every_field_stands_at_its_place() {
        for (at, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(at, field as usize);
            let alone = Fields::from_iter([field]);
            assert!(Fields::ALL.contains(field) && alone.contains(field) && !Fields::NONE.contains(field));
            assert_eq!(alone.iter().collect::<Vec<_>>(), [field]);
            assert!(!alone.is_empty() && alone.intersect(Fields::NONE).is_empty());
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(bits in 1..=Fields::ALL.0) {
            prop_assert_eq!(Fields::parse(&Fields(bits).to_string()), Ok(Fields(bits)));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            prop_assert!(Fields::parse(&text).map_or(true, |fields| !fields.is_empty()));
        }
    }
}
