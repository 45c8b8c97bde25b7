//! Figures of several rounds: their medians, and how two of them compare.
//!
//! What is compared is measured in turns, a round of each after the other, so that whatever else the machine does meets
//! all of them. Two ratios are told: that of the medians, which the goals are about, and the median of the ratios
//! within a round, which a machine that gets slower on the way doesn't move. Where they differ the run was a bad one.

use serde::Serialize;

/// One figure's values, a round each.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Rounds(pub(crate) Vec<f64>);

impl Rounds {
    /// The middle one; of an even number the mean of the two in the middle. Not a number if there are none.
    pub(crate) fn median(&self) -> f64 {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => values[odd / 2],
            even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
        }
    }

    /// How many times `other` this is.
    pub(crate) fn over(&self, other: &Self) -> Ratio {
        let within = self.0.iter().zip(&other.0).map(|(this, other)| this / other);
        Ratio {
            of_medians: self.median() / other.median(),
            median_within_rounds: Self(within.collect()).median(),
        }
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

/// How two figures compare.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) of_medians: f64,
    pub(crate) median_within_rounds: f64,
}
