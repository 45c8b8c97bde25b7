//! The configuration file: TOML in, a flat list of settings with their lines out. Which keys exist is told by the
//! caller, so that the file knows exactly what the command line knows.

use toml::de::{DeTable, DeValue};

/// A setting as the file gives it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileSetting {
    /// A known key.
    pub(super) key: String,
    /// Where its value stands, from 1.
    pub(super) line: usize,
    /// One text for a plain value, one for each entry of a list.
    pub(super) values: Vec<String>,
}

/// Reads the text of a configuration file.
///
/// # Errors
/// A sentence that opens with the line: what is wrong there, and what is allowed.
pub(super) fn parse(text: &str, known: &[String]) -> Result<Vec<FileSetting>, String> {
    let line_of = |offset: usize| 1 + text[..offset].bytes().filter(|byte| *byte == b'\n').count();
    let document = DeTable::parse(text).map_err(|error| {
        let line = line_of(error.span().map_or(0, |span| span.start));
        // Some of toml's messages span lines; ours is one.
        format!("{line}: not TOML: {}", error.message().lines().collect::<Vec<_>>().join(", "))
    })?;
    let mut settings = Vec::new();
    for (key, value) in document.get_ref() {
        let name = key.get_ref().as_ref();
        if !known.iter().any(|it| it == name) {
            return Err(format!("{}: {}", line_of(key.span().start), unknown_key(name, known)));
        }
        let line = line_of(value.span().start);
        let values = texts(name, value.get_ref()).map_err(|error| format!("{line}: {error}"))?;
        settings.push(FileSetting { key: name.to_owned(), line, values });
    }
    settings.sort_by_key(|setting| setting.line);
    Ok(settings)
}

/// Says that a key isn't known, and which one its writer may have meant.
fn unknown_key(name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some(nearest) => format!("unknown key `{name}`; the nearest known one is `{nearest}`"),
        None => format!("unknown key `{name}`; {LISTED}"),
    }
}

/// Where all keys can be read.
pub(super) const LISTED: &str = "`tickcast check-config` and the --help of each command list the known ones";

/// The known key that a writer may have meant.
pub(super) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    /// From 0 to 1. What shares a word is above it; what shares a few letters by chance is below.
    const LIKENESS_MIN: f64 = 0.8;
    let rated = known.iter().map(|candidate| (strsim::jaro_winkler(name, candidate), candidate));
    rated
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, it)| it)
}

/// Settings whose entries are `key=value`.
const TABLES: [&str; 2] = ["kafka_property", "kafka_property_file"];

fn texts(key: &str, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    match value {
        DeValue::Array(entries) => entries.iter().map(|entry| plain(key, entry.get_ref())).collect(),
        // `[kafka_property]` reads better as a table: each line of it is one entry `key=value`.
        DeValue::Table(table) if TABLES.contains(&key) => {
            let mut entries = Vec::new();
            flatten(key, "", table, &mut entries)?;
            Ok(entries)
        }
        value => Ok(vec![plain(key, value)?]),
    }
}

/// `security.protocol = "ssl"` in a table is TOML's way to write nested tables: the names are joined again.
fn flatten(key: &str, prefix: &str, table: &DeTable<'_>, entries: &mut Vec<String>) -> Result<(), String> {
    for (name, value) in table {
        let name = format!("{prefix}{}", name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => flatten(key, &format!("{name}."), inner, entries)?,
            value => entries.push(format!("{name}={}", plain(key, value)?)),
        }
    }
    Ok(())
}

fn plain(key: &str, value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Integer(_) => Err(format!("`{key}`: expected a decimal number")),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(choice) => Ok(choice.to_string()),
        DeValue::Datetime(time) => Ok(time.to_string()),
        DeValue::Array(_) => Err(format!("`{key}`: expected a value, not a list within a list")),
        DeValue::Table(_) => Err(format!("`{key}`: expected a value, not a table")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, line and values of a setting.
    type Expected<'a> = (&'a str, usize, &'a [&'a str]);

    fn check(text: &str, expected: Result<&[Expected<'_>], &str>) {
        let known = ["kafka", "kafka_property", "max_symbols", "topic"].map(str::to_owned);
        let expected = expected.map_err(str::to_owned).map(|settings| {
            let own = |(key, line, values): &Expected<'_>| FileSetting {
                key: (*key).to_owned(),
                line: *line,
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            };
            settings.iter().map(own).collect::<Vec<_>>()
        });
        assert_eq!(parse(text, &known), expected, "{text}");
    }

    #[test]
    fn values_lists_and_tables_become_texts_with_lines() {
        check("", Ok(&[]));
        check(
            "# a comment\nmax_symbols = 1_000\n\ntopic = \"t\"\n",
            Ok(&[("max_symbols", 2, &["1000"]), ("topic", 4, &["t"])]),
        );
        check("kafka = [\n\"a:1\",\n\"b:2\"]", Ok(&[("kafka", 1, &["a:1", "b:2"])]));
        check(
            "[kafka_property]\nsecurity.protocol = \"ssl\"\n\"fetch.min.bytes\" = 1",
            Ok(&[("kafka_property", 1, &["fetch.min.bytes=1", "security.protocol=ssl"])]),
        );
        check("kafka_property = [\"a=b=c\"]", Ok(&[("kafka_property", 1, &["a=b=c"])]));
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_known_key() {
        check(
            "topic = \"t\"\nmax-symbol = 1",
            Err("2: unknown key `max-symbol`; the nearest known one is `max_symbols`"),
        );
        check(
            "x = 1",
            Err(
                "1: unknown key `x`; `tickcast check-config` and the --help of each command list the known ones",
            ),
        );
        check("[topics]", Err("1: unknown key `topics`; the nearest known one is `topic`"));
    }

    #[test]
    fn what_is_no_value_names_its_line() {
        check("\n[topic]\nx = 1", Err("2: `topic`: expected a value, not a table"));
        check("kafka = [[\"a\"]]", Err("1: `kafka`: expected a value, not a list within a list"));
        check("max_symbols = 0x10", Err("1: `max_symbols`: expected a decimal number"));
    }

    #[test]
    fn what_is_no_toml_names_its_line() {
        let error = parse("topic = \"t\"\nkafka = \n", &[]).unwrap_err();
        assert!(error.starts_with("2: not TOML: "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
