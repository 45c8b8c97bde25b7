//! What a load test is to do.

use std::time::Duration;

use super::LoadError;
use crate::config::HostPort;

/// Which sessions to open, and what they do. [`Plan::new`] has the defaults of `tickcast bench`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where the server listens, without TLS.
    pub server: HostPort,
    /// The path of its WebSocket.
    pub path: String,
    /// The header `Origin` of the upgrade, as a page would send it.
    pub origin: Option<String>,
    /// The header `host` of CONNECT; without it the server's name.
    pub virtual_host: Option<String>,
    /// The header `login` of CONNECT.
    pub login: Option<String>,
    /// The header `passcode` of CONNECT.
    pub passcode: Option<String>,
    /// How many sessions.
    pub sessions: usize,
    /// How many of them never read after they subscribed.
    pub stalled: usize,
    /// Subscriptions of each session.
    pub subscriptions: usize,
    /// What is subscribed to; `{}` stands for the symbol.
    pub destination: String,
    /// The symbols, which the sessions take in turn.
    pub symbols: Symbols,
    /// Further headers of SUBSCRIBE.
    pub headers: Vec<(String, String)>,
    /// Whether a session counts as open only when it has had a message of each subscription.
    pub snapshots: Snapshots,
    /// Sessions a second that are begun, at most; else as fast as they open.
    pub connect_rate: Option<f64>,
    /// How long opening all of them may take.
    pub open_deadline: Duration,
    /// What an extra session sends, to servers that pass on what their clients SEND.
    pub send: Option<Sending>,
    /// Where a message tells its time.
    pub age: AgeField,
    /// Whose CPU time and memory are measured.
    pub process: ProcessChoice,
}

/// The symbols that are subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symbols {
    /// Those that the server's `/api/symbols` lists.
    Listed,
    /// These.
    Named(Vec<String>),
    /// So many: S0, S1, S2 …
    Numbered(usize),
}

/// When a session is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshots {
    /// When it has a message of each of its subscriptions.
    Awaited,
    /// When the server has answered its last SUBSCRIBE with the receipt.
    NotAwaited,
    /// Awaited if the server's `/api/symbols` lists every symbol and no header of SUBSCRIBE says `snapshot:false`.
    IfListed,
}

/// What an extra session sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// Messages a second, over all symbols in turn.
    pub rate: f64,
    /// Where to, with `{}` for the symbol.
    pub destination: String,
    /// Bytes of each message's body, if that is more than its fields take.
    pub body_bytes: usize,
}

/// Where a message tells its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgeField {
    /// What stands before the number in the body, such as `"time_us":`.
    pub key: String,
    /// Of what the number counts since the Unix epoch.
    pub unit: TimeUnit,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// Whose CPU time and memory are measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessChoice {
    /// Of the process that listens at the server's address, if that is on this machine's loopback.
    Found,
    /// Of these processes together.
    Told(Vec<u32>),
    /// Of none.
    None,
}

impl Plan {
    /// A thousand sessions that subscribe to 20 symbols each of those that the server lists.
    pub fn new(server: HostPort) -> Self {
        Self {
            server,
            path: "/ws".to_owned(),
            origin: None,
            virtual_host: None,
            login: None,
            passcode: None,
            sessions: 1000,
            stalled: 0,
            subscriptions: 20,
            destination: "/topic/price.stock.{}".to_owned(),
            symbols: Symbols::Listed,
            headers: Vec::new(),
            snapshots: Snapshots::IfListed,
            connect_rate: None,
            open_deadline: Duration::from_secs(60),
            send: None,
            age: AgeField { key: "\"time_us\":".to_owned(), unit: TimeUnit::Us },
            process: ProcessChoice::Found,
        }
    }

    /// Whether the parts fit together.
    ///
    /// # Errors
    /// What doesn't fit, and what is allowed.
    pub fn check(&self) -> Result<(), LoadError> {
        let wrong = |reason: String| Err(LoadError::Plan(reason));
        if self.sessions == 0 {
            return wrong("no sessions: expected at least 1".to_owned());
        }
        if self.stalled > self.sessions {
            return wrong(format!("{} of {} sessions can't be stalled", self.stalled, self.sessions));
        }
        let one_only = !self.destination.contains("{}");
        if one_only && self.subscriptions > 1 {
            let destination = &self.destination;
            return wrong(format!(
                "{} subscriptions of one session need {{}} for the symbol in the destination {destination}",
                self.subscriptions
            ));
        }
        if self.age.key.is_empty() {
            return wrong("the age's key is empty: expected what stands before the time".to_owned());
        }
        Ok(())
    }

    /// The destinations that these symbols make; one for all if it doesn't name its symbol.
    pub(super) fn destinations(&self, symbols: &[String]) -> Vec<String> {
        match self.destination.contains("{}") {
            true => symbols.iter().map(|symbol| self.destination.replace("{}", symbol)).collect(),
            false => vec![self.destination.clone()],
        }
    }

    /// `host:port` as HTTP writes it.
    pub(super) fn authority(&self) -> String {
        self.server.to_string()
    }
}

impl TimeUnit {
    /// So many of it in microseconds.
    pub(super) const fn to_us(self, count: u64) -> u64 {
        match self {
            Self::S => count.saturating_mul(1_000_000),
            Self::Ms => count.saturating_mul(1000),
            Self::Us => count,
            Self::Ns => count / 1000,
        }
    }

    /// Microseconds in it.
    pub(super) const fn of_us(self, us: u64) -> u64 {
        match self {
            Self::S => us / 1_000_000,
            Self::Ms => us / 1000,
            Self::Us => us,
            Self::Ns => us.saturating_mul(1000),
        }
    }
}
