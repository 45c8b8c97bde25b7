//! Why sessions were refused or lost, counted by the words for it.

use std::collections::BTreeMap;

/// Different reasons that are told apart. Servers put what they like into them.
const REASONS_MAX: usize = 32;

const OTHERS: &str = "other reasons";

/// How often each reason was given.
#[derive(Clone, Debug, Default)]
pub(super) struct Reasons(BTreeMap<String, u64>);

impl Reasons {
    pub(super) fn add(&mut self, reason: String, count: u64) {
        if count == 0 {
            return;
        }
        let is_known = self.0.contains_key(&reason);
        let reason = if is_known || self.0.len() < REASONS_MAX { reason } else { OTHERS.to_owned() };
        *self.0.entry(reason).or_default() += count;
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The one that was given most often.
    pub(super) fn first(&self) -> Option<String> {
        self.0.iter().max_by_key(|(_, count)| **count).map(|(reason, _)| reason.clone())
    }

    pub(super) fn told(&self) -> BTreeMap<String, u64> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_bounded() {
        let mut reasons = Reasons::default();
        for number in 0..100 {
            reasons.add(format!("reason {number}"), 1);
            reasons.add("reason 0".to_owned(), 1);
        }
        reasons.add("nothing".to_owned(), 0);
        let told = reasons.told();
        assert_eq!((told.len(), told["reason 0"], told[OTHERS]), (33, 101, 68));
        assert_eq!(reasons.total(), 200);
    }
}
