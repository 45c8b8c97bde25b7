//! What Prometheus sees of the copies of bad records.

use prometheus::{IntCounter, IntGauge, Registry};

use super::{counters, from_zero, gauge};

/// What became of the copies of bad records.
#[derive(Clone, Debug)]
pub struct QuarantineMetrics {
    /// They stand in the quarantine topic.
    pub acknowledged: IntCounter,
    /// Kafka refuses them for good, or didn't take them before the server ended.
    pub failed: IntCounter,
    /// The log had them no more when there was room for a copy, or too many waited.
    pub dropped: IntCounter,
    /// They were set aside before, by this instance or by another one.
    pub known: IntCounter,
    /// Those that wait until Kafka takes them, whether there is a copy or the log has them.
    pub waiting: IntGauge,
}

/// What becomes of the copy of a bad record.
pub(super) const RESULTS: [&str; 4] = ["acknowledged", "failed", "dropped", "known"];

impl QuarantineMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let help = "Records that are no tick, by what became of the copy that is set aside";
        let results = from_zero(counters(registry, "ticks_quarantined_total", help, "result"), RESULTS);
        let [acknowledged, failed, dropped, known] =
            RESULTS.map(|result| results.with_label_values(&[result]));
        let help = "Records that are no tick and wait until the quarantine topic takes them";
        let waiting = gauge(registry, "quarantine_waiting_records", help);
        Self { acknowledged, failed, dropped, known, waiting }
    }
}
