//! The connect storm: how many sessions a second of the server's CPU time opens.
//!
//! Each is a TCP connection, the upgrade, CONNECT, 20 times SUBSCRIBE, a receipt and 20 snapshots, as fast as the
//! generator asks for them. Counted is all of the server's CPU time from the first to the rest after the last; the figure
//! is of the whole process. Each round has a server of its own, which has had no session before.

use anyhow::Result;

use crate::{
    Extent,
    figures::Rounds,
    generator::{Generator, plan},
    report::{Row, Wanted},
    tickcast::{Setup, Tickcast, WORKER},
};

const GOAL: &str = "storm";
const SYMBOLS: usize = 1000;
const SUBSCRIPTIONS: usize = 20;

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let sessions = if extent.is_quick { 1000 } else { 5000 };
    let (mut process, mut worker, mut per_s, mut busy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        let server = Tickcast::start(Setup::default())?;
        let _feed = server.feed(SYMBOLS, SYMBOLS)?;
        server.await_rest()?;
        let before = server.cpu_time()?;
        let clients = Generator::open(plan(server.address, sessions, SUBSCRIPTIONS, SYMBOLS))?;
        server.await_rest()?;
        let used = server.cpu_time()?.since(&before);
        let a_second = |nanoseconds: u64| sessions as f64 / (nanoseconds as f64 / 1e9);
        process.push(a_second(used.total_ns()));
        worker.push(a_second(used.of_threads_ns(WORKER)?));
        per_s.push(clients.opening().sessions_per_s);
        busy.push(clients.opening().generator.busy);
    }
    let name = |what: &str| format!("{sessions} sessions × {SUBSCRIPTIONS} subscriptions: {what}");
    let row = |what: &str, unit, rounds| Row::of(GOAL, name(what), unit, &Rounds(rounds));
    Ok(vec![
        row("opened in a CPU second, whole process", "sessions", process).wanted(Wanted::AtLeast(3000.0)),
        row("opened in a CPU second, worker thread", "sessions", worker),
        row("opened in a second of time", "sessions", per_s),
        row("share of the time that the generator was busy", "", busy),
    ])
}
