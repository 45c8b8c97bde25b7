//! How CPU time, memory and bandwidth grow with sessions, subscriptions, ticks and the length of messages: measured at
//! several sizes, and fitted, so that other sizes can be computed.
//!
//! - What fans out, in CPU time of the worker thread: so much a write, so much a frame, so much a KiB.
//! - Memory of idle sessions: so much a session, so much a subscription.
//! - The feed, in CPU time of all other threads: so much a tick, and so much a second for being there.
//! - Bytes a message, as they are written; what TCP and IP add to each write, 66 bytes with Ethernet's header and as much
//!   for its acknowledgement, is to be added.
//!
//! What the points are off by the fit at most is told: it's what a computed figure may be off at sizes in between.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Extent,
    feed::{Detail, Feed},
    fit::{Point, fit, largest_error},
    generator::{Generator, plan},
    pace::wait,
    report::Row,
    stretch::Stretch,
    system::resident_bytes,
    tickcast::{Setup, Tickcast},
};

const GOAL: &str = "capacity";

/// Writes a second of each point.
const WRITES_PER_S: f64 = 20_000.0;

#[derive(Default)]
struct Points {
    /// Writes, frames, KiB; nanoseconds.
    fan_out: Vec<Point<3>>,
    /// Sessions, subscriptions; bytes.
    memory: Vec<Point<2>>,
    /// Ticks, seconds; nanoseconds.
    feed: Vec<Point<2>>,
    rows: Vec<Row>,
}

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let (sizes, depths): (&[usize], &[usize]) = match extent.is_quick {
        true => (&[500, 2000], &[1, 10]),
        false => (&[500, 2000, 8000, 15_000], &[1, 5, 20]),
    };
    let mut points = Points::default();
    for sessions in sizes {
        for subscriptions in depths {
            for detail in [Detail::Quote, Detail::Everything] {
                points.fan_out(*sessions, *subscriptions, detail)?;
            }
        }
    }
    for ticks_per_s in
        if extent.is_quick { &[10_000.0, 50_000.0][..] } else { &[5_000.0, 20_000.0, 80_000.0] }
    {
        points.feed(*ticks_per_s, extent)?;
    }
    Ok(points.fitted())
}

impl Points {
    fn fan_out(&mut self, sessions: usize, subscriptions: usize, detail: Detail) -> Result<()> {
        let server = Tickcast::start(Setup::default())?;
        let mut feed = server.feed(subscriptions, subscriptions)?.telling(detail);
        // The worker's own buffers are there already.
        let first = Generator::open(plan(server.address, 10, subscriptions, subscriptions))?;
        let empty = resident_bytes(server.id())?;
        let mut clients = Generator::open(plan(server.address, sessions, subscriptions, subscriptions))?;
        server.await_rest()?;
        let idle = resident_bytes(server.id())?;
        drop(first);
        let per_s = WRITES_PER_S / sessions as f64;
        let count = (per_s * 1.5).ceil() as u32;
        let window = Duration::from_secs_f64(f64::from(count) / per_s + 0.5);
        feed.pulses(per_s, count)?;
        let stretch = Stretch::whole(&server, &mut clients, window, || feed.pulses(per_s, count))?;
        let frames = stretch.messages();
        let what =
            format!("{sessions} sessions × {subscriptions} frames of {:.0} bytes", stretch.bytes / frames);
        let one = |of: &str, unit, figure| Row::one(GOAL, format!("{what}: {of}"), unit, figure);
        self.rows.extend([
            one("CPU a write, worker", "ns", stretch.worker_s * 1e9 / stretch.writes),
            one("frames a write", "", frames / stretch.writes),
            one("memory of an idle session", "KiB", (idle - empty) as f64 / sessions as f64 / 1024.0),
        ]);
        self.fan_out.push(Point {
            amounts: [stretch.writes, frames, stretch.bytes / 1024.0],
            cost: stretch.worker_s * 1e9,
        });
        let sessions = sessions as f64;
        self.memory.push(Point {
            amounts: [sessions, sessions * subscriptions as f64],
            cost: (idle - empty) as f64,
        });
        Ok(())
    }

    fn feed(&mut self, ticks_per_s: f64, extent: Extent) -> Result<()> {
        const SYMBOLS: usize = 1000;
        let seconds = if extent.is_quick { 2.0 } else { 5.0 };
        let server = Tickcast::start(Setup::default())?;
        let mut feed = server.feed(SYMBOLS, Feed::steady_batch(ticks_per_s))?;
        wait(Duration::from_millis(200));
        let before = server.cpu_time()?;
        let published = feed.steady(ticks_per_s, Duration::from_secs_f64(seconds))? * seconds;
        server.await_rest()?;
        let used = server.cpu_time()?.since(&before).total_ns() as f64;
        let what = format!("{ticks_per_s} ticks/s: CPU a tick, whole process without sessions");
        self.rows.push(Row::one(GOAL, what, "ns", used / published));
        self.feed.push(Point { amounts: [published, seconds], cost: used });
        Ok(())
    }

    fn fitted(self) -> Vec<Row> {
        let Self { fan_out, memory, feed, mut rows } = self;
        let one = |what: &str, unit, figure| Row::one(GOAL, format!("fitted: {what}"), unit, figure);
        let costs = fit(&fan_out);
        rows.extend([
            one("fan-out, CPU a write", "ns", costs[0]),
            one("fan-out, CPU a frame", "ns", costs[1]),
            one("fan-out, CPU a KiB", "ns", costs[2]),
            one("fan-out, largest error", "%", largest_error(&fan_out, &costs) * 100.0),
        ]);
        let costs = fit(&memory);
        rows.extend([
            one("memory of an idle session", "bytes", costs[0]),
            one("memory of a subscription", "bytes", costs[1]),
            one("memory, largest error", "%", largest_error(&memory, &costs) * 100.0),
        ]);
        let costs = fit(&feed);
        rows.extend([
            one("feed, CPU a tick", "ns", costs[0]),
            one("feed, CPU a second", "ms", costs[1] / 1e6),
            one("feed, largest error", "%", largest_error(&feed, &costs) * 100.0),
        ]);
        rows
    }
}
