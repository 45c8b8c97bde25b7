//! How the process speaks of itself: logs on standard error, so that standard output stays a command's own.

use std::io::{IsTerminal, Write as _};

use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, Logging};

/// Starts logging for the whole process: times in RFC 3339 (UTC, microseconds), spans with each event.
///
/// Called once, by the command line; a process that has a subscriber already keeps it.
pub fn init_logging(logging: &Logging) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = lines(logging.format, colour, std::io::stderr);
    let filter = EnvFilter::try_new(&logging.level).expect("the level was parsed as a setting");
    // A second call is a test's or an embedding program's, and its subscriber was meant.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

/// Tells on standard error why the process fails, whatever the level of the log is: a plain line for
/// people, an event of the log for machines.
pub fn tell_failure(format: LogFormat, failure: &dyn std::fmt::Display) {
    match format {
        // With nobody to read it, the line isn't missed.
        LogFormat::Human => drop(writeln!(std::io::stderr(), "error: {failure}")),
        LogFormat::Json => as_event(failure, std::io::stderr),
    }
}

fn as_event<W>(failure: &dyn std::fmt::Display, writer: W)
where
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let unfiltered = tracing_subscriber::registry().with(lines(LogFormat::Json, false, writer));
    tracing::subscriber::with_default(unfiltered, || tracing::error!("{failure}"));
}

/// The layer that writes one line an event.
fn lines<W>(format: LogFormat, colour: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        LogFormat::Human => layer.with_ansi(colour).boxed(),
        // Fields at the top level are what log stores index.
        LogFormat::Json => layer.json().flatten_event(true).with_span_list(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::registry().with(lines(format, false, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let _session = tracing::info_span!("session", id = 7).entered();
            tracing::warn!(lag = 3, "falling behind");
        });
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_human_line_opens_with_an_rfc_3339_time_and_shows_the_span() {
        let line = logged(LogFormat::Human);
        let time: jiff::Timestamp = line.split_whitespace().next().unwrap().parse().unwrap();
        assert!(time <= jiff::Timestamp::now(), "{line}");
        for part in ["WARN", "session{id=7}", "falling behind", "lag=3"] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }

    #[test]
    fn a_json_line_has_its_fields_at_the_top_level() {
        let line = logged(LogFormat::Json);
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["level"], "WARN");
        assert_eq!(event["message"], "falling behind");
        assert_eq!(event["lag"], 3);
        assert_eq!(event["spans"][0]["id"], 7);
        assert!(event["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
    }

    #[test]
    fn a_failure_is_an_event_for_machines() {
        let captured = Captured::default();
        let writer = captured.clone();
        as_event(&"no broker", move || writer.clone());
        let line = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&event["level"], &event["message"]), (&"ERROR".into(), &"no broker".into()));
    }
}
