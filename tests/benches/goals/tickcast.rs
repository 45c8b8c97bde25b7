//! Our server as it's measured: the release binary with one worker thread unless told otherwise, a Kafka broker beside
//! it, and everything else as it is by default.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    broker::Broker,
    feed::Feed,
    pace::wait,
    process::{PATIENCE, Process},
    system::{CpuTime, Side},
};

/// How the names of actix's worker threads begin: what fans out runs there, sessions and shards.
pub(crate) const WORKER: &str = "actix-rt|system";

/// How it's started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) workers: usize,
    pub(crate) side: Side,
    /// Milliseconds that a fetch waits which finds nothing. A cluster answers one as soon as there is something; the
    /// broker here when this is over, and not before (as the embedded one, for which the server sets it to 2). So it's
    /// how late ticks may be, and each time it passes costs the server some 20 µs that a cluster wouldn't cost it.
    pub(crate) fetch_wait_ms: u32,
    /// Further settings.
    pub(crate) settings: &'a [&'a str],
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { workers: 1, side: Side::Server, fetch_wait_ms: 2, settings: &[] }
    }
}

/// A running server.
pub(crate) struct Tickcast {
    process: Process,
    pub(crate) address: SocketAddr,
    broker: Broker,
}

impl Tickcast {
    /// Starts it, and a broker for it.
    pub(crate) fn start(setup: Setup<'_>) -> Result<Self> {
        let broker = Broker::start()?;
        let mut command = Command::new(binary());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "error"])
            .args(["--kafka", &broker.bootstrap, "--workers", &setup.workers.to_string()])
            .args(["--kafka-property", &format!("fetch.wait.max.ms={}", setup.fetch_wait_ms)])
            .args(setup.settings);
        let process = Process::start(command, setup.side)?;
        let page = process.line_after("page")?;
        let address = page.trim_start_matches("http://").trim_end_matches('/');
        let address = address.parse().with_context(|| format!("the server's address {page}"))?;
        let server = Self { process, address, broker };
        server.await_ready()?;
        Ok(server)
    }

    /// Its process's number.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu_time(&self) -> Result<CpuTime> {
        CpuTime::of(self.id())
    }

    /// A feed to it in batches of so many records. A quote of each symbol is folded already, so that whoever
    /// subscribes gets a snapshot.
    pub(crate) fn feed(&self, symbols: usize, batch: usize) -> Result<Feed> {
        let mut feed = Feed::connect(&self.broker.bootstrap, symbols, batch)?;
        feed.begin()?;
        let begun = Instant::now();
        while self.metrics()?.sum("tickcast_symbols") < symbols as f64 {
            ensure!(begun.elapsed() < PATIENCE, "the server doesn't take the feed's {symbols} symbols");
            wait(Duration::from_millis(10));
        }
        Ok(feed)
    }

    /// What it counts.
    pub(crate) fn metrics(&self) -> Result<Metrics> {
        let url = format!("http://{}/metrics", self.address);
        let text = ureq::get(&url).call().context("the server's metrics")?.body_mut().read_to_string()?;
        Ok(Metrics::parse(&text))
    }

    /// Waits until it has done everything there was to do: nobody publishes, and its threads are idle.
    pub(crate) fn await_rest(&self) -> Result<()> {
        /// What an idle server may use within a look: the clocks of a few threads.
        const IDLE_SHARE: f64 = 0.02;
        const LOOK: Duration = Duration::from_millis(100);
        let begun = Instant::now();
        loop {
            let before = self.cpu_time()?;
            wait(LOOK);
            let used = Duration::from_nanos(self.cpu_time()?.since(&before).of_threads_ns(WORKER)?);
            if used < LOOK.mul_f64(IDLE_SHARE) {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "the server doesn't come to rest");
        }
    }

    fn await_ready(&self) -> Result<()> {
        let begun = Instant::now();
        while ureq::get(format!("http://{}/readyz", self.address)).call().is_err() {
            ensure!(begun.elapsed() < PATIENCE, "the server isn't ready");
            wait(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// The release binary that this program was built with, or the one that the environment names.
fn binary() -> String {
    std::env::var("TICKCAST_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tickcast").to_owned())
}

/// A server's counters and gauges at a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self(samples.filter_map(sample).collect())
    }

    /// All samples of a metric together, whatever their labels are; zero if there are none.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let is_its = |sample: &&String| {
            sample.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        self.0.iter().filter(|(sample, _)| is_its(sample)).map(|(_, value)| value).sum()
    }

    /// What was counted since then.
    pub(crate) fn since(&self, before: &Self, name: &str) -> f64 {
        self.sum(name) - before.sum(name)
    }
}
