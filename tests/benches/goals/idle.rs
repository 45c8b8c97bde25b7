//! The memory of idle sessions: what 15,000 with 20 subscriptions each add to the server's resident memory, and what of
//! it is there after minutes of load, when everything is written and quiet again.
//!
//! Before the first look the server holds the symbols' states and no session. A session counts as open when it has had
//! the snapshot of each subscription, so its buffers have been used. Memory is the process's (`VmRSS`), all of it, also
//! what the allocator keeps; what the kernel holds for a connection (some 3 KiB) is not in it. The load is a pulse of all
//! symbols a second, so that every session is written to once a second with 20 frames.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    Extent,
    generator::{Generator, plan},
    pace::{Pace, wait},
    report::{Row, Wanted},
    system::resident_bytes,
    tickcast::{Setup, Tickcast},
};

const GOAL: &str = "idle";
const SYMBOLS: usize = 1000;
const SUBSCRIPTIONS: usize = 20;

/// How long memory has to stay where it is.
const STILL: Duration = Duration::from_secs(5);

/// How long it's waited for.
const STILL_PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let sessions = if extent.is_quick { 2000 } else { 15_000 };
    let server = Tickcast::start(Setup::default())?;
    let mut feed = server.feed(SYMBOLS, SYMBOLS)?;
    let empty = settled_bytes(&server)?;
    let mut clients = Generator::open(plan(server.address, sessions, SUBSCRIPTIONS, SYMBOLS))?;
    let idle = settled_bytes(&server)?;
    let pulses = u32::try_from(extent.load.as_secs()).unwrap_or(u32::MAX).max(1);
    let (report, peak) = clients.measure_while(extent.load + Duration::from_secs(2), || {
        let (mut peak, mut pace) = (0, Pace::new(1.0));
        for _ in 0..pulses {
            pace.wait();
            feed.pulses(1.0, 1)?;
            peak = peak.max(resident_bytes(server.id())?);
        }
        Ok(peak)
    })?;
    let messages_due = u64::from(pulses) * (sessions * SUBSCRIPTIONS) as u64;
    server.await_rest()?;
    let drained = settled_bytes(&server)?;
    let each = |bytes: u64| bytes.saturating_sub(empty) as f64 / sessions as f64 / 1024.0;
    let name = |what: &str| format!("{sessions} sessions × {SUBSCRIPTIONS} subscriptions: {what}");
    let one = |what: &str, unit, figure| Row::one(GOAL, name(what), unit, figure);
    Ok(vec![
        one("memory of an idle one", "KiB", each(idle)).wanted(Wanted::AtMost(12.0)),
        one(
            &format!("memory after {pulses} s of load, over that before"),
            "times",
            each(drained) / each(idle),
        )
        .wanted(Wanted::AtMost(1.1)),
        one("memory of one after the load", "KiB", each(drained)),
        one("memory of one under load, at most", "KiB", each(peak)),
        one("the server without sessions", "MiB", empty as f64 / 1024.0 / 1024.0),
        one("messages read, of those due", "times", report.messages as f64 / messages_due as f64),
    ])
}

/// The server's memory once it stays where it is: freed memory goes back with a delay.
fn settled_bytes(server: &Tickcast) -> Result<u64> {
    let begun = Instant::now();
    let (mut last, mut since) = (resident_bytes(server.id())?, Instant::now());
    while since.elapsed() < STILL && begun.elapsed() < STILL_PATIENCE {
        wait(Duration::from_millis(250));
        let now = resident_bytes(server.id())?;
        if now.abs_diff(last) > 64 * 1024 {
            (last, since) = (now, Instant::now());
        }
    }
    resident_bytes(server.id())
}
