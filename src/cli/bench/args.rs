//! The flags of a load test.

use std::{str::FromStr, time::Duration};

use clap::Args;

use crate::{
    config::{HostPort, Invalid, accept_rate, rate, seconds, whole_number},
    load::{AgeField, Plan, ProcessChoice, Sending, Snapshots, Symbols, TimeUnit},
};

/// What to load a server with.
#[derive(Args, Debug)]
pub(super) struct LoadArgs {
    /// Symbols to subscribe to [default: those that the server's /api/symbols lists]
    #[arg(value_name = "SYMBOL")]
    symbols: Vec<String>,

    /// Subscribe to so many symbols called S0, S1, S2 … as `feed simulate --numbered-symbols` calls them
    #[arg(long, value_name = "N", value_parser = whole_number(1..=1_000_000_usize), conflicts_with = "symbols")]
    symbol_count: Option<usize>,

    /// Print the result as one JSON object, for a program or for `bench compare`
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: TargetArgs,

    #[command(flatten)]
    sessions: SessionArgs,

    #[command(flatten)]
    sending: SendingArgs,

    #[command(flatten)]
    measuring: MeasuringArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
struct TargetArgs {
    /// Where the server listens, without TLS
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    server: HostPort,

    /// The path of its WebSocket
    #[arg(long, value_name = "PATH", value_parser = path, default_value = "/ws")]
    path: String,

    /// The header Origin of the upgrade, as a page would send it
    #[arg(long, value_name = "ORIGIN", value_parser = line)]
    origin: Option<String>,

    /// The header host of CONNECT: `/` for RabbitMQ [default: the server's name]
    #[arg(long, value_name = "NAME", value_parser = line)]
    virtual_host: Option<String>,

    /// The header login of CONNECT
    #[arg(long, value_name = "NAME", value_parser = line)]
    login: Option<String>,

    /// The header passcode of CONNECT
    #[arg(long, value_name = "PASSWORD", value_parser = line, requires = "login")]
    passcode: Option<String>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Sessions")]
struct SessionArgs {
    /// How many sessions
    #[arg(long, value_name = "N", value_parser = whole_number(1..=1_000_000_usize), default_value = "1000")]
    sessions: usize,

    /// Subscriptions of each session; as many symbols are needed. 0: sessions that only connect
    #[arg(long, value_name = "N", value_parser = whole_number(0..=100_000_usize), default_value = "20")]
    subscriptions: usize,

    /// What is subscribed to: {} stands for the symbol
    #[arg(long, value_name = "PATTERN", value_parser = line, default_value = "/topic/price.stock.{}")]
    destination: String,

    /// A further header of each SUBSCRIBE, such as max-rate:5; may be repeated
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    subscribe_header: Vec<(String, String)>,

    /// Sessions that never read after they subscribed: so many of all, or a share such as 10%
    #[arg(long, value_name = "N|N%", default_value = "0")]
    stalled: Stalled,

    /// New sessions a second; 0: as fast as they open
    #[arg(long, value_name = "PER_S", value_parser = accept_rate, default_value = "0")]
    connect_rate: f64,

    /// Seconds within which all sessions are to be open; those that aren't count as refused
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=3600.0), default_value = "60")]
    open_deadline_s: Duration,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Sending (to brokers that take SEND; tickcast doesn't)")]
struct SendingArgs {
    /// Messages a second that one more session sends, over all symbols in turn
    #[arg(long, value_name = "PER_S", value_parser = rate)]
    send_rate: Option<f64>,

    /// Where to: {} stands for the symbol [default: what is subscribed to]
    #[arg(long, value_name = "PATTERN", value_parser = line, requires = "send_rate")]
    send_destination: Option<String>,

    /// Bytes of each message's body, a JSON object with the symbol and the time under --age-key
    #[arg(long, value_name = "BYTES", value_parser = whole_number(0..=1_048_576_usize), default_value = "200")]
    send_bytes: usize,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Measuring")]
struct MeasuringArgs {
    /// Seconds between the last session's opening and the measurement
    #[arg(long, value_name = "S", value_parser = seconds(0.0..=86_400.0), default_value = "2")]
    warm_up_s: Duration,

    /// Seconds that are measured
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=86_400.0), default_value = "10")]
    measure_s: Duration,

    /// What stands in a message's body before its time, a whole number since the Unix epoch
    #[arg(long, value_name = "TEXT", default_value = "\"time_us\":")]
    age_key: String,

    /// In which unit that time is
    #[arg(long, value_enum, value_name = "UNIT", default_value = "us")]
    age_unit: TimeUnit,

    /// Whose CPU time and memory are measured: auto, the process that listens at the server's port on loopback; none; or
    /// process ids, separated by commas
    #[arg(long, value_name = "PID", value_parser = process, default_value = "auto")]
    pid: ProcessChoice,
}

/// How many sessions are stalled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stalled {
    Count(usize),
    Percent(f64),
}

impl FromStr for Stalled {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || "expected a number of sessions or a share from 0% to 100%, such as 50 or 10%".to_owned();
        let Some(percent) = text.strip_suffix('%') else {
            return whole_number(0..=1_000_000)(text).map(Self::Count).map_err(|_| expected());
        };
        let plain = percent.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let percent = percent.parse().ok().filter(|percent| plain && (0.0..=100.0).contains(percent));
        percent.map(Self::Percent).ok_or_else(expected)
    }
}

impl Stalled {
    fn of(self, sessions: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (sessions as f64 * percent / 100.0).round() as usize,
        }
    }
}

fn process(text: &str) -> Result<ProcessChoice, String> {
    match text {
        "auto" => Ok(ProcessChoice::Found),
        "none" => Ok(ProcessChoice::None),
        ids => ids
            .split(',')
            .map(|id| whole_number(1..=u32::MAX)(id.trim()))
            .collect::<Result<_, _>>()
            .map(ProcessChoice::Told)
            .map_err(|_| "expected auto, none, or process ids separated by commas".to_owned()),
    }
}

fn path(text: &str) -> Result<String, String> {
    let legal = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    legal.then(|| text.to_owned()).ok_or_else(|| "expected a path that begins with /, such as /ws".to_owned())
}

/// Text that can't end the line of a header.
fn line(text: &str) -> Result<String, String> {
    let legal = !text.is_empty() && !text.contains(char::is_control);
    legal.then(|| text.to_owned()).ok_or_else(|| "expected text without line ends".to_owned())
}

fn header(text: &str) -> Result<(String, String), String> {
    let expected = || "expected name:value, such as max-rate:5".to_owned();
    let (name, value) = line(text)
        .ok()
        .and_then(|text| text.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(expected)?;
    match name.as_str() {
        "id" | "destination" | "receipt" => {
            Err(format!("{name} is given by bench itself; expected another header, such as max-rate:5"))
        }
        _ => Ok((name, value)),
    }
}

impl LoadArgs {
    /// Seconds before the measurement, and of it.
    pub(super) const fn durations(&self) -> (Duration, Duration) {
        (self.measuring.warm_up_s, self.measuring.measure_s)
    }

    /// Whether the result is to be JSON.
    pub(super) const fn json(&self) -> bool {
        self.json
    }

    /// The load that the flags describe.
    pub(super) fn into_plan(self) -> Result<Plan, Invalid> {
        let Self { symbols, symbol_count, server, sessions, sending, measuring, json: _ } = self;
        let stalled = sessions.stalled.of(sessions.sessions);
        if stalled > sessions.sessions {
            return Err(Invalid {
                keys: vec!["stalled", "sessions"],
                reason: format!("{stalled} sessions are to be stalled of {}", sessions.sessions),
            });
        }
        if sessions.subscriptions > 1 && !sessions.destination.contains("{}") {
            return Err(Invalid {
                keys: vec!["destination", "subscriptions"],
                reason: format!(
                    "{} different subscriptions of a session need {{}} in the destination",
                    sessions.subscriptions
                ),
            });
        }
        if let Some(symbol) = symbols.iter().find(|symbol| line(symbol).is_err()) {
            return Err(Invalid { keys: vec![], reason: format!("{symbol:?} is no symbol") });
        }
        let send_destination = sending.send_destination.unwrap_or_else(|| sessions.destination.clone());
        let send = sending.send_rate.map(|rate| Sending {
            rate,
            destination: send_destination,
            body_bytes: sending.send_bytes,
        });
        Ok(Plan {
            server: server.server,
            path: server.path,
            origin: server.origin,
            virtual_host: server.virtual_host,
            login: server.login,
            passcode: server.passcode,
            sessions: sessions.sessions,
            stalled,
            subscriptions: sessions.subscriptions,
            destination: sessions.destination,
            symbols: match symbol_count {
                Some(count) => Symbols::Numbered(count),
                None if symbols.is_empty() => Symbols::Listed,
                None => Symbols::Named(symbols),
            },
            headers: sessions.subscribe_header,
            snapshots: Snapshots::IfListed,
            connect_rate: Some(sessions.connect_rate).filter(|rate| rate.is_finite()),
            open_deadline: sessions.open_deadline_s,
            send,
            age: AgeField { key: measuring.age_key, unit: measuring.age_unit },
            process: measuring.pid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stalled_sessions_are_a_number_or_a_share() {
        let of = |text: &str| text.parse::<Stalled>().map(|stalled| stalled.of(1000));
        assert_eq!(of("0"), Ok(0));
        assert_eq!(of("50"), Ok(50));
        assert_eq!(of("10%"), Ok(100));
        assert_eq!(of("0.25%"), Ok(3));
        for text in ["", "%", "-1", "101%", "1e1%", "ten", "NaN%", "5 %"] {
            assert!(of(text).unwrap_err().starts_with("expected a number of sessions or a share"), "{text}");
        }
    }

    #[test]
    fn processes_are_found_told_or_none() {
        assert_eq!(process("auto"), Ok(ProcessChoice::Found));
        assert_eq!(process("none"), Ok(ProcessChoice::None));
        assert_eq!(process("12, 34"), Ok(ProcessChoice::Told(vec![12, 34])));
        for text in ["", "0", "x", "12,", "-1"] {
            assert_eq!(process(text).unwrap_err(), "expected auto, none, or process ids separated by commas");
        }
    }

    #[test]
    fn a_header_has_a_name_that_bench_does_not_give() {
        assert_eq!(header("max-rate:5"), Ok(("max-rate".to_owned(), "5".to_owned())));
        assert_eq!(header("a:b:c"), Ok(("a".to_owned(), "b:c".to_owned())));
        for text in ["", "a", ":b", "a:b\nc:d"] {
            assert_eq!(header(text).unwrap_err(), "expected name:value, such as max-rate:5");
        }
        assert!(header("id:7").unwrap_err().starts_with("id is given by bench itself"));
    }
}
