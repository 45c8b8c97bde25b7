//! Two worker threads against one.
//!
//! The goal is about messages a second at equal CPU time a message. A machine that has cores for two workers, the ingest
//! thread and the clients would show it by being saturated; one that has two cores can't. But there are just three ways
//! in which a second worker could bring less than a first: it makes each message dearer (what both touch goes to and fro
//! between their caches, and locks), the work isn't shared evenly, so that one is full before the other, or something
//! that there is only once is full before them. So all three are measured, at the same load for one worker and for two:
//!
//! - messages for each second of CPU time of the busiest worker: at the rate at which that one is full, it's how many
//!   messages there are in a second. Two over one is the goal; it has the first two ways in it.
//! - the share of the load at which the ingest thread, which there is one of, would be full.
//!
//! Both servers may use all cores here, with the generator, so that two workers do run at the same time.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Extent,
    feed::Feed,
    figures::Rounds,
    generator::{Generator, plan},
    report::{Row, Wanted},
    stretch::Stretch,
    system::{CpuTime, Side},
    tickcast::{Setup, Tickcast},
};

const GOAL: &str = "workers";
const SYMBOLS: usize = 1000;
const SUBSCRIPTIONS: usize = 20;
const SESSIONS: usize = 1000;

/// Pulses a second of a quote of each symbol: so many writes of 20 frames to each session.
const PULSES_PER_S: f64 = 20.0;

struct Setting {
    server: Tickcast,
    feed: Feed,
    clients: Generator,
    stretches: Vec<Stretch>,
    ingest: Vec<f64>,
}

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let count = (PULSES_PER_S * if extent.is_quick { 1.0 } else { 3.0 }) as u32;
    let mut settings = [Setting::new(1)?, Setting::new(2)?];
    for _ in 0..extent.rounds {
        for setting in &mut settings {
            setting.load(count)?;
        }
    }
    let [one, two] = settings;
    let of = |setting: &Setting, figure: fn(&Stretch) -> f64| {
        setting.stretches.iter().map(figure).collect::<Rounds>()
    };
    let name = |what: &str| format!("{SESSIONS} sessions × {SUBSCRIPTIONS} frames a write: {what}");
    let capacity = |stretch: &Stretch| stretch.messages() / stretch.busiest_worker_s;
    let cost = |stretch: &Stretch| stretch.worker_s * 1e9 / stretch.messages();
    let ratio = |what: &str, figure| Row::ratio(GOAL, name(what), &of(&two, figure), &of(&one, figure));
    let mut rows = vec![
        ratio("messages until the busiest worker is full, two over one", capacity)
            .wanted(Wanted::AtLeast(1.9)),
        ratio("workers' CPU a message, two over one", cost),
        Row::of(
            GOAL,
            name("the busiest of two workers' share of their CPU"),
            "",
            &of(&two, |stretch| stretch.busiest_worker_s / stretch.worker_s),
        ),
    ];
    for (which, setting) in [("one worker", &one), ("two workers", &two)] {
        let row = |what: &str, unit, rounds: &Rounds| {
            Row::of(GOAL, name(&format!("{which}: {what}")), unit, rounds)
        };
        rows.extend([
            row("workers' CPU a message", "ns", &of(setting, cost)),
            row("messages a second of its busiest worker's CPU", "", &of(setting, capacity)),
            row(
                "messages a second of the ingest thread's CPU",
                "",
                &setting.ingest.iter().copied().collect(),
            ),
        ]);
    }
    Ok(rows)
}

impl Setting {
    fn new(workers: usize) -> Result<Self> {
        let server = Tickcast::start(Setup { workers, side: Side::Both, ..Setup::default() })?;
        let feed = server.feed(SYMBOLS, SYMBOLS)?;
        let clients = Generator::open(plan(server.address, SESSIONS, SUBSCRIPTIONS, SYMBOLS))?;
        Ok(Self { server, feed, clients, stretches: Vec::new(), ingest: Vec::new() })
    }

    fn load(&mut self, count: u32) -> Result<()> {
        let Self { server, feed, clients, stretches, ingest } = self;
        let before = server.cpu_time()?;
        let window = Duration::from_secs_f64(f64::from(count) / PULSES_PER_S + 0.5);
        let stretch = Stretch::whole(server, clients, window, || feed.pulses(PULSES_PER_S, count))?;
        let used: CpuTime = server.cpu_time()?.since(&before);
        ingest.push(stretch.messages() / (used.of_threads_ns("ingest")? as f64 / 1e9));
        stretches.push(stretch);
        Ok(())
    }
}
