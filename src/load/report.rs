//! What a load test has found. The JSON of `tickcast bench --json` is this, field by field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One measurement of some seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of the generator.
    pub version: String,
    /// What was asked for.
    pub load: Asked,
    /// The sessions as they are at the end.
    pub sessions: Sessions,
    /// How they were opened.
    pub opening: Opening,
    /// Seconds measured.
    pub seconds: f64,
    /// MESSAGE frames that were read.
    pub messages: u64,
    /// Those since the first session was opened: snapshots, and what came between measurements, too.
    pub messages_in_all: u64,
    /// Of them a second.
    pub messages_per_s: f64,
    /// Messages of the session, of those that read, which got the fewest.
    pub messages_of_a_session_min: u64,
    /// And of the one that got the most.
    pub messages_of_a_session_max: u64,
    /// Bytes that were read from the sockets: frames, beats and all.
    pub bytes: u64,
    /// Of them a second.
    pub bytes_per_s: f64,
    /// Of them a message.
    pub bytes_per_message: f64,
    /// The sum of the headers `conflated`: ticks that stand behind messages without one of their own.
    pub conflated: u64,
    /// MESSAGE frames in each read of a socket that gave any bytes.
    pub frames_per_read: f64,
    /// Messages that the extra session sent.
    pub sent: u64,
    /// How old updates were when they were read; absent if none told its time.
    pub age: Option<Ages>,
    /// Messages whose `seq` wasn't above the one before of their destination in their session.
    pub disorder: u64,
    /// Pairs of a session and a destination whose newest `seq` isn't the newest that any session has seen. While the
    /// feed is busy some are on their way; when it has been quiet for a moment, none may be left.
    pub behind: u64,
    /// Pairs of a session and a destination of which there was any `seq`.
    pub held: u64,
    /// What the generator itself took.
    pub generator: Generator,
    /// What the server took; absent if its process isn't known or isn't on this machine.
    pub server: Option<ServerCost>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Where, `host:port` and path.
    pub server: String,
    /// Sessions.
    pub sessions: usize,
    /// Those of them that never read.
    pub stalled: usize,
    /// Subscriptions of each session.
    pub subscriptions: usize,
    /// Different destinations of all sessions together.
    pub destinations: usize,
}

/// What became of the sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// Open, those that never read among them.
    pub open: usize,
    /// Never opened.
    pub refused: u64,
    /// Why, and how many.
    pub refused_reasons: BTreeMap<String, u64>,
    /// Ended though they were open.
    pub lost: u64,
    /// Why, and how many.
    pub lost_reasons: BTreeMap<String, u64>,
}

/// How the sessions were opened: TCP, upgrade, CONNECT, SUBSCRIBEs, receipt, and the snapshots where they are awaited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Seconds from the first connection until the last session was open.
    pub seconds: f64,
    /// Sessions that were opened.
    pub sessions: u64,
    /// Of them a second.
    pub sessions_per_s: f64,
    /// Whether a session was open only when it had a message of each subscription.
    pub with_snapshots: bool,
    /// What the generator itself took.
    pub generator: Generator,
    /// What the server took.
    pub server: Option<ServerCost>,
    /// Sessions that one second of the server's CPU time opened.
    pub sessions_per_cpu_s: Option<f64>,
    /// Bytes by which the server's memory has grown for each session.
    pub rss_bytes_per_session: Option<f64>,
}

/// How old updates were when they were read, in milliseconds: the time of this machine's clock at the read, less the
/// time in the body. Snapshots don't count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ages {
    /// Messages that told their time.
    pub count: u64,
    /// Half of them were no older.
    pub p50_ms: f64,
    /// 90 % of them.
    pub p90_ms: f64,
    /// 99 % of them.
    pub p99_ms: f64,
    /// 99.9 % of them.
    pub p999_ms: f64,
    /// The oldest.
    pub max_ms: f64,
    /// Those of them whose time was still to come: the clocks don't agree. They count as of age 0.
    pub ahead: u64,
}

/// What the generator itself took. When its thread is busy all the time, it's what is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Seconds of CPU time.
    pub cpu_s: f64,
    /// The share of the time that its thread ran, from 0 to 1.
    pub busy: f64,
}

/// What the server's processes took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerCost {
    /// Which processes.
    pub pids: Vec<u32>,
    /// The name of the first.
    pub name: String,
    /// Seconds of CPU time.
    pub cpu_s: f64,
    /// Microseconds of CPU time for each message; absent if there was none.
    pub cpu_us_per_message: Option<f64>,
    /// CPU time by the threads' names.
    pub threads: BTreeMap<String, ThreadCost>,
    /// Bytes of resident memory at the beginning.
    pub rss_before_bytes: u64,
    /// At the end.
    pub rss_after_bytes: u64,
    /// The most that was seen, four times a second.
    pub rss_peak_bytes: u64,
}

/// What the threads of one name took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadCost {
    /// How many there are.
    pub threads: usize,
    /// Seconds of CPU time.
    pub cpu_s: f64,
}
