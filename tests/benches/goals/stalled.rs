//! Sessions that never read, beside those that do.
//!
//! Two servers in turns: one with 900 sessions that read, one with those and 100 more that subscribed to as much and never
//! read again. The second's stalled sockets are full before anything is measured, as the server's own gauge of slow
//! sessions tells; its send deadline is long enough for them to stay. Both are given the same even feed, from brokers of
//! their own. Compared are what the sessions that read got: how many messages, and how old.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    Extent,
    feed::Feed,
    figures::Rounds,
    generator::{Generator, plan},
    process::PATIENCE,
    report::{Row, Wanted},
    stretch::Stretch,
    tickcast::{Setup, Tickcast},
};

const GOAL: &str = "stalled";
const SYMBOLS: usize = 1000;
const SUBSCRIPTIONS: usize = 20;
const READING: usize = 900;
const STALLED: usize = 100;
const TICKS_PER_S: f64 = 10_000.0;

/// A server and its sessions.
struct Setting {
    server: Tickcast,
    feed: Feed,
    clients: Generator,
}

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let duration = Duration::from_secs(if extent.is_quick { 2 } else { 5 });
    let mut without = Setting::new(0)?;
    let mut with = Setting::new(STALLED)?;
    with.stall()?;
    let (mut healthy, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        healthy.push(without.stretch(duration)?);
        beside.push(with.stretch(duration)?);
    }
    let of =
        |stretches: &[Stretch], figure: fn(&Stretch) -> f64| stretches.iter().map(figure).collect::<Rounds>();
    let name = |what: &str| format!("{READING} sessions that read, {TICKS_PER_S} ticks/s: {what}");
    let ratio =
        |what: &str, figure| Row::ratio(GOAL, name(what), &of(&beside, figure), &of(&healthy, figure));
    let mut rows = vec![
        ratio("age, 99 %, beside 100 that don't over without", |stretch| stretch.age().p99_ms)
            .wanted(Wanted::AtMost(1.05)),
        ratio("messages, beside 100 that don't over without", |stretch| stretch.report.messages_per_s)
            .wanted(Wanted::AtLeast(0.95)),
        ratio("worker's CPU, beside 100 that don't over without", |stretch| stretch.worker_s),
    ];
    for (which, stretches) in [("without", &healthy), ("beside 100", &beside)] {
        let row = |what: &str, unit, figure| {
            Row::of(GOAL, name(&format!("{which}: {what}")), unit, &of(stretches, figure))
        };
        rows.extend([
            row("age, median", "ms", |stretch| stretch.age().p50_ms),
            row("age, 99 %", "ms", |stretch| stretch.age().p99_ms),
            row("messages", "/s", |stretch| stretch.report.messages_per_s),
        ]);
    }
    Ok(rows)
}

impl Setting {
    fn new(stalled: usize) -> Result<Self> {
        let server = Tickcast::start(Setup { settings: &["--send-deadline-s", "3600"], ..Setup::default() })?;
        let feed = server.feed(SYMBOLS, Feed::steady_batch(TICKS_PER_S))?;
        let mut plan = plan(server.address, READING + stalled, SUBSCRIPTIONS, SYMBOLS);
        plan.stalled = stalled;
        Ok(Self { clients: Generator::open(plan)?, server, feed })
    }

    /// Publishes until all who don't read are slow.
    fn stall(&mut self) -> Result<()> {
        let begun = Instant::now();
        while self.server.metrics()?.sum("tickcast_slow_sessions") < STALLED as f64 {
            ensure!(begun.elapsed() < PATIENCE, "the sockets of the sessions that don't read aren't full");
            self.feed.steady(TICKS_PER_S, Duration::from_secs(1))?;
        }
        Ok(())
    }

    fn stretch(&mut self, duration: Duration) -> Result<Stretch> {
        let Self { server, feed, clients } = self;
        Stretch::within(server, clients, duration, |all| feed.steady(TICKS_PER_S, all).map(drop))
    }
}
