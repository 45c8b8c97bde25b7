//! What is known of a symbol, in a form in which what the log says, what `/api/snapshot` says and what a MESSAGE says can
//! be compared: numbers exact, in units of 1e-9.

use std::collections::BTreeMap;

use serde_json::Value;

/// All symbols' states, by symbol.
pub(crate) type States = BTreeMap<String, State>;

/// A symbol's state: the contract's fields (§5.3) and `seq`, without the symbol itself.
pub(crate) type State = BTreeMap<String, Fact>;

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// In units of 1e-9.
    Number(i128),
    /// A venue, or an epoch.
    Text(String),
}

/// A state from a JSON object's fields.
pub(crate) fn state_of(object: &serde_json::Map<String, Value>) -> State {
    let facts = object.iter().filter(|(name, value)| *name != "symbol" && !value.is_null());
    facts.map(|(name, value)| (name.clone(), fact(name, value))).collect()
}

fn fact(name: &str, value: &Value) -> Fact {
    match value {
        Value::Number(number) => Fact::Number(nanos(&number.to_string())),
        // What doesn't fit a JavaScript number comes as a string.
        Value::String(text) if name != "venue" && name != "epoch" => Fact::Number(nanos(text)),
        Value::String(text) => Fact::Text(text.clone()),
        other => panic!("{name} is {other}"),
    }
}

/// A decimal in units of 1e-9.
pub(crate) fn nanos(decimal: &str) -> i128 {
    let (digits, exponent) = decimal.split_once(['e', 'E']).unwrap_or((decimal, "0"));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let shift = exponent.parse::<i32>().unwrap() - i32::try_from(part.len()).unwrap() + 9;
    let number: i128 = format!("{whole}{part}").parse().unwrap();
    let power = 10_i128.pow(shift.unsigned_abs());
    if shift >= 0 {
        return number * power;
    }
    assert_eq!(number % power, 0, "{decimal} has more than nine decimals");
    number / power
}

/// The first few differences, for a test's message.
pub(crate) fn differences(found: &States, expected: &States) -> String {
    let symbols = found.keys().chain(expected.keys()).collect::<std::collections::BTreeSet<_>>();
    let differing: Vec<_> = symbols.into_iter().filter(|it| found.get(*it) != expected.get(*it)).collect();
    let shown = differing
        .iter()
        .take(2)
        .map(|symbol| format!("{symbol}: {:?}, expected {:?}", found.get(*symbol), expected.get(*symbol)));
    format!("{} symbols differ; {}", differing.len(), shown.collect::<Vec<_>>().join("; "))
}
