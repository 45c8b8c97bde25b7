//! How old prices are at the client: the time of its read less the tick's own, which the feed takes from the same clock
//! just before it hands the tick to its Kafka client. So it has all of the way in it: the producer, the broker, the
//! server, loopback, and the generator's queue of readable sockets.
//!
//! - Few sessions, unconflated: 100 with 20 of 1,000 symbols each at 10,000 ticks a second, in batches of a millisecond.
//!   The broker here keeps a fetch that finds nothing for its whole time; a cluster's answers when there is something. So
//!   the server asks again at once, and what it takes for that comes on top of what it has to do.
//! - Many, at half of the saturation rate: 1,000 with 20 of 1,000 symbols. The rate is raised until ticks are conflated
//!   that wouldn't be if there were time, or until the worker thread is busy all the time; the last rate before is the
//!   saturation's. The goal is two sweeps over all sockets and two milliseconds: a sweep is what the server takes to write
//!   to each session once, its CPU time a write times the sessions, in the very run whose age is told.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{
    Extent,
    feed::Feed,
    figures::Rounds,
    generator::{Generator, plan},
    report::{Row, Wanted},
    stretch::Stretch,
    tickcast::{Setup, Tickcast},
};

const GOAL: &str = "age";
const SYMBOLS: usize = 1000;
const SUBSCRIPTIONS: usize = 20;

/// Ticks a second that saturation is looked for from.
const RATE_FIRST: f64 = 8_000.0;

/// Further than a feed in this process goes.
const RATE_LAST: f64 = 400_000.0;

/// By how much the rate is raised at a time.
const STEP: f64 = 1.25;

/// More of the ticks conflated than two that happen to meet: the server doesn't follow.
const CONFLATED_SHARE_MAX: f64 = 0.05;

/// So busy a thread has no time left.
const BUSY_SHARE_MAX: f64 = 0.95;

/// Sessions of a server that a feed is given to.
struct Setting {
    server: Tickcast,
    clients: Generator,
    sessions: usize,
    duration: Duration,
}

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let mut rows = unconflated(extent)?;
    rows.extend(half_saturated(extent)?);
    Ok(rows)
}

impl Setting {
    fn new(sessions: usize, fetch_wait_ms: u32, extent: Extent) -> Result<Self> {
        let server = Tickcast::start(Setup { fetch_wait_ms, ..Setup::default() })?;
        server.feed(SYMBOLS, SYMBOLS)?;
        let clients = Generator::open(plan(server.address, sessions, SUBSCRIPTIONS, SYMBOLS))?;
        let duration = Duration::from_secs(if extent.is_quick { 2 } else { 5 });
        Ok(Self { server, clients, sessions, duration })
    }

    fn at(&mut self, ticks_per_s: f64) -> Result<(f64, Stretch)> {
        let mut feed = self.server.feed(SYMBOLS, Feed::steady_batch(ticks_per_s))?;
        let mut published = 0.0;
        let stretch = Stretch::within(&self.server, &mut self.clients, self.duration, |all| {
            published = feed.steady(ticks_per_s, all)?;
            Ok(())
        })?;
        Ok((published, stretch))
    }

    fn rounds(&mut self, ticks_per_s: f64, count: usize) -> Result<Vec<Stretch>> {
        (0..count).map(|_| Ok(self.at(ticks_per_s)?.1)).collect()
    }

    fn name(&self, what: &str) -> String {
        format!("{} sessions × {SUBSCRIPTIONS} of {SYMBOLS} symbols: {what}", self.sessions)
    }
}

fn unconflated(extent: Extent) -> Result<Vec<Row>> {
    const TICKS_PER_S: f64 = 10_000.0;
    // Never waiting is as near as this broker comes to one that answers as soon as there is something.
    let mut setting = Setting::new(100, 0, extent)?;
    let stretches = setting.rounds(TICKS_PER_S, extent.rounds)?;
    let name = |what: &str| setting.name(&format!("{TICKS_PER_S} ticks/s: {what}"));
    let row = |what: &str, unit, figure: fn(&Stretch) -> f64| {
        Row::of(GOAL, name(what), unit, &of(&stretches, figure))
    };
    Ok(vec![
        row("age, median", "ms", |stretch| stretch.age().p50_ms).wanted(Wanted::AtMost(1.0)),
        row("age, 99 %", "ms", |stretch| stretch.age().p99_ms).wanted(Wanted::AtMost(5.0)),
        row("age, 99.9 %", "ms", |stretch| stretch.age().p999_ms),
        row("share of the ticks that were conflated", "", Stretch::conflated_share),
        row("messages", "/s", |stretch| stretch.report.messages_per_s),
    ])
}

fn half_saturated(extent: Extent) -> Result<Vec<Row>> {
    let mut setting = Setting::new(1000, 1, extent)?;
    let (saturation, busy) = saturation(&mut setting)?;
    let half = saturation / 2.0;
    let stretches = setting.rounds(half, extent.rounds)?;
    let sessions = setting.sessions as f64;
    let sweeps: Rounds =
        stretches.iter().map(|stretch| stretch.worker_s / stretch.writes * sessions * 1e3).collect();
    let name = |what: &str| setting.name(what);
    let row = |what: &str, unit, figure: fn(&Stretch) -> f64| {
        Row::of(GOAL, name(what), unit, &of(&stretches, figure))
    };
    Ok(vec![
        row("at half of the saturation rate: age, 99 %", "ms", |stretch| stretch.age().p99_ms)
            .wanted(Wanted::AtMost(round(2.0 * sweeps.median() + 2.0))),
        row("there: age, median", "ms", |stretch| stretch.age().p50_ms),
        Row::of(GOAL, name("there: a sweep over all sockets"), "ms", &sweeps),
        row("there: messages", "/s", |stretch| stretch.report.messages_per_s),
        row("there: frames a write", "", |stretch| stretch.messages() / stretch.writes),
        row("there: worker thread busy", "cores", Stretch::busy),
        Row::one(GOAL, name("the saturation rate"), "ticks/s", saturation),
        Row::one(GOAL, name("worker thread busy at saturation"), "cores", busy),
    ])
}

/// The last rate at which the server follows, and how busy its worker was.
fn saturation(setting: &mut Setting) -> Result<(f64, f64)> {
    let (mut rate, mut last) = (RATE_FIRST, None);
    while rate <= RATE_LAST {
        let (published, stretch) = setting.at(rate)?;
        let follows = stretch.conflated_share() <= CONFLATED_SHARE_MAX && stretch.busy() <= BUSY_SHARE_MAX;
        // A feed that doesn't reach the rate is the end too: what saturates then is this side.
        if !follows || published < rate * 0.95 {
            break;
        }
        last = Some((rate, stretch.busy()));
        rate *= STEP;
    }
    last.with_context(|| format!("the server doesn't follow {RATE_FIRST} ticks a second"))
}

/// To hundredths.
fn round(ms: f64) -> f64 {
    (ms * 100.0).round() / 100.0
}

fn of(stretches: &[Stretch], figure: fn(&Stretch) -> f64) -> Rounds {
    stretches.iter().map(figure).collect()
}
