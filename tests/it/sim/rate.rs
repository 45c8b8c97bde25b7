//! `max-rate`, as contract §5.2 has it: what is in force, and how far apart two messages are then.

/// How often a symbol's state may be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rate {
    /// As the RECEIPT tells it.
    pub(super) text: String,
    /// The least distance of two messages in microseconds; none: there is none.
    pub(super) interval_us: Option<u64>,
}

/// Beyond it no rate can be asked for, save none.
const MOST: f64 = 1000.0;

impl Rate {
    /// What is in force for what was asked, below the server's ceiling.
    pub(super) fn in_force(wanted: Option<&str>, ceiling: Option<&str>) -> Self {
        let rates = [wanted, ceiling].into_iter().flatten().filter(|text| *text != "unlimited");
        let rates =
            rates.map(|text| (text, text.parse::<f64>().expect("scenarios have rates that are numbers")));
        let least = rates.min_by(|(_, one), (_, other)| one.total_cmp(other));
        let Some((text, rate)) = least else {
            return Self { text: "unlimited".to_owned(), interval_us: None };
        };
        let (text, rate) = if rate > MOST { ("1000", MOST) } else { (text, rate) };
        Self { text: text.to_owned(), interval_us: Some((1e6 / rate).floor() as u64) }
    }
}
