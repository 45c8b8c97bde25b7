//! The feed grows: what the fan-out takes when there are ten times as many ticks and clients are sent no more.
//!
//! 5,000 sessions subscribe to 20 of 1,000 symbols each with `max-rate:10`; the feed is even, 20,000 and then 200,000 ticks
//! a second. A session's symbols rest together, so that it's written to ten times a second with 20 frames, whatever the
//! feed. Counted is the CPU time of the worker thread; what ingest takes for ten times the ticks is told besides and
//! grows, of course. That the clients were sent as much in both is in the table too: a server that conflated more
//! because it has no time would look good otherwise.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Extent,
    feed::Feed,
    figures::Rounds,
    generator::{Generator, plan},
    report::{Row, Wanted},
    stretch::Stretch,
    tickcast::{Setup, Tickcast},
};

const GOAL: &str = "feed";
const SYMBOLS: usize = 1000;
const SUBSCRIPTIONS: usize = 20;
const TICKS_PER_S: [f64; 2] = [20_000.0, 200_000.0];

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let sessions = if extent.is_quick { 1000 } else { 5000 };
    let duration = Duration::from_secs(if extent.is_quick { 2 } else { 4 });
    let server = Tickcast::start(Setup::default())?;
    let mut feeds = Vec::new();
    for rate in TICKS_PER_S {
        feeds.push((rate, server.feed(SYMBOLS, Feed::steady_batch(rate))?, Vec::new()));
    }
    let mut plan = plan(server.address, sessions, SUBSCRIPTIONS, SYMBOLS);
    plan.headers.push(("max-rate".to_owned(), "10".to_owned()));
    let mut clients = Generator::open(plan)?;
    for _ in 0..extent.rounds {
        for (rate, feed, stretches) in &mut feeds {
            stretches.push(Stretch::within(&server, &mut clients, duration, |all| {
                feed.steady(*rate, all).map(drop)
            })?);
        }
    }
    let [slow, fast] = [&feeds[0].2, &feeds[1].2];
    let of = |stretches: &[Stretch], figure: fn(&Stretch) -> f64| {
        stretches.iter().map(|stretch| figure(stretch) / stretch.report.seconds).collect::<Rounds>()
    };
    let name = |what: &str| format!("{sessions} sessions × {SUBSCRIPTIONS} of {SYMBOLS} symbols: {what}");
    let ratio = |what: &str, figure| Row::ratio(GOAL, name(what), &of(fast, figure), &of(slow, figure));
    let mut rows = vec![
        ratio("worker's CPU at 200,000 ticks/s over 20,000", |stretch| stretch.worker_s)
            .wanted(Wanted::AtMost(1.1)),
        ratio("messages at 200,000 ticks/s over 20,000", Stretch::messages),
        ratio("writes at 200,000 ticks/s over 20,000", |stretch| stretch.writes),
        ratio("process's CPU at 200,000 ticks/s over 20,000", |stretch| stretch.process_s),
    ];
    for (ticks, stretches) in [("20,000", slow), ("200,000", fast)] {
        let row = |what: &str, unit, figure| {
            Row::of(GOAL, name(&format!("{ticks} ticks/s: {what}")), unit, &of(stretches, figure))
        };
        rows.extend([
            row("worker's CPU", "cores", |stretch| stretch.worker_s),
            row("process's CPU", "cores", |stretch| stretch.process_s),
            row("messages", "/s", Stretch::messages),
            row("writes", "/s", |stretch| stretch.writes),
            row("ticks conflated", "/s", |stretch| stretch.report.conflated as f64),
            row("generator busy", "cores", |stretch| stretch.report.generator.busy * stretch.report.seconds),
        ]);
    }
    Ok(rows)
}
