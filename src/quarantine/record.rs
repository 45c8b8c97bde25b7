//! A bad record: what its producer wrote, where it stands, and why it's no tick.

use crate::{feed::Rejection, publication::Epoch};

/// The longest value that is copied. A tick has at most 16 KiB, so that it's enough to see what went wrong; of a longer
/// one only the length is told, and the log at the record's place still has it.
pub const VALUE_BYTES_MAX: usize = 256 * 1024;

/// The longest text of an error that is kept, in bytes.
const ERROR_BYTES_MAX: usize = 512;

/// A header of a record: a name, and a value that may be null.
pub type Header = (String, Option<Vec<u8>>);

/// Where in the log a record stands: the same on every instance and after every restart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Which log it is.
    pub epoch: Epoch,
    /// The partition.
    pub partition: i32,
    /// The offset there.
    pub offset: u64,
}

/// A record as its producer wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Original {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order, without those that quarantine itself writes.
    pub headers: Vec<Header>,
    /// The log's own time for it, in milliseconds since the Unix epoch.
    pub timestamp_ms: Option<i64>,
}

/// A record that is no tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Where it stands.
    pub place: Place,
    /// What its producer wrote.
    pub original: Original,
    /// How long its value is, if it was left out for its length.
    pub omitted_bytes: Option<usize>,
    /// The metric's label of why it's no tick.
    pub reason: String,
    /// The same in words.
    pub error: String,
}

impl BadRecord {
    /// The record at `place`, refused for `rejection`. Its value is copied unless it's too long.
    pub fn new(place: Place, head: Original, value: Option<&[u8]>, rejection: &Rejection) -> Self {
        Self::with(place, head, value, rejection.label(), rejection.to_string())
    }

    /// The same, refused for the reason of this label, in these words.
    pub fn with(place: Place, head: Original, value: Option<&[u8]>, label: &str, mut error: String) -> Self {
        error.truncate(error.floor_char_boundary(ERROR_BYTES_MAX));
        let (kept, omitted) = match value {
            Some(value) if value.len() > VALUE_BYTES_MAX => (None, Some(value.len())),
            value => (value.map(<[u8]>::to_vec), None),
        };
        Self {
            place,
            original: Original { value: kept, ..head },
            omitted_bytes: omitted,
            reason: label.to_owned(),
            error,
        }
    }

    /// Leaves the value out, if there is one; false if it was left out before.
    pub fn omit_value(&mut self) -> bool {
        let Some(value) = self.original.value.take_if(|value| !value.is_empty()) else { return false };
        self.omitted_bytes = Some(value.len());
        true
    }
}

impl Original {
    /// The bytes that key, value and headers take.
    pub fn bytes(&self) -> usize {
        let of = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + of(value)).sum();
        of(&self.key) + of(&self.value) + headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: usize) -> BadRecord {
        let place = Place { epoch: "e".into(), partition: 0, offset: 1 };
        let value = vec![b'x'; value];
        BadRecord::new(place, Original::default(), Some(&value), &Rejection::NotJson("ä".repeat(1000)))
    }

    #[test]
    fn what_is_kept_of_a_record_is_bounded() {
        let kept = record(VALUE_BYTES_MAX);
        assert_eq!((kept.omitted_bytes, kept.original.bytes()), (None, VALUE_BYTES_MAX));
        assert!((ERROR_BYTES_MAX - 1..=ERROR_BYTES_MAX).contains(&kept.error.len()), "{}", kept.error);
        let cut = record(VALUE_BYTES_MAX + 1);
        assert_eq!((cut.omitted_bytes, cut.original.value), (Some(VALUE_BYTES_MAX + 1), None));
    }

    #[test]
    fn a_value_is_left_out_once() {
        let mut some = record(3);
        assert!(some.omit_value());
        assert!(!some.omit_value());
        assert_eq!(some.omitted_bytes, Some(3));
        assert!(!record(0).omit_value(), "an empty value saves nothing");
    }
}
