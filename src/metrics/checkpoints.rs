//! What Prometheus sees of the checkpoints.

use std::time::Duration;

use prometheus::{Gauge, Histogram, IntCounterVec, IntGauge, Registry};

use super::{add, counters, from_zero, gauge, histogram, opts, seconds};

/// What has become of a checkpoint.
const RESULTS: [&str; 3] = ["written", "unchanged", "failed"];

/// What is kept for the next start.
#[derive(Clone, Debug)]
pub struct CheckpointMetrics {
    results: IntCounterVec,
    newest: Gauge,
    bytes: IntGauge,
    write: Histogram,
}

impl CheckpointMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        Self {
            results: from_zero(
                counters(registry, "checkpoints_total", "Checkpoints that were due, by result", "result"),
                RESULTS,
            ),
            newest: add(
                registry,
                Gauge::with_opts(opts(
                    "checkpoint_last_success_timestamp_seconds",
                    "Up to when the checkpoint on the disk has everything; 0 before the first",
                ))
                .expect("the name is valid"),
            ),
            bytes: gauge(registry, "checkpoint_bytes", "Size of the checkpoint on the disk"),
            write: histogram(
                registry,
                "checkpoint_write_seconds",
                "How long the disk takes for a checkpoint",
            ),
        }
    }

    /// One that was begun at `made_us`, microseconds after the Unix epoch, is on the disk.
    pub fn note_written(&self, made_us: i64, bytes: usize, took: Duration) {
        self.results.with_label_values(&["written"]).inc();
        self.newest.set(seconds(made_us));
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.write.observe(took.as_secs_f64());
    }

    /// The one on the disk has everything at this time, in microseconds after the Unix epoch.
    pub fn note_unchanged(&self, now_us: i64) {
        self.results.with_label_values(&["unchanged"]).inc();
        self.newest.set(seconds(now_us));
    }

    /// One couldn't be written.
    pub fn note_failed(&self) {
        self.results.with_label_values(&["failed"]).inc();
    }
}
