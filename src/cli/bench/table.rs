//! A report as a table for people.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::load::{Figure, Report, Unit};

/// The report's table.
pub(super) fn of(report: &Report) -> String {
    let figures = report.figures();
    let names = figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
    let values: Vec<_> = figures.iter().map(|figure| shown(figure.value, figure.unit)).collect();
    let width = values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
    let mut out = format!("{}\n", report.load.server);
    let mut group = "";
    for (figure, value) in figures.iter().zip(values) {
        let opens = if figure.group == group { "" } else { figure.group };
        group = figure.group;
        line(&mut out, &format!("{opens:9}  {:names$}  {value:>width$}", figure.name));
        if let Some(reasons) = reasons_of(figure, report) {
            reasons
                .iter()
                .for_each(|(reason, count)| line(&mut out, &format!("{:9}    {count} × {reason}", "")));
        }
    }
    if let Some(server) = &report.server {
        let pids: Vec<_> = server.pids.iter().map(ToString::to_string).collect();
        line(&mut out, &format!("measured server: process {} ({})", pids.join(","), server.name));
    } else {
        line(&mut out, "measured server: none, its process isn't known or not on this machine");
    }
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a string takes every character");
}

fn reasons_of<'a>(figure: &Figure, report: &'a Report) -> Option<&'a BTreeMap<String, u64>> {
    match (figure.group, figure.name.as_str()) {
        ("sessions", "refused") => Some(&report.sessions.refused_reasons),
        ("sessions", "lost") => Some(&report.sessions.lost_reasons),
        _ => None,
    }
}

/// Reasons on one line.
pub(super) fn reasons(reasons: &BTreeMap<String, u64>) -> String {
    reasons.iter().map(|(reason, count)| format!("{count} × {reason}")).collect::<Vec<_>>().join(", ")
}

/// A value with its unit, in as many digits as mean something.
pub(super) fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count => grouped(value),
        Unit::PerSecond => format!("{}/s", grouped(value)),
        Unit::Seconds => format!("{value:.3} s"),
        Unit::Milliseconds => format!("{value:.3} ms"),
        Unit::Microseconds => format!("{value:.3} µs"),
        Unit::Bytes => bytes(value),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
        Unit::Share => format!("{:.1} %", value * 100.0),
        Unit::Each => format!("{value:.2}"),
    }
}

/// A whole number with its thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if value <= -0.5 { format!("-{out}") } else { out }
}

fn bytes(value: f64) -> String {
    const UNITS: [(&str, f64); 3] = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1024.0)];
    match UNITS.iter().find(|(_, size)| value.abs() >= *size) {
        Some((name, size)) => format!("{:.2} {name}", value / size),
        None => format!("{value:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_in_their_units() {
        for (value, unit, expected) in [
            (0.0, Unit::Count, "0"),
            (999.0, Unit::Count, "999"),
            (1_234_567.0, Unit::Count, "1,234,567"),
            (20_000.4, Unit::PerSecond, "20,000/s"),
            (0.0421, Unit::Seconds, "0.042 s"),
            (1.0, Unit::Milliseconds, "1.000 ms"),
            (0.3456, Unit::Microseconds, "0.346 µs"),
            (1023.0, Unit::Bytes, "1023 B"),
            (12_288.0, Unit::Bytes, "12.00 KiB"),
            (-12_288.0, Unit::Bytes, "-12.00 KiB"),
            (3_145_728.0, Unit::BytesPerSecond, "3.00 MiB/s"),
            (0.4567, Unit::Share, "45.7 %"),
            (9.876, Unit::Each, "9.88"),
        ] {
            assert_eq!(shown(value, unit), expected);
        }
    }
}
