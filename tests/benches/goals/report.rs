//! What was found: a table for people, and JSON with every round for machines.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{figures::Rounds, system::Machine};

/// What a figure is to be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// Of which goal.
    goal: &'static str,
    /// What is told.
    what: String,
    figure: f64,
    unit: &'static str,
    /// Nothing for what explains the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<Wanted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    /// Of a ratio of medians: the median of the ratios within a round.
    #[serde(skip_serializing_if = "Option::is_none")]
    median_within_rounds: Option<f64>,
    /// What it's the median of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rounds: Vec<f64>,
}

impl Row {
    /// A figure that explains others: the median of rounds.
    pub(crate) fn of(
        goal: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        rounds: &Rounds,
    ) -> Self {
        Self { rounds: rounds.0.clone(), ..Self::one(goal, what, unit, rounds.median()) }
    }

    /// A figure that was measured once, or follows from others.
    pub(crate) fn one(goal: &'static str, what: impl Into<String>, unit: &'static str, figure: f64) -> Self {
        Self {
            goal,
            what: what.into(),
            figure,
            unit,
            wanted: None,
            met: None,
            median_within_rounds: None,
            rounds: Vec::new(),
        }
    }

    /// How many times the second figure the first one is.
    pub(crate) fn ratio(goal: &'static str, what: impl Into<String>, this: &Rounds, other: &Rounds) -> Self {
        let ratio = this.over(other);
        Self {
            median_within_rounds: Some(ratio.median_within_rounds),
            rounds: this.0.iter().zip(&other.0).map(|(this, other)| this / other).collect(),
            ..Self::one(goal, what, "times", ratio.of_medians)
        }
    }

    /// The same as a goal. What isn't a number meets none.
    pub(crate) fn wanted(mut self, wanted: Wanted) -> Self {
        self.met = Some(match wanted {
            Wanted::AtMost(most) => self.figure <= most,
            Wanted::AtLeast(least) => self.figure >= least,
        });
        self.wanted = Some(wanted);
        self
    }
}

/// Everything that a run has found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    /// Shorter and smaller than the goals are about: to try the harness.
    is_quick: bool,
    rounds: usize,
    rows: Vec<Row>,
}

impl Report {
    /// Nothing found yet.
    pub(crate) const fn new(machine: Machine, is_quick: bool, rounds: usize) -> Self {
        Self { machine, is_quick, rounds, rows: Vec::new() }
    }

    /// Adds what a goal has found, and prints it.
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    pub(crate) fn add(&mut self, rows: Vec<Row>) {
        print!("{}", Table(&rows));
        self.rows.extend(rows);
    }

    /// Writes all of it as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("{} can't be made", directory.display()))?;
        }
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").with_context(|| format!("{} can't be written", path.display()))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::AtLeast(least) => write!(f, "≥ {least}"),
        }
    }
}

struct Table<'a>(&'a [Row]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:<10} {:<width$} {:>12} {:<14} {:>8}  met", "goal", "what", "figure", "", "goal")?;
        for row in self.0 {
            let wanted = row.wanted.map_or(String::new(), |wanted| wanted.to_string());
            let met = row.met.map_or("", |met| if met { "yes" } else { "NO" });
            let figure = Figure(row.figure).to_string();
            let Row { goal, what, unit, .. } = row;
            write!(f, "{goal:<10} {what:<width$} {figure:>12} {unit:<14} {wanted:>8}  {met}")?;
            if let Some(within) = row.median_within_rounds {
                write!(f, "  (within rounds {})", Figure(within))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A number with as many digits as are worth something.
struct Figure(f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = match self.0.abs() {
            0.0..10.0 => 2,
            10.0..1000.0 => 1,
            _ => 0,
        };
        write!(f, "{:.decimals$}", self.0)
    }
}
