//! `check-config`: the settings in force as a table, then what looks unwise.

use std::io::{self, Write};

use super::sources::{Origin, Setting};
use crate::config::Unwise;

/// Writes one line a setting (key, value, who gave it), then one line a warning.
///
/// # Errors
/// When `out` can't be written.
pub(super) fn write(out: &mut impl Write, settings: &[Setting], unwise: &[Unwise]) -> io::Result<()> {
    let rows: Vec<_> = settings.iter().map(|setting| (setting, value(setting))).collect();
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let key_width = width(&mut rows.iter().map(|(setting, _)| setting.key.len()));
    let value_width = width(&mut rows.iter().map(|(_, value)| value.chars().count()));
    for (setting, value) in &rows {
        writeln!(out, "{:key_width$}  {value:value_width$}  {}", setting.key, setting.origin)?;
    }
    for warning in unwise {
        writeln!(out, "unwise: {warning}")?;
    }
    if unwise.is_empty() {
        writeln!(out, "nothing looks unwise")?;
    }
    out.flush()
}

/// The value for people; for a setting without one, what happens then.
fn value(setting: &Setting) -> String {
    if setting.origin != Origin::Default || !setting.values.is_empty() {
        return setting.shown();
    }
    let unset = match setting.key.as_str() {
        "kafka" => "(embedded broker)",
        "embedded_kafka_port" => "(any)",
        "quarantine_topic" => "(the topic's name and .quarantine)",
        "workers" => "(number of cores)",
        "allowed_origins" => "(same origin)",
        "tls_certificate" | "tls_key" => "(no TLS)",
        _ => "(none)",
    };
    unset.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_value_and_source_but_no_password() {
        let setting = |key: &str, values: &[&str], origin| Setting {
            key: key.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            origin,
        };
        let settings = [
            setting("kafka", &["a:1", "b:2"], Origin::Environment),
            setting("kafka_property", &["sasl.password=hunter2"], Origin::File("t.toml".into(), 3)),
            setting("workers", &[], Origin::Default),
            setting("topic", &["ticks"], Origin::Flag),
        ];
        let mut out = Vec::new();
        write(&mut out, &settings, &[Unwise { key: "listen", reason: "why".into() }]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "kafka           a:1,b:2            environment\n\
             kafka_property  sasl.password=…    t.toml:3\n\
             workers         (number of cores)  default\n\
             topic           ticks              flag\n\
             unwise: listen: why\n"
        );
    }
}
