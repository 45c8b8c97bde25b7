//! Every setting of the server, once: its name, default, unit, parser and help text. Flags, environment variables
//! and the keys of the configuration file all come from these structs.

mod checkpoint;
mod feed;
mod front;
mod kafka;
mod sockjs;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::Args;
use front::{AdmissionArgs, ProxyArgs, TlsArgs};

use self::{checkpoint::CheckpointArgs, feed::FeedArgs, kafka::KafkaArgs, sockjs::SockjsArgs};
use crate::config::{
    self, AllowedOrigin, HostPort, Invalid, LogFormat, MaxRate, day_boundary, frame_rate, milliseconds, rate,
    seconds, whole_number,
};
use crate::kafka::{Consumer, Quarantine};

/// Settings of every command.
#[derive(Debug, Args)]
pub(super) struct CommonArgs {
    /// A TOML file with settings: their names with `_` for `-`, such as `max_symbols = 500`
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// How logs are written to standard error
    #[arg(long, value_enum, default_value = "human", global = true, help_heading = "Logging")]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, also for each module: info,tickcast::kafka=debug
    #[arg(long, value_name = "DIRECTIVES", value_parser = log_level, default_value = "info,actix_server=warn,actix_http=off", global = true,
        help_heading = "Logging")]
    log_level: String,
}

/// Settings of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    common: ServerArgs,
}

/// Settings of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    simulation: SimulationArgs,
    #[command(flatten)]
    common: ServerArgs,
}

/// Settings that `check-config` reads: those of `serve` and `demo` together.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) serve: ServeArgs,
    #[command(flatten)]
    simulation: SimulationArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
struct ClusterArgs {
    /// Bootstrap addresses of the Kafka cluster, separated by commas [default: the embedded broker]
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    kafka: Vec<HostPort>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Simulated feed")]
struct SimulationArgs {
    /// Symbols traded
    #[arg(long, value_name = "N", value_parser = whole_number(1..=100_000_usize), default_value = "200")]
    symbols: usize,
    /// Ticks a second over all symbols
    #[arg(long, value_name = "TICKS_PER_S", value_parser = rate, default_value = "1000")]
    rate: f64,
    /// The same seed gives the same market
    #[arg(long, value_name = "N", value_parser = whole_number(0..=u64::MAX), default_value = "1")]
    seed: u64,
}

/// Settings that `serve` and `demo` share.
#[derive(Debug, Args)]
struct ServerArgs {
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    listener: ListenerArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    admission: AdmissionArgs,
    #[command(flatten)]
    proxies: ProxyArgs,
    #[command(flatten)]
    market: MarketArgs,
    #[command(flatten)]
    feed: FeedArgs,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    origin: OriginArgs,
    #[command(flatten)]
    sockjs: SockjsArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
struct ListenerArgs {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: HostPort,
    /// Worker threads [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = whole_number(NonZeroUsize::MIN..=MOST_WORKERS))]
    workers: Option<NonZeroUsize>,
    /// Run each worker thread on a core of its own, and everything else on the rest, if there is any
    #[arg(long)]
    pin_workers: bool,
    /// Connections that may wait until they are accepted; the kernel allows net.core.somaxconn at most
    #[arg(long, value_name = "N", value_parser = whole_number(1..=65_535_u16), default_value = "4096")]
    listen_backlog: u16,
    /// Unsent bytes the kernel holds for each socket before conflation starts (TCP_NOTSENT_LOWAT)
    #[arg(long, value_name = "BYTES", value_parser = whole_number(1024..=16_777_216_u32),
        default_value = "16384")]
    socket_send_lowat_bytes: u32,
    /// Send buffer of each socket (SO_SNDBUF); the kernel takes twice as much [default: the kernel's own, which grows]
    #[arg(long, value_name = "BYTES", value_parser = whole_number(4096..=16_777_216_u32))]
    socket_send_buffer_bytes: Option<u32>,
    /// Seconds that sessions may take to end after SIGTERM; 0 ends them at once
    #[arg(long, value_name = "S", value_parser = seconds(0.0..=3600.0), default_value = "5")]
    shutdown_grace_s: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Market")]
struct MarketArgs {
    /// Symbols held; ticks of further ones are rejected
    #[arg(long, value_name = "N", value_parser = whole_number(1..=10_000_000_usize), default_value = "100000")]
    max_symbols: usize,
    /// Start of the trading day, UTC: open, high, low and volume begin anew
    #[arg(long, value_name = "HH:MM", value_parser = day_boundary, default_value = "00:00")]
    day_boundary: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of a session")]
struct LimitArgs {
    /// Subscriptions of a session, wildcards included
    #[arg(long, value_name = "N", value_parser = whole_number(1..=1_000_000_usize), default_value = "1024")]
    max_subscriptions: usize,
    /// Wildcard subscriptions of a session, snapshots that aren't over among them
    #[arg(long, value_name = "N", value_parser = whole_number(0..=1_000_000_usize), default_value = "8")]
    max_wildcards: usize,
    /// Updates a second for each symbol, at most, of a subscription in mode `latest`, whatever it asks for: 0.01 or
    /// more, or unlimited
    #[arg(long, value_name = "RATE", default_value = "unlimited")]
    max_rate: MaxRate,
    /// Ticks that a session may hold back in mode `every`, after which it's closed; 0: there is no such mode
    #[arg(long, value_name = "N", value_parser = whole_number(0..=1_000_000_usize), default_value = "4096")]
    every_ticks: usize,
    /// Seconds for a TLS handshake, and for the head and the body of a request
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=3600.0), default_value = "10")]
    request_deadline_s: Duration,
    /// Seconds from the upgrade to CONNECT
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=3600.0), default_value = "10")]
    connect_deadline_s: Duration,
    /// Seconds without one byte written after which a session is closed as slow
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=3600.0), default_value = "10")]
    send_deadline_s: Duration,
    /// Milliseconds between heart-beats offered to clients; 0 offers none
    #[arg(long, value_name = "MS", value_parser = milliseconds(0..=3_600_000), default_value = "10000")]
    heart_beat_ms: Duration,
    /// Seconds between WebSocket PINGs of the server, and of silence after which SockJS says `h`
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=3600.0), default_value = "25")]
    ping_interval_s: Duration,
    /// Bytes of the longest STOMP frame that a connected client may send
    #[arg(long, value_name = "BYTES", value_parser = whole_number(1024..=16_777_216_usize),
        default_value = "65536")]
    frame_limit_bytes: usize,
    /// Bytes of the longest STOMP frame before CONNECT was accepted
    #[arg(long, value_name = "BYTES", value_parser = whole_number(1024..=16_777_216_usize),
        default_value = "16384")]
    frame_limit_before_connect_bytes: usize,
    /// Frames a second that a client may send; whoever sends more is read from more slowly. A wildcard counts for
    /// as many frames as it takes 256 symbols
    #[arg(long, value_name = "PER_S", value_parser = frame_rate, default_value = "50")]
    frame_rate: f64,
    /// Frames that a client may send at once, after a pause
    #[arg(long, value_name = "N", value_parser = whole_number(1..=1_000_000_u32), default_value = "200")]
    frame_burst: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Origins")]
struct OriginArgs {
    /// Origins whose pages may connect, separated by commas: https://example.com, https://*.example.com or *
    /// [default: the server's own only]
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    allowed_origins: Vec<AllowedOrigin>,
    /// Whether a request without an Origin header (not a browser) is let in
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, default_value = "true")]
    allow_missing_origin: bool,
}

/// Far above any machine's cores: a guard against a typing error.
const MOST_WORKERS: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 isn't zero");

fn log_level(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("expected directives such as info or warn,tickcast::kafka=debug".to_owned()),
    }
}

impl CommonArgs {
    pub(super) fn logging(&self) -> config::Logging {
        config::Logging { format: self.log_format, level: self.log_level.clone() }
    }
}

impl ServerArgs {
    fn into_config(self, cluster: Vec<HostPort>) -> Result<config::Serve, Invalid> {
        let Self {
            kafka,
            listener,
            tls,
            admission,
            proxies,
            market,
            feed,
            checkpoint,
            limits,
            origin,
            sockjs,
        } = self;
        let serve = config::Serve {
            server: listener.into(),
            tls: tls.into_config()?,
            admission: admission.into(),
            proxies: proxies.into(),
            kafka: kafka.into_config(cluster)?,
            market: config::Market { max_symbols: market.max_symbols, day_boundary: market.day_boundary },
            feed: feed.into(),
            checkpoint: checkpoint.into(),
            limits: limits.into(),
            origin: config::Origin {
                allowed: origin.allowed_origins,
                allow_missing: origin.allow_missing_origin,
            },
            sockjs: sockjs.try_into()?,
        };
        serve.check()?;
        Consumer::check(&serve.kafka)?;
        Quarantine::check(&serve.kafka)?;
        Ok(serve)
    }
}

impl TryFrom<ServeArgs> for config::Serve {
    type Error = Invalid;

    fn try_from(args: ServeArgs) -> Result<Self, Invalid> {
        args.common.into_config(args.cluster.kafka)
    }
}

impl TryFrom<DemoArgs> for config::Demo {
    type Error = Invalid;

    fn try_from(args: DemoArgs) -> Result<Self, Invalid> {
        let SimulationArgs { symbols, rate, seed } = args.simulation;
        let serve = args.common.into_config(Vec::new())?;
        if symbols > serve.market.max_symbols {
            return Err(Invalid {
                keys: vec!["symbols", "max_symbols"],
                reason: format!(
                    "{symbols} symbols are simulated, and the server holds {}",
                    serve.market.max_symbols
                ),
            });
        }
        Ok(Self { serve, simulation: config::Simulation { symbols, rate, seed } })
    }
}

impl From<ListenerArgs> for config::Server {
    fn from(args: ListenerArgs) -> Self {
        Self {
            listen: args.listen,
            workers: args
                .workers
                .unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
            pin_workers: args.pin_workers,
            listen_backlog: args.listen_backlog,
            socket_send_lowat_bytes: args.socket_send_lowat_bytes,
            socket_send_buffer_bytes: args.socket_send_buffer_bytes,
            shutdown_grace: args.shutdown_grace_s,
        }
    }
}

impl From<LimitArgs> for config::Limits {
    fn from(args: LimitArgs) -> Self {
        Self {
            max_subscriptions: args.max_subscriptions,
            max_wildcards: args.max_wildcards,
            max_rate: args.max_rate,
            every_ticks: args.every_ticks,
            request_deadline: args.request_deadline_s,
            connect_deadline: args.connect_deadline_s,
            send_deadline: args.send_deadline_s,
            heart_beat: args.heart_beat_ms,
            ping_interval: args.ping_interval_s,
            frame_bytes: args.frame_limit_bytes,
            frame_before_connect_bytes: args.frame_limit_before_connect_bytes,
            frame_rate: args.frame_rate,
            frame_burst: args.frame_burst,
        }
    }
}
