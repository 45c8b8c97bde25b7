//! What Prometheus sees; contract §7 has the names.
//!
//! Labels come from closed sets. Children of the labelled families are looked up once, where their
//! label is known, and kept.

mod checkpoints;
mod feed;
mod quarantine;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector, process_collector::ProcessCollector,
};

use crate::{http::REFUSALS, session::CloseReason, transport::Transport};

pub use self::{
    checkpoints::CheckpointMetrics,
    feed::{FeedMetrics, KafkaMetrics, KafkaReport},
    quarantine::QuarantineMetrics,
};

/// All metrics of a server.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// What comes from Kafka.
    pub feed: FeedMetrics,
    /// What is kept for the next start.
    pub checkpoints: CheckpointMetrics,
    /// What became of the copies of bad records.
    pub quarantine: QuarantineMetrics,
    /// What goes to clients.
    pub sessions: SessionMetrics,
    /// What comes before a session.
    pub connections: ConnectionMetrics,
}

/// What goes to clients.
#[derive(Clone, Debug)]
pub struct SessionMetrics {
    /// By transport, in the order of [`Transport::ALL`].
    transports: [TransportMetrics; Transport::ALL.len()],
    /// Sessions opened ever.
    pub opened: IntCounter,
    /// Sessions ended, by reason.
    pub closed: IntCounterVec,
    /// Upgrades refused, by reason.
    pub refused: IntCounterVec,
    /// Subscriptions that stand, to single symbols.
    pub exact_subscriptions: IntGauge,
    /// Subscriptions that stand, to wildcards.
    pub wildcard_subscriptions: IntGauge,
    /// Subscriptions that stand, to what is told beside prices.
    pub notice_subscriptions: IntGauge,
    /// Ticks that were folded into a MESSAGE beyond the one it shows.
    pub conflated: IntCounter,
    /// From the state to its hand-over to the socket.
    pub ingested_to_written: Histogram,
    /// Sessions whose socket has taken nothing for a second.
    pub slow: IntGauge,
    /// How long a socket took nothing, each time that it did so for more than a millisecond.
    pub write_blocked: Histogram,
}

/// What comes before a session.
#[derive(Clone, Debug)]
pub struct ConnectionMetrics {
    /// Connections open now, those of sessions included.
    pub open: IntGauge,
    /// Connections ended before a request was answered, by reason.
    pub refused: IntCounterVec,
    /// Times that certificate and key were read anew, by result.
    pub tls_reloads: IntCounterVec,
}

/// Why a connection ends before a request is answered.
const CONNECTION_REFUSALS: [&str; 7] = [
    "tls_handshake",
    "tls_deadline",
    "request_deadline",
    "requests_ahead",
    "head_too_big",
    "malformed",
    "crowded_out",
];

/// What goes to the clients of one transport.
#[derive(Clone, Debug)]
pub struct TransportMetrics {
    /// Sessions open now.
    pub open: IntGauge,
    /// MESSAGE frames handed to the kernel.
    pub messages: IntCounter,
    /// Bytes handed to the kernel.
    pub bytes: IntCounter,
    /// Writes that carried them; of SockJS's answers chunks.
    pub writes: IntCounter,
}

/// Latencies from a fraction of a millisecond, which a healthy server shows on one machine, to the
/// minutes of a feed that stands still. Factors of about two and a half tell 1 ms from 2 ms at the
/// goal's end of the scale and stay at 14 buckets.
const LATENCY_BUCKETS_SECONDS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0, 60.0];

impl Metrics {
    /// Makes and registers them all, and the process's own.
    pub fn new() -> Self {
        let registry = Registry::new();
        let stages = stages(&registry);
        let this = Self {
            feed: FeedMetrics::register(&registry, &stages),
            checkpoints: CheckpointMetrics::register(&registry),
            quarantine: QuarantineMetrics::register(&registry),
            sessions: SessionMetrics::register(&registry, &stages),
            connections: ConnectionMetrics::register(&registry),
            registry,
        };
        let build = IntGaugeVec::new(opts("build_info", "What runs here; always 1"), &["version"])
            .expect("the name and the label are valid");
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        add(&this.registry, build);
        this.registry.register(Box::new(ProcessCollector::for_self())).expect("each name is registered once");
        this
    }

    /// The text that Prometheus scrapes, at `now_us` microseconds since the Unix epoch.
    pub fn render(&self, now_us: i64) -> Vec<u8> {
        self.feed.update_age(now_us);
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("a vector takes every byte, and gathered families are consistent");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionMetrics {
    /// Those of one transport.
    pub const fn of(&self, transport: Transport) -> &TransportMetrics {
        &self.transports[transport as usize]
    }

    fn register(registry: &Registry, stages: &HistogramVec) -> Self {
        let open = gauges(registry, "sessions", "Sessions open now", "transport");
        let messages = counters(registry, "messages_sent_total", "MESSAGE frames sent", "transport");
        let bytes = counters(registry, "sent_bytes_total", "Bytes sent", "transport");
        let writes = counters(
            registry,
            "writes_total",
            "System calls that carried a session's output; of SockJS's answers chunks",
            "transport",
        );
        let subscriptions = gauges(registry, "subscriptions", "Subscriptions that stand", "kind");
        Self {
            transports: Transport::ALL.map(|transport| {
                let label = &[transport.label()];
                TransportMetrics {
                    open: open.with_label_values(label),
                    messages: messages.with_label_values(label),
                    bytes: bytes.with_label_values(label),
                    writes: writes.with_label_values(label),
                }
            }),
            opened: counter(registry, "sessions_opened_total", "Sessions opened"),
            closed: from_zero(
                counters(registry, "sessions_closed_total", "Sessions ended", "reason"),
                CloseReason::ALL.map(CloseReason::label),
            ),
            refused: from_zero(
                counters(registry, "upgrades_refused_total", "Upgrades refused", "reason"),
                REFUSALS,
            ),
            exact_subscriptions: subscriptions.with_label_values(&["exact"]),
            wildcard_subscriptions: subscriptions.with_label_values(&["wildcard"]),
            notice_subscriptions: subscriptions.with_label_values(&["notice"]),
            conflated: counter(
                registry,
                "ticks_conflated_total",
                "Ticks folded into a MESSAGE beyond the one that it shows",
            ),
            ingested_to_written: stages.with_label_values(&["ingested_to_written"]),
            slow: gauge(registry, "slow_sessions", "Sessions whose socket has taken nothing for a second"),
            write_blocked: histogram(registry, "write_blocked_seconds", "How long a socket took nothing"),
        }
    }
}

impl ConnectionMetrics {
    fn register(registry: &Registry) -> Self {
        Self {
            open: gauge(registry, "connections", "Connections open now, those of sessions included"),
            refused: from_zero(
                counters(
                    registry,
                    "connections_refused_total",
                    "Connections ended before a request was answered",
                    "reason",
                ),
                CONNECTION_REFUSALS,
            ),
            tls_reloads: from_zero(
                counters(registry, "tls_reloads_total", "Times the TLS certificate was read anew", "result"),
                ["ok", "failed"],
            ),
        }
    }
}

/// Microseconds as seconds, the unit of Prometheus.
pub fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("tickcast")
}

/// Registers a collector. One that stands already, under the same name, is an error of this file.
fn add<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    registry.register(Box::new(collector.clone())).expect("each name is registered once");
    collector
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    add(registry, IntCounter::with_opts(opts(name, help)).expect("the name is valid"))
}

fn counters(registry: &Registry, name: &str, help: &str, label: &str) -> IntCounterVec {
    add(registry, IntCounterVec::new(opts(name, help), &[label]).expect("name and label are valid"))
}

/// Shows every label from the start: `rate()` doesn't see the event that brings a series up.
fn from_zero<const N: usize>(family: IntCounterVec, labels: [&str; N]) -> IntCounterVec {
    for label in labels {
        family.with_label_values(&[label]);
    }
    family
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    add(registry, IntGauge::with_opts(opts(name, help)).expect("the name is valid"))
}

fn gauges(registry: &Registry, name: &str, help: &str, label: &str) -> IntGaugeVec {
    add(registry, IntGaugeVec::new(opts(name, help), &[label]).expect("name and label are valid"))
}

fn histogram(registry: &Registry, name: &str, help: &str) -> Histogram {
    let opts = HistogramOpts::from(opts(name, help)).buckets(LATENCY_BUCKETS_SECONDS.into());
    add(registry, Histogram::with_opts(opts).expect("the name is valid"))
}

fn stages(registry: &Registry) -> HistogramVec {
    let opts = HistogramOpts::from(opts("stage_seconds", "How long a tick spends in a stage"))
        .buckets(LATENCY_BUCKETS_SECONDS.into());
    add(registry, HistogramVec::new(opts, &["stage"]).expect("name and label are valid"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Rejection;

    #[test]
    fn every_reason_is_there_with_zero_before_anything_happened() {
        let text = String::from_utf8(Metrics::new().render(0)).unwrap();
        let sessions = CloseReason::ALL.map(CloseReason::label);
        for (family, labels) in [
            ("ticks_rejected_total", &Rejection::LABELS[..]),
            ("sessions_closed_total", &sessions),
            ("upgrades_refused_total", &REFUSALS),
            ("connections_refused_total", &CONNECTION_REFUSALS),
        ] {
            for label in labels {
                let sample = format!("\ntickcast_{family}{{reason=\"{label}\"}} 0\n");
                assert!(text.contains(&sample), "{sample:?} in {text}");
            }
            let series = text.matches(&format!("\ntickcast_{family}{{")).count();
            assert_eq!(series, labels.len(), "{family}: no reason stands twice");
        }
        for result in quarantine::RESULTS {
            let sample = format!("\ntickcast_ticks_quarantined_total{{result=\"{result}\"}} 0\n");
            assert!(text.contains(&sample), "{sample:?} in {text}");
        }
        for (at, transport) in Transport::ALL.into_iter().enumerate() {
            assert_eq!(transport as usize, at, "{transport:?} stands in its place");
            let sample = format!("\ntickcast_sessions{{transport=\"{}\"}} 0\n", transport.label());
            assert!(text.contains(&sample), "{sample:?} in {text}");
        }
    }
}
