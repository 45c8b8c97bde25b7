//! A stretch of load on our server, and what it took.

use std::time::{Duration, Instant};

use anyhow::Result;
use tickcast::load::{Ages, Report};

use crate::{
    generator::Generator,
    pace::wait_until,
    system::{CpuTime, each_thread_ns},
    tickcast::{Tickcast, WORKER},
};

/// How long a load that goes on goes on before it's measured: caches, timers and queues are as they will be then.
const RUN_UP: Duration = Duration::from_millis(1500);

/// What our server took for a load, and what its clients saw.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    /// Seconds of CPU time of the worker threads together: what fans out.
    pub(crate) worker_s: f64,
    /// Of the one that took most.
    pub(crate) busiest_worker_s: f64,
    /// Of all threads.
    pub(crate) process_s: f64,
    /// System calls that carried sessions' output.
    pub(crate) writes: f64,
    /// Bytes of them.
    pub(crate) bytes: f64,
    /// What the clients read.
    pub(crate) report: Report,
}

impl Stretch {
    /// Of a load that begins and ends: from rest to rest.
    pub(crate) fn whole(
        server: &Tickcast,
        clients: &mut Generator,
        duration: Duration,
        load: impl FnOnce() -> Result<()>,
    ) -> Result<Self> {
        let counted = server.metrics()?;
        server.await_rest()?;
        let before = Look::at(server)?;
        let (report, ()) = clients.measure_while(duration, load)?;
        server.await_rest()?;
        let after = Look::at(server)?;
        Ok(Self::between(&before, &after, (&counted, &server.metrics()?), report))
    }

    /// From the middle of a load that goes on: `load` publishes for as long as it's told, and this is measured for
    /// `duration` of it.
    pub(crate) fn within(
        server: &Tickcast,
        clients: &mut Generator,
        duration: Duration,
        load: impl FnOnce(Duration) -> Result<()> + Send,
    ) -> Result<Self> {
        let begins = Instant::now() + RUN_UP;
        std::thread::scope(|scope| {
            let loaded = scope.spawn(|| load(RUN_UP + duration + Duration::from_millis(200)));
            wait_until(begins);
            let measured = (|| {
                let counted = server.metrics()?;
                let before = Look::at(server)?;
                let (report, ()) = clients.measure_while(duration, || Ok(()))?;
                let after = Look::at(server)?;
                Ok(Self::between(&before, &after, (&counted, &server.metrics()?), report))
            })();
            loaded.join().expect("nothing in there panics")?;
            server.await_rest()?;
            measured
        })
    }

    fn between(
        before: &Look,
        after: &Look,
        (counted, counts): (&crate::tickcast::Metrics, &crate::tickcast::Metrics),
        report: Report,
    ) -> Self {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let workers = after.workers.iter().map(|(thread, ns)| ns - before.workers.get(thread).unwrap_or(&0));
        let workers: Vec<u64> = workers.collect();
        Self {
            worker_s: seconds(workers.iter().sum()),
            busiest_worker_s: seconds(workers.iter().max().copied().unwrap_or_default()),
            process_s: seconds(after.all.since(&before.all).total_ns()),
            writes: counts.since(counted, "tickcast_writes_total"),
            bytes: counts.since(counted, "tickcast_sent_bytes_total"),
            report,
        }
    }

    /// MESSAGE frames that the clients read.
    pub(crate) fn messages(&self) -> f64 {
        self.report.messages as f64
    }

    /// The share of the ticks that a client was told of by a later message instead of one of their own.
    pub(crate) fn conflated_share(&self) -> f64 {
        self.report.conflated as f64 / (self.report.conflated as f64 + self.messages())
    }

    /// The share of the time that the busiest worker thread ran.
    pub(crate) fn busy(&self) -> f64 {
        self.busiest_worker_s / self.report.seconds
    }

    /// How old the prices were when they were read; zeroes if none told its time.
    pub(crate) fn age(&self) -> Ages {
        self.report.age.unwrap_or_default()
    }
}

struct Look {
    all: CpuTime,
    workers: std::collections::BTreeMap<u32, u64>,
}

impl Look {
    fn at(server: &Tickcast) -> Result<Self> {
        Ok(Self { all: server.cpu_time()?, workers: each_thread_ns(server.id(), WORKER)? })
    }
}
