//! Servers of others that speak STOMP over WebSocket: RabbitMQ with its plugin Web-STOMP, and a server on `ws` for Node.js
//! as one writes it (tests/benches/peers), with and without corking its sockets.
//!
//! All have the same number of sessions of the same generator, which subscribe to the same symbols, and pulses at the
//! same rate with one quote of each symbol: over Kafka for ours, over one STOMP client for the others. They run at the
//! same time and are loaded in turns. Counted is the CPU time of the whole server: all processes and threads, from the
//! first pulse until half a second after the last, over the messages that were read. The Kafka broker is on other
//! machines in reality, and isn't counted; what our server's Kafka client takes, which does work that the others haven't,
//! is. So are the headers that only ours have.

mod nodejs;
mod rabbitmq;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};

use self::{nodejs::Nodejs, rabbitmq::Rabbitmq};
use crate::{
    Extent,
    feed::Feed,
    figures::Rounds,
    generator::{Generator, plan},
    publisher::Publisher,
    report::{Row, Wanted},
    system::CpuTime,
    tickcast::{Setup, Tickcast},
};

const GOAL: &str = "peers";
const SESSIONS: usize = 200;

/// What RabbitMQ follows with less than a core.
const MESSAGES_PER_S: f64 = 10_000.0;

/// A server under load.
struct Contestant {
    name: &'static str,
    /// The process that has started all others of it.
    root: u32,
    clients: Generator,
    source: Source,
    /// By what factor it has to be dearer than ours.
    dearer: f64,
    costs: Vec<Cost>,
    /// Ends with this.
    _server: Box<dyn std::any::Any>,
}

/// Where its prices come from.
enum Source {
    Kafka(Feed),
    Stomp(Publisher),
}

#[derive(Clone, Copy, Debug)]
struct Cost {
    ns_a_message: f64,
    bytes: f64,
    frames_a_read: f64,
}

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for frames in [1, 10] {
        let per_s = MESSAGES_PER_S / (SESSIONS * frames) as f64;
        let count = (per_s * if extent.is_quick { 1.0 } else { 3.0 }).ceil() as u32;
        let mut all = contestants(frames)?;
        for round in 0..=extent.rounds {
            for contestant in &mut all {
                let cost = contestant.load(frames, per_s, count)?;
                // The first is for the caches and the compilers.
                if round > 0 {
                    contestant.costs.push(cost);
                }
            }
        }
        rows.extend(table(frames, &all));
    }
    Ok(rows)
}

fn contestants(frames: usize) -> Result<Vec<Contestant>> {
    let ours = Tickcast::start(Setup { fetch_wait_ms: 20, ..Setup::default() })?;
    let feed = ours.feed(frames, frames)?;
    let clients = Generator::open(plan(ours.address, SESSIONS, frames, frames))?;
    let mut all = vec![Contestant {
        name: "tickcast",
        root: ours.id(),
        clients,
        source: Source::Kafka(feed),
        dearer: 1.0,
        costs: Vec::new(),
        _server: Box::new(ours),
    }];
    for (name, corks) in [("ws, corked", true), ("ws", false)] {
        let server = Nodejs::start(corks)?;
        all.push(Contestant::of_stomp(
            name,
            1.5,
            frames,
            server.id(),
            server.address,
            None,
            Box::new(server),
        )?);
    }
    let server = Rabbitmq::start()?;
    let login = Some(("guest", "guest"));
    let (id, address) = (server.id(), server.address);
    all.push(Contestant::of_stomp("RabbitMQ", 10.0, frames, id, address, login, Box::new(server))?);
    Ok(all)
}

impl Contestant {
    fn of_stomp(
        name: &'static str,
        dearer: f64,
        frames: usize,
        root: u32,
        address: SocketAddr,
        login: Option<(&'static str, &'static str)>,
        server: Box<dyn std::any::Any>,
    ) -> Result<Self> {
        let mut plan = plan(address, SESSIONS, frames, frames);
        plan.virtual_host = Some("/".to_owned());
        plan.login = login.map(|(name, _)| name.to_owned());
        plan.passcode = login.map(|(_, password)| password.to_owned());
        Ok(Self {
            name,
            root,
            clients: Generator::open(plan)?,
            source: Source::Stomp(Publisher::connect(address, login)?),
            dearer,
            costs: Vec::new(),
            _server: server,
        })
    }

    fn load(&mut self, symbols: usize, per_s: f64, count: u32) -> Result<Cost> {
        let Self { source, clients, root, name, .. } = self;
        let before = CpuTime::of_tree(*root)?;
        let window = Duration::from_secs_f64(f64::from(count) / per_s + 0.5);
        let (report, ()) = clients.measure_while(window, || match source {
            Source::Kafka(feed) => feed.pulses(per_s, count),
            Source::Stomp(publisher) => publisher.pulses(symbols, per_s, count),
        })?;
        let used = CpuTime::of_tree(*root)?.since(&before);
        let due = (SESSIONS * symbols) as u64 * u64::from(count);
        ensure!(
            report.messages * 100 >= due * 98 && report.messages * 100 <= due * 102,
            "{name} sent {} of {due} messages within {window:?}",
            report.messages
        );
        Ok(Cost {
            ns_a_message: used.total_ns() as f64 / report.messages as f64,
            bytes: report.bytes_per_message,
            frames_a_read: report.frames_per_read,
        })
    }
}

fn table(frames: usize, all: &[Contestant]) -> Vec<Row> {
    let of = |contestant: &Contestant, figure: fn(&Cost) -> f64| {
        contestant.costs.iter().map(figure).collect::<Rounds>()
    };
    let name = |what: String| format!("{SESSIONS} sessions, pulses of {frames}: {what}");
    let ours = of(&all[0], |cost| cost.ns_a_message);
    let mut rows = Vec::new();
    for peer in &all[1..] {
        let what = name(format!("CPU a message, {} over tickcast", peer.name));
        rows.push(
            Row::ratio(GOAL, what, &of(peer, |cost| cost.ns_a_message), &ours)
                .wanted(Wanted::AtLeast(peer.dearer)),
        );
    }
    for each in all {
        let row = |what: &str, unit, figure| {
            Row::of(GOAL, name(format!("{}: {what}", each.name)), unit, &of(each, figure))
        };
        rows.extend([
            row("CPU a message", "ns", |cost| cost.ns_a_message),
            row("bytes a message", "bytes", |cost| cost.bytes),
            row("frames a read", "", |cost| cost.frames_a_read),
        ]);
    }
    rows
}
