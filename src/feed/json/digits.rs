//! Finds numbers that a binary float would change.
//!
//! simd-json reads a number with decimals as a binary float, which keeps 15 significant digits, and
//! none of a number that is too small for it. Such a number has to be refused rather than rounded,
//! and that shows only in the text.

/// Significant digits that survive a binary float (IEEE 754 binary64, `f64::DIGITS`).
const SIGNIFICANT_DIGITS_MAX: usize = 15;

/// The numbers of a tick. What other fields hold is passed over anyway.
const NUMBERS: [&str; 6] = ["price", "size", "bid", "bid_size", "ask", "ask_size"];

/// The first of the tick's numbers that has decimals or an exponent and more than 15 significant
/// digits. Whole numbers don't count: they are read as integers.
pub(super) fn overlong_number(json: &[u8]) -> Option<&'static str> {
    if has_long_run(json) { scan(json, is_overlong) } else { None }
}

/// The first of the tick's numbers that isn't zero, though a binary float has nothing but zero for it,
/// such as `1e-400`. Worth asking only of a record with a float that reads as zero.
pub(super) fn vanished_number(json: &[u8]) -> Option<&'static str> {
    scan(json, vanishes)
}

/// Whether any 17 bytes in a row could belong to a number: 16 digits and a point. Nearly no record
/// has such a run, and telling so takes a look at every 17th byte only.
fn has_long_run(json: &[u8]) -> bool {
    const RUN: usize = SIGNIFICANT_DIGITS_MAX + 2;
    let mut at = RUN - 1;
    while at < json.len() {
        if !is_number_byte(json[at]) {
            at += RUN;
            continue;
        }
        let before = json[..at].iter().rev().take_while(|byte| is_number_byte(**byte)).count();
        let after = json[at..].iter().take_while(|byte| is_number_byte(**byte)).count();
        if before + after >= RUN {
            return true;
        }
        at += after + RUN - 1;
    }
    false
}

/// Walks over the text as a JSON reader would, with an eye on the last string: in an object it's the
/// name of the number that follows. A name that is written with escapes isn't undone; it counts as
/// one of the tick's. Gives the first of the tick's numbers that `is_changed`.
fn scan(json: &[u8], is_changed: impl Fn(&[u8]) -> bool) -> Option<&'static str> {
    let mut rest = json;
    let mut depth = 0_usize;
    let mut name: &[u8] = b"";
    while let Some((byte, tail)) = rest.split_first() {
        rest = match byte {
            b'"' => {
                let after = after_string(tail);
                name = &tail[..tail.len() - after.len()];
                after
            }
            b'{' | b'[' => {
                depth += 1;
                tail
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                tail
            }
            b'-' | b'0'..=b'9' => {
                let length = rest.iter().take_while(|byte| is_number_byte(**byte)).count();
                if depth <= 1
                    && is_changed(&rest[..length])
                    && let Some(field) = field_of(name)
                {
                    return Some(field);
                }
                &rest[length..]
            }
            _ => tail,
        };
    }
    None
}

/// The tick's number with this name, which has its closing quotation mark still.
fn field_of(name: &[u8]) -> Option<&'static str> {
    if name.contains(&b'\\') {
        return Some("a field with an escaped name");
    }
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    NUMBERS.into_iter().find(|field| field.as_bytes() == name)
}

/// What follows a string's closing quotation mark.
fn after_string(mut rest: &[u8]) -> &[u8] {
    loop {
        match rest {
            [b'"', tail @ ..] => return tail,
            [b'\\', _, tail @ ..] | [_, tail @ ..] => rest = tail,
            [] => return rest,
        }
    }
}

fn is_overlong(number: &[u8]) -> bool {
    let mantissa = mantissa(number);
    if mantissa.len() == number.len() && !number.contains(&b'.') {
        return false;
    }
    let digits = || mantissa.iter().filter(|byte| byte.is_ascii_digit());
    let leading_zeros = digits().take_while(|digit| **digit == b'0').count();
    let trailing_zeros = digits().rev().take_while(|digit| **digit == b'0').count();
    digits().count().saturating_sub(leading_zeros + trailing_zeros) > SIGNIFICANT_DIGITS_MAX
}

/// Whatever is below the smallest normal float counts: where between it and zero a reader of numbers
/// gives up is its own affair, and all of it is far below a tick's 1e-9.
fn vanishes(number: &[u8]) -> bool {
    let as_float = || str::from_utf8(number).ok()?.parse::<f64>().ok();
    mantissa(number).iter().any(|byte| matches!(byte, b'1'..=b'9'))
        && as_float().is_some_and(|value| value.abs() < f64::MIN_POSITIVE)
}

/// A number without its exponent.
fn mantissa(number: &[u8]) -> &[u8] {
    number.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default()
}

const fn is_number_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(json: &str, expected: bool) {
        assert_eq!(overlong_number(json.as_bytes()).is_some(), expected, "{json}");
    }

    #[test]
    fn sixteen_significant_digits_with_decimals_are_too_many() {
        check(r#"{"price":1234567.123456789}"#, true);
        check(r#"{"price":1.234567890123456}"#, true);
        check(r#"{"price":-0.1234567890123456}"#, true);
        check(r#"{"price":1234567890123456e-9}"#, true);
        check(r#"{"price":1.23456789012345}"#, false);
        check(r#"{"price":0.0000000000000000000000012}"#, false);
        check(r#"{"price":189.8400000000000000000}"#, false);
    }

    #[test]
    fn whole_numbers_and_strings_are_left_alone() {
        check(r#"{"time_us":1732187000123456,"n":12345678901234567890}"#, false);
        check(r#"{"price":"1234567890.123456789"}"#, false);
        check(r#"{"venue":"a\"1.2345678901234567890","price":1.5}"#, false);
    }

    #[test]
    fn only_the_ticks_own_numbers_count() {
        check(r#"{"mid":1.234567890123456,"price":1.5}"#, false);
        check(r#"{"x":{"price":1.234567890123456},"y":[1.234567890123456],"price":1.5}"#, false);
        check(r#"{"x":{},"ask_size" : 1.234567890123456}"#, true);
        check(r#"{"pr\u0069ce":1.234567890123456}"#, true);
        assert_eq!(overlong_number(br#"{"bid":1.234567890123456}"#), Some("bid"));
    }

    #[test]
    fn only_what_a_float_has_no_digit_of_has_vanished() {
        let zeros = "0".repeat(340);
        for vanished in ["1e-400", "-1e-400", "1e-324", "1E-5000", "0.1e-99999999999", &format!("0.{zeros}1")]
        {
            let json = format!(r#"{{"size":0.0,"x":[1e-400],"price":{vanished}}}"#);
            assert_eq!(vanished_number(json.as_bytes()), Some("price"), "{json}");
        }
        for kept in ["0.0", "-0.0", "0e5", "0e-400", "1e-300", "1.5", "\"1e-400\"", "0.000"] {
            let json = format!(r#"{{"mid":1e-400,"price":{kept}}}"#);
            assert_eq!(vanished_number(json.as_bytes()), None, "{json}");
        }
    }

    proptest! {
        /// The look at every 17th byte finds whatever the walk over all of them finds.
        #[test]
        fn the_short_cut_misses_nothing(json in "[0-9.,:\"e{} -]{0,80}") {
            let json = [br#"{"price":"#, json.as_bytes()].concat();
            prop_assert_eq!(overlong_number(&json), scan(&json, is_overlong));
        }
    }
}
