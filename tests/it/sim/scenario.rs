//! What happens in a world, as data: a list of steps, which can be drawn from a seed, shrunk, written down and replayed.
//!
//! A step names its session and its symbol by number and says everything else itself, so that any part of a scenario is
//! a scenario too. A step that has no meaning in its place, since what it needs was taken away, does nothing.

use serde::{Deserialize, Serialize};

/// A whole history of a world.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scenario {
    pub(super) rules: Rules,
    pub(super) steps: Vec<Step>,
}

/// How the server is configured, as far as it's drawn by lot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rules {
    /// How many symbols the log may have.
    pub(super) symbols: u16,
    /// The ceiling of `max-rate`; none: unlimited.
    pub(super) rate_ceiling: Option<String>,
    /// How many ticks a subscription in mode `every` may be owed.
    pub(super) every_ticks: u32,
    /// How many ticks are kept for a shard that doesn't fetch.
    pub(super) inbox_ticks: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// A client connects.
    Open { session: u32, version: Dialect, link: LinkKind },
    /// A client subscribes; if the id is in use it unsubscribes first.
    Subscribe { session: u32, id: u8, to: String, wish: Wish },
    /// A client unsubscribes, whether it had subscribed or not.
    Unsubscribe { session: u32, id: u8, receipt: bool },
    /// A client acknowledges one of the messages that it has, if it does so in its own time.
    Acknowledge { session: u32, id: u8, at: u8 },
    /// The client's end of the connection takes nothing more.
    Stall { session: u32 },
    /// It takes what there is.
    Resume { session: u32 },
    /// It takes so much.
    Pace { session: u32, pace: Pace },
    /// A client says DISCONNECT.
    Disconnect { session: u32 },
    /// A connection breaks.
    Vanish { session: u32 },
    /// Ingest reads so many records at once and hands over what they changed; the shard fetches it, or later.
    Batch {
        records: Vec<LogRecord>,
        #[serde(skip_serializing_if = "is_false", default)]
        held: bool,
    },
    /// The feed's status changes.
    Feed { number: u32 },
    /// So many microseconds pass.
    Pass { us: u32 },
    /// Midnight: event times from here on are of the next day.
    Midnight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Dialect {
    #[serde(rename = "1.1")]
    V1_1,
    #[serde(rename = "1.2")]
    V1_2,
}

/// What lies between a session and its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LinkKind {
    /// What the kernels hold of what the client hasn't read.
    pub(super) room: u32,
    pub(super) pace: Pace,
}

/// How fast a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pace {
    /// Whatever comes, when it comes.
    AtOnce,
    /// So many bytes at a time.
    Steady { bytes: u32, every_ms: u32 },
}

/// The headers of a SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    #[serde(skip_serializing_if = "is_true")]
    pub(super) snapshot: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_rate: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) every: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fields: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) delta: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ack: Option<Ack>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) receipt: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            snapshot: true,
            max_rate: None,
            every: false,
            fields: None,
            delta: false,
            ack: None,
            receipt: false,
        }
    }
}

/// How a client acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ack {
    pub(super) prefetch: u32,
    pub(super) cumulative: bool,
    /// Each message when it arrives, or some of them at times of their own.
    pub(super) prompt: bool,
}

/// What stands in the log next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogRecord {
    /// A trade, a quote or both; prices in hundredths.
    Tick {
        symbol: u16,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        trade: Option<Level>,
        #[serde(skip_serializing_if = "Side::is_kept", default)]
        bid: Side,
        #[serde(skip_serializing_if = "Side::is_kept", default)]
        ask: Side,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        venue: Option<String>,
    },
    /// The symbol's last tick once more under an offset of its own, so that a quote changes nothing.
    Repeated { symbol: u16 },
    /// A trade of the day before, which is reported late.
    Late { symbol: u16, trade: Level },
    /// The symbol is delisted.
    Tombstone { symbol: u16 },
    /// A record of the symbol comes again, so many before the newest.
    Redelivered { symbol: u16, back: u8 },
}

/// A price in hundredths, and a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Level {
    pub(super) price: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) size: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    #[default]
    Keep,
    Clear,
    Set(Level),
}

impl Side {
    fn is_kept(&self) -> bool {
        *self == Self::Keep
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Default for Rules {
    fn default() -> Self {
        Self { symbols: 16, rate_ceiling: None, every_ticks: 100, inbox_ticks: 1000 }
    }
}

impl Step {
    /// The session that it's about.
    pub(super) fn session(&self) -> Option<u32> {
        match *self {
            Self::Open { session, .. }
            | Self::Subscribe { session, .. }
            | Self::Unsubscribe { session, .. }
            | Self::Acknowledge { session, .. }
            | Self::Stall { session }
            | Self::Resume { session }
            | Self::Pace { session, .. }
            | Self::Disconnect { session }
            | Self::Vanish { session } => Some(session),
            Self::Batch { .. } | Self::Feed { .. } | Self::Pass { .. } | Self::Midnight => None,
        }
    }
}

impl Scenario {
    /// A line for the rules and one for each step, in JSON.
    pub(super) fn to_text(&self) -> String {
        let rules = serde_json::to_string(&self.rules).expect("rules are plain data");
        let steps = self.steps.iter().map(|step| serde_json::to_string(step).expect("steps are plain data"));
        std::iter::once(rules).chain(steps).map(|line| line + "\n").collect()
    }

    /// Reads what [`Scenario::to_text`] wrote. Lines that begin with `#` say something to the reader.
    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        let mut lines =
            (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
        let (_, rules) = lines.next().ok_or("there is no line with the rules")?;
        let wrong = |number: i32, error: serde_json::Error| format!("line {number}: {error}");
        let rules = serde_json::from_str(rules).map_err(|error| wrong(1, error))?;
        let steps = lines
            .map(|(number, line)| serde_json::from_str(line).map_err(|error| wrong(number, error)))
            .collect::<Result<_, _>>()?;
        Ok(Self { rules, steps })
    }
}
