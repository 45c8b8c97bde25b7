//! Numbers and times as a person reads them.

/// A price with so many decimals.
pub(super) fn price(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

/// A size or a volume in at most six characters: `300`, `1203k`, `48.2M`.
pub(super) fn amount(value: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];
    let unit = UNITS.into_iter().find(|(least, _)| value >= *least);
    match unit {
        None => trimmed(value),
        Some((1e4, unit)) => format!("{:.0}{unit}", value / 1e3),
        Some((least, unit)) => format!("{:.1}{unit}", value / least),
    }
}

/// A whole number with a comma after each thousand.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long ago, in the largest unit that it fills: `12ms`, `3.4s`, `5m`, `2h`, `3d`. A clock that is behind shows `0ms`.
pub(super) fn age(us: i64) -> String {
    let ms = us.max(0) / 1000;
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..10_000 => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
        10_000..60_000 => format!("{}s", ms / 1000),
        60_000..3_600_000 => format!("{}m", ms / 60_000),
        3_600_000..86_400_000 => format!("{}h", ms / 3_600_000),
        _ => format!("{}d", ms / 86_400_000),
    }
}

/// A change with its sign.
pub(super) fn percent(value: f64) -> String {
    // What is nothing after rounding has no direction.
    let value = if value.abs() < 0.005 { 0.0 } else { value };
    format!("{value:+.2}%")
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_ages_stay_short() {
        let amounts = [0.0, 0.5, 300.0, 9999.0, 10_000.0, 1_203_400.0, 48_200_000.0, 1.5e9, 2e12].map(amount);
        assert_eq!(amounts, ["0", "0.5", "300", "9999", "10k", "1.2M", "48.2M", "1.5G", "2.0T"]);
        let ages = [-5, 999_999, 3_400_000, 42_000_000, 300_000_000, 7_200_000_000, 172_800_000_000].map(age);
        assert_eq!(ages, ["0ms", "999ms", "3.4s", "42s", "5m", "2h", "2d"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.5, -0.004].map(percent), ["+0.50%", "+0.00%"]);
    }
}
