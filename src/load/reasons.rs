//! Why sessions were refused or lost, counted by the words for it.

use std::collections::BTreeMap;

/// Different reasons that are told apart. Servers put what they like into them.
const REASONS_MAX: usize = 32;

/// Of each.
const CHARACTERS_MAX: usize = 300;

const OTHERS: &str = "other reasons";

/// How often each reason was given.
#[derive(Clone, Debug, Default)]
pub(super) struct Reasons {
    counts: BTreeMap<String, u64>,
    first: Option<String>,
}

impl Reasons {
    pub(super) fn add(&mut self, reason: &str, count: u64) {
        if count == 0 {
            return;
        }
        // It ends up in a terminal.
        let printable = |character: char| if character.is_control() { '\u{fffd}' } else { character };
        let reason: String = reason.chars().take(CHARACTERS_MAX).map(printable).collect();
        let is_known = self.counts.contains_key(&reason);
        let reason = if is_known || self.counts.len() < REASONS_MAX { reason } else { OTHERS.to_owned() };
        self.first.get_or_insert_with(|| reason.clone());
        *self.counts.entry(reason).or_default() += count;
    }

    pub(super) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The one that was given first.
    pub(super) fn first(&self) -> Option<String> {
        self.first.clone()
    }

    pub(super) fn told(&self) -> BTreeMap<String, u64> {
        self.counts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_bounded() {
        let mut reasons = Reasons::default();
        for number in 0..100 {
            reasons.add(&format!("reason {number}"), 1);
            reasons.add("reason 0", 1);
        }
        reasons.add("nothing", 0);
        let told = reasons.told();
        assert_eq!((told.len(), told["reason 0"], told[OTHERS]), (33, 101, 68));
        assert_eq!((reasons.total(), reasons.first().as_deref()), (200, Some("reason 0")));
    }
}
