//! One measurement: what stood at its beginning, and the report at its end.

use std::{
    sync::mpsc::SyncSender,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use super::{
    process::{Processes, Usage},
    report::{Generator, Report, ServerCost},
};

/// A stretch of time, with what was spent before it.
#[derive(Debug)]
pub(super) struct Stretch {
    began: Instant,
    own_cpu: Duration,
    usage: Option<Usage>,
    rss_peak_bytes: u64,
}

impl Stretch {
    /// Begins one.
    pub(super) fn begin(processes: Option<&Processes>, now: Instant) -> Self {
        let usage = processes.and_then(Processes::usage);
        Self { began: now, own_cpu: own_cpu(), usage, rss_peak_bytes: 0 }
    }

    /// Notes what the server holds now.
    pub(super) fn sample(&mut self, processes: Option<&Processes>) {
        let rss_bytes = processes.and_then(Processes::rss_bytes).unwrap_or(0);
        self.rss_peak_bytes = self.rss_peak_bytes.max(rss_bytes);
    }

    /// How long it is up to now.
    pub(super) fn seconds(&self, now: Instant) -> f64 {
        (now - self.began).as_secs_f64()
    }

    /// What the generator's thread took.
    pub(super) fn generator(&self, now: Instant) -> Generator {
        let cpu_s = own_cpu().saturating_sub(self.own_cpu).as_secs_f64();
        let seconds = self.seconds(now);
        Generator { cpu_s, busy: if seconds > 0.0 { cpu_s / seconds } else { 0.0 } }
    }

    /// What the server took.
    pub(super) fn server(&self, processes: Option<&Processes>, messages: u64) -> Option<ServerCost> {
        let processes = processes?;
        let after = processes.usage()?;
        Some(processes.cost(self.usage.as_ref()?, &after, self.rss_peak_bytes, messages))
    }
}

/// The CPU time of the calling thread.
fn own_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// A measurement that runs.
#[derive(Debug)]
pub(super) struct Measuring {
    pub(super) stretch: Stretch,
    /// When it is over.
    pub(super) ends: Instant,
    next_sample: Instant,
    pub(super) reply: SyncSender<Report>,
}

/// How often the server's memory is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

impl Measuring {
    pub(super) fn begin(
        stretch: Stretch,
        duration: Duration,
        reply: SyncSender<Report>,
        now: Instant,
    ) -> Self {
        Self { stretch, ends: now + duration, next_sample: now + SAMPLE_INTERVAL, reply }
    }

    /// When there is something to do.
    pub(super) fn next_look(&self) -> Instant {
        self.ends.min(self.next_sample)
    }

    /// Looks at the server's memory if it's time to.
    pub(super) fn look(&mut self, processes: Option<&Processes>, now: Instant) {
        if now >= self.next_sample {
            self.stretch.sample(processes);
            self.next_sample = now + SAMPLE_INTERVAL;
        }
    }
}
