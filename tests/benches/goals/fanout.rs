//! The fan-out: CPU time a write, with equal sessions, frames a write and pulses.
//!
//! All sessions subscribe to the same k symbols. At each pulse two quotes of each are published at once, so that every
//! session is due k MESSAGE frames, each with its own `subscription` and `conflated:1`: one write. Beside stand
//! - the limit: one bare `send` of as many bytes, from the same core, over as many sockets, at the same pulses;
//! - a naive actix-ws server, driven by the same generator, whose frames have the same headers and as long bodies.
//!
//! Counted is the CPU time of the threads that fan out: our worker thread and the naive server's, and the one thread of
//! the limit. What ours does besides is in there too: fetching the states from the ingest thread, deadlines, metrics.
//! Reading Kafka is not: the limit and the naive server get their prices from nowhere, and it doesn't grow with the
//! sessions. That of the whole process is told besides.
//!
//! It's divided by what was due: sessions × pulses. A server that takes more writes than one for a pulse gets no
//! better by it; where fewer were made, since states were conflated, it's divided by those.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    Extent,
    feed::Feed,
    figures::Rounds,
    generator::{Generator, plan},
    limit::{Limit, Sweeps},
    naive::{Naive, Pulses},
    report::{Row, Wanted},
    stretch::Stretch,
    system::CpuTime,
    tickcast::{Setup, Tickcast, WORKER},
};

const GOAL: &str = "fanout";

/// Ticks of a symbol a pulse: the second is folded into the first, as `conflated` tells.
const TICKS_EACH: usize = 2;

/// One size of it.
#[derive(Clone, Copy, Debug)]
struct Case {
    sessions: usize,
    frames: usize,
    /// Pulses a second: as many as keep the generator and the naive server well below a core.
    per_s: f64,
    /// CPU time a write over the limit's, at most.
    over_limit: f64,
    /// CPU time of the naive server over ours, at least.
    under_naive: f64,
}

/// What a flush, a session's frames of one pulse, costs.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    worker_ns: f64,
    process_ns: f64,
    bytes: f64,
    writes: f64,
    messages: f64,
    /// A message.
    conflated: f64,
    /// The generator's share of the time.
    busy: f64,
}

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let sizes: &[usize] = if extent.is_quick { &[1000] } else { &[1000, 5000] };
    let mut rows = Vec::new();
    for sessions in sizes {
        for (frames, writes_per_s, over_limit, under_naive) in
            [(1, 80_000.0, 1.35, 1.2), (10, 40_000.0, 1.4, 2.0), (50, 15_000.0, 1.8, 3.4)]
        {
            let per_s = extent.pace * writes_per_s / *sessions as f64;
            rows.extend(
                Case { sessions: *sessions, frames, per_s, over_limit, under_naive }.measure(extent)?,
            );
        }
    }
    Ok(rows)
}

impl Case {
    fn measure(self, extent: Extent) -> Result<Vec<Row>> {
        let server = Tickcast::start(Setup::default())?;
        let mut feed = server.feed(self.frames, self.frames * TICKS_EACH)?;
        let sessions = |server| Generator::open(plan(server, self.sessions, self.frames, self.frames));
        let mut ours = sessions(server.address)?;
        let mut naive = Naive::start()?;
        let mut naives = sessions(naive.address)?;
        let mut limit = Limit::start(self.sessions)?;
        let count = self.count(extent);
        // Once for the caches, and to know how much is written.
        let warm = self.ours(&server, &mut feed, &mut ours, count)?;
        let sweeps = Sweeps { bytes: warm.bytes as usize, per_s: self.per_s, count };
        limit.cost_ns(sweeps)?;
        self.naive(&mut naive, &mut naives, count)?;
        let (mut tickcast, mut limits, mut naively) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..extent.rounds {
            tickcast.push(self.ours(&server, &mut feed, &mut ours, count)?);
            limits.push(limit.cost_ns(sweeps)?);
            naively.push(self.naive(&mut naive, &mut naives, count)?);
        }
        Ok(self.rows(&tickcast, &Rounds(limits), &naively))
    }

    /// Two seconds of pulses.
    fn count(self, extent: Extent) -> u32 {
        let seconds = if extent.is_quick { 1.0 } else { 2.0 };
        (self.per_s * seconds).ceil().max(2.0) as u32
    }

    fn ours(self, server: &Tickcast, feed: &mut Feed, load: &mut Generator, count: u32) -> Result<Cost> {
        let stretch = Stretch::whole(server, load, self.window(count), || feed.pulses(self.per_s, count))?;
        let flushes = self.sessions as f64 * f64::from(count);
        let due = flushes.min(stretch.writes);
        ensure!(
            due > flushes * 0.9,
            "the server conflated pulses: {} writes for {flushes} due",
            stretch.writes
        );
        Ok(Cost {
            worker_ns: stretch.worker_s * 1e9 / due,
            process_ns: stretch.process_s * 1e9 / due,
            bytes: stretch.bytes / stretch.writes,
            writes: stretch.writes / flushes,
            messages: stretch.messages() / flushes,
            conflated: stretch.report.conflated as f64 / stretch.messages(),
            busy: stretch.report.generator.busy,
        })
    }

    fn naive(self, naive: &mut Naive, load: &mut Generator, count: u32) -> Result<Cost> {
        let before = CpuTime::of(naive.process.id())?;
        let (report, ()) = load.measure_while(self.window(count), || {
            naive.begin(Pulses { per_s: self.per_s, count })?;
            naive.await_end()
        })?;
        let used = CpuTime::of(naive.process.id())?.since(&before);
        let flushes = self.sessions as f64 * f64::from(count);
        let frames = report.messages as f64 / flushes;
        ensure!((frames - self.frames as f64).abs() < 0.05, "the naive server sent {frames} frames a pulse");
        Ok(Cost {
            worker_ns: used.of_threads_ns(WORKER)? as f64 / flushes,
            process_ns: used.total_ns() as f64 / flushes,
            bytes: report.bytes as f64 / flushes,
            writes: f64::NAN,
            messages: frames,
            conflated: report.conflated as f64 / report.messages as f64,
            busy: report.generator.busy,
        })
    }

    /// As long as the pulses take, and what comes after.
    fn window(self, count: u32) -> Duration {
        Duration::from_secs_f64(f64::from(count) / self.per_s + 0.5)
    }

    fn rows(self, ours: &[Cost], limit: &Rounds, naive: &[Cost]) -> Vec<Row> {
        let of = |costs: &[Cost], figure: fn(&Cost) -> f64| costs.iter().map(figure).collect::<Rounds>();
        let (worker, naively) = (of(ours, |cost| cost.worker_ns), of(naive, |cost| cost.worker_ns));
        let name = |what| format!("{} sessions × {} frames: {what}", self.sessions, self.frames);
        let row = |what, unit, rounds: &Rounds| Row::of(GOAL, name(what), unit, rounds);
        vec![
            Row::ratio(GOAL, name("CPU a write over the limit's"), &worker, limit)
                .wanted(Wanted::AtMost(self.over_limit)),
            Row::ratio(GOAL, name("CPU of the naive server over ours"), &naively, &worker)
                .wanted(Wanted::AtLeast(self.under_naive)),
            row("CPU a write, worker thread", "ns", &worker),
            row("CPU a write, whole process", "ns", &of(ours, |cost| cost.process_ns)),
            row("CPU a send, the limit", "ns", limit),
            row("CPU a pulse, naive server", "ns", &naively),
            row("bytes a write", "bytes", &of(ours, |cost| cost.bytes)),
            row("bytes a pulse, naive server", "bytes", &of(naive, |cost| cost.bytes)),
            row("writes a pulse", "", &of(ours, |cost| cost.writes)),
            row("frames a pulse", "", &of(ours, |cost| cost.messages)),
            row("`conflated` a frame", "", &of(ours, |cost| cost.conflated)),
            row("share of the time that the generator was busy", "", &of(ours, |cost| cost.busy)),
        ]
    }
}
