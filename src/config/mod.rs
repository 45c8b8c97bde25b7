//! The settings as the server consumes them: typed, checked against each other, grouped by the room that uses
//! them. Nothing here knows whether a value came from a flag, the environment or a file; `cli` does.

mod check;
mod checkpoint;
mod property_file;
mod property_name;
mod quarantine_topic;
mod start_from;
mod values;

pub use check::{Invalid, Unwise, check_bootstrap, check_decided_elsewhere};
pub use checkpoint::Checkpoint;
pub use property_file::KafkaPropertyFile;
pub use property_name::canonical as canonical_property;
pub use quarantine_topic::QuarantineTopic;
pub use start_from::StartFrom;
pub use values::{
    HostPort, KafkaProperty, NO_SOCKJS, Topic, accept_rate, day_boundary, frame_rate, milliseconds, rate,
    seconds, sockjs_base, sockjs_client_url, stale_factor, whole_number,
};

pub use crate::{
    admission::{Limits as Admission, Rate},
    client_address::{ForwardedHeader, Proxies, TrustedProxy},
    conflation::MaxRate,
    feed::TickFormat,
    feed_status::Settings as FeedStatus,
    origin::AllowedOrigin,
    transport::tls::TlsFiles,
};

use std::{num::NonZeroUsize, time::Duration};

/// All that `tickcast serve` runs with.
#[derive(Debug, Clone, PartialEq)]
pub struct Serve {
    /// The listener, its threads and its sockets.
    pub server: Server,
    /// What makes the listener one for `https` and `wss`; none without.
    pub tls: Option<TlsFiles>,
    /// How many sessions are let in, and how fast.
    pub admission: Admission,
    /// Whose word on clients' addresses is taken.
    pub proxies: Proxies,
    /// Where the ticks come from.
    pub kafka: Kafka,
    /// What is folded, and over which day.
    pub market: Market,
    /// When something is wrong with the feed.
    pub feed: FeedStatus,
    /// Where the state is kept for the next start; none if it isn't.
    pub checkpoint: Option<Checkpoint>,
    /// What one client may ask of the server.
    pub limits: Limits,
    /// Which pages may connect.
    pub origin: Origin,
    /// WebSocket's conversation for browsers whose network lets none through.
    pub sockjs: Sockjs,
}

/// All that `tickcast demo` runs with.
#[derive(Debug, Clone, PartialEq)]
pub struct Demo {
    /// The server itself; its broker is always the embedded one.
    pub serve: Serve,
    /// The market that feeds it.
    pub simulation: Simulation,
}

/// The listener, its threads and its sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where to listen; port 0 lets the system choose one.
    pub listen: HostPort,
    /// Worker threads, each with a shard of the sessions.
    pub workers: NonZeroUsize,
    /// Whether each of them runs on a core of its own.
    pub pin_workers: bool,
    /// Connections that may wait until they are accepted.
    pub listen_backlog: u16,
    /// `TCP_NOTSENT_LOWAT` of each socket, in bytes: unsent bytes that the kernel holds before it reports the
    /// socket full and conflation starts.
    pub socket_send_lowat_bytes: u32,
    /// `SO_SNDBUF` of each socket, in bytes, if the kernel isn't to choose.
    pub socket_send_buffer_bytes: Option<u32>,
    /// How long sessions may take to go after SIGTERM; zero ends them at once.
    pub shutdown_grace: Duration,
}

/// Where the ticks come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// The cluster, or the broker inside this process.
    pub broker: Broker,
    /// The topic with the ticks.
    pub topic: Topic,
    /// How records are read that don't tell their format.
    pub tick_format: TickFormat,
    /// The topic where bad records are set aside; none if they aren't.
    pub quarantine: Option<Topic>,
    /// Where its log is read from.
    pub start_from: StartFrom,
    /// Settings passed to librdkafka as they are, after ours.
    pub properties: Vec<KafkaProperty>,
    /// How long the first answer of the broker may take at start-up.
    pub deadline: Duration,
}

/// The cluster, or the broker inside this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broker {
    /// librdkafka's in-memory broker; on loopback, on this port or any free one.
    Embedded {
        /// The fixed port, if one was asked for.
        port: Option<u16>,
    },
    /// A Kafka cluster.
    Cluster {
        /// Its bootstrap addresses, at least one.
        bootstrap: Vec<HostPort>,
    },
}

/// What is folded, and over which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Market {
    /// Symbols held; ticks of further ones are rejected.
    pub max_symbols: usize,
    /// When the trading day starts, counted from midnight UTC; below 24 hours.
    pub day_boundary: Duration,
}

/// What one client may ask of the server, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Subscriptions of a session, wildcards included.
    pub max_subscriptions: usize,
    /// Wildcard subscriptions of a session; at most `max_subscriptions`.
    pub max_wildcards: usize,
    /// The highest rate of a subscription in mode `latest`.
    pub max_rate: MaxRate,
    /// Ticks that a session may hold back in mode `every`; none: there is no such mode.
    pub every_ticks: usize,
    /// For the TLS handshake, and for each request's head and body.
    pub request_deadline: Duration,
    /// From the upgrade to CONNECT.
    pub connect_deadline: Duration,
    /// How long nothing can be written before the session is closed as slow.
    pub send_deadline: Duration,
    /// The heart-beat offered in both directions; zero offers none.
    pub heart_beat: Duration,
    /// Between two WebSocket PINGs of the server.
    pub ping_interval: Duration,
    /// The longest frame of a connected client, in bytes.
    pub frame_bytes: usize,
    /// The longest frame before CONNECT was accepted, in bytes; at most `frame_bytes`.
    pub frame_before_connect_bytes: usize,
    /// Frames a second that a client may send.
    pub frame_rate: f64,
    /// Frames that a client may send at once, after a pause.
    pub frame_burst: u32,
}

/// Which pages may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Origins let in besides the server's own.
    pub allowed: Vec<AllowedOrigin>,
    /// Whether a request without `Origin` (not a browser) is let in.
    pub allow_missing: bool,
}

/// SockJS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sockjs {
    /// The paths at which it's served; none if it isn't.
    pub bases: Vec<String>,
    /// Without a receiving request for so long, a session is over.
    pub disconnect_delay: Duration,
    /// Bytes after which a streaming answer ends.
    pub stream_limit_bytes: usize,
    /// Bytes of the largest request that sends.
    pub send_limit_bytes: usize,
    /// Whether load balancers are given a cookie to know a session's requests by.
    pub cookie: bool,
    /// Whether there are the iframe page, htmlfile and JSONP.
    pub legacy_transports: bool,
    /// Where the iframe page has sockjs-client from.
    pub client_url: String,
}

/// The market of `tickcast demo`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulation {
    /// Symbols traded.
    pub symbols: usize,
    /// Ticks a second over all symbols.
    pub rate: f64,
    /// The same seed gives the same market.
    pub seed: u64,
}

/// How logs are written to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// For people or for machines.
    pub format: LogFormat,
    /// Directives of tracing's `EnvFilter`, such as `info,tickcast::kafka=debug`.
    pub level: String,
}

/// For people or for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line an event.
    Human,
    /// One JSON object a line.
    Json,
}
