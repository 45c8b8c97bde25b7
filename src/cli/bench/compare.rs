//! Two reports side by side: the ratio of each figure, and which is better.

use std::fmt::Write as _;

use super::table::shown;
use crate::load::{Better, Figure, Report};

/// What one figure came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Better,
    Worse,
    Alike,
    /// It isn't a matter of better or worse.
    None,
}

/// Figures that differ by no more are alike: what two runs of the same server differ by at least.
const ALIKE: f64 = 0.02;

/// The comparison's table.
pub(super) fn of(before: &Report, after: &Report) -> String {
    let mut out = String::new();
    if before.load != after.load {
        let load = |report: &Report| {
            let load = &report.load;
            format!(
                "{} with {} sessions ({} stalled) × {} subscriptions of {} destinations",
                load.server, load.sessions, load.stalled, load.subscriptions, load.destinations
            )
        };
        line(&mut out, &format!("the loads differ: {} before, {} after", load(before), load(after)));
    }
    let (before, after) = (before.figures(), after.figures());
    let rows: Vec<_> = before.iter().filter_map(|figure| row(figure, &after)).collect();
    let width = |column: usize| rows.iter().map(|(row, _)| row[column].chars().count()).max().unwrap_or(0);
    let widths =
        [width(0), width(1).max("before".len()), width(2).max("after".len()), width(3).max("ratio".len())];
    let written = |row: [&str; 4]| {
        let [name, before, after, ratio] = widths;
        format!("{:name$}  {:>before$}  {:>after$}  {:>ratio$}", row[0], row[1], row[2], row[3])
    };
    line(&mut out, &written(["", "before", "after", "ratio"]));
    for (row, verdict) in &rows {
        let text = written([&row[0], &row[1], &row[2], &row[3]]);
        line(&mut out, format!("{text}  {}", verdict.word()).trim_end());
    }
    let count = |wanted| rows.iter().filter(|(_, verdict)| *verdict == wanted).count();
    line(
        &mut out,
        &format!(
            "{} figures are better after, {} worse, {} alike",
            count(Verdict::Better),
            count(Verdict::Worse),
            count(Verdict::Alike)
        ),
    );
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a string takes every character");
}

/// A figure that both have.
fn row(figure: &Figure, after: &[Figure]) -> Option<([String; 4], Verdict)> {
    let other = after.iter().find(|it| it.group == figure.group && it.name == figure.name)?;
    let ratio = other.value / figure.value;
    let ratio_shown = if ratio.is_finite() { format!("{ratio:.3}") } else { "–".to_owned() };
    let name = format!("{:9} {}", figure.group, figure.name);
    let cells = [name, shown(figure.value, figure.unit), shown(other.value, other.unit), ratio_shown];
    Some((cells, judge(figure.better, figure.value, other.value)))
}

fn judge(better: Better, before: f64, after: f64) -> Verdict {
    let alike = (after - before).abs() <= ALIKE * before.abs().max(after.abs());
    match better {
        Better::Neither => Verdict::None,
        _ if alike => Verdict::Alike,
        Better::Less if after < before => Verdict::Better,
        Better::More if after > before => Verdict::Better,
        Better::Less | Better::More => Verdict::Worse,
    }
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Alike => "alike",
            Self::None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_better_worse_or_alike_by_its_own_direction() {
        for (better, before, after, expected) in [
            (Better::Less, 10.0, 9.0, Verdict::Better),
            (Better::Less, 10.0, 11.0, Verdict::Worse),
            (Better::More, 10.0, 11.0, Verdict::Better),
            (Better::More, 10.0, 9.0, Verdict::Worse),
            (Better::More, 100.0, 101.0, Verdict::Alike),
            (Better::Less, 0.0, 0.0, Verdict::Alike),
            (Better::Less, 0.0, 1.0, Verdict::Worse),
            (Better::Neither, 1.0, 100.0, Verdict::None),
        ] {
            assert_eq!(judge(better, before, after), expected, "{better:?} {before} {after}");
        }
    }
}
