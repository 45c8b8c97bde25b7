//! Servers of others that speak STOMP over WebSocket: RabbitMQ with its plugin Web-STOMP, and a server on `ws` for Node.js
//! as one writes it (tests/benches/peers), with and without corking its sockets.
//!
//! Each is compared with ours under the same load, one that it can follow: as many sessions of the same generator, which
//! subscribe to the same symbols, and pulses at the same rate with one quote of each symbol; over Kafka for ours, over one
//! STOMP client for the others. They run at the same time and are loaded in turns. Counted is the CPU time of the whole
//! server: all processes and threads, from the first pulse until half a second after the last, over the messages that were
//! read. The Kafka broker is on other machines in reality, and isn't counted; what our server's Kafka client takes, which
//! does work that the others haven't, is. So are the headers that only ours have.

mod nodejs;
mod rabbitmq;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use tickcast::load::Plan;

use self::{nodejs::Nodejs, rabbitmq::Rabbitmq};
use crate::{
    Extent,
    feed::Feed,
    figures::Rounds,
    generator::{Generator, plan},
    publisher::Publisher,
    report::{Row, Wanted},
    system::CpuTime,
    tickcast::{Setup, Tickcast, WORKER},
};

const GOAL: &str = "peers";
/// A load, and whom it's for.
#[derive(Clone, Copy, Debug)]
struct Load {
    peer: Peer,
    sessions: usize,
    /// So many in all, below what takes the peer a core.
    messages_per_s: f64,
    /// Symbols, and so the frames of a pulse.
    symbols: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Rabbitmq,
    Nodejs,
}

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
    /// The part of it that is our worker thread's.
    worker_ns_a_message: f64,
    bytes: f64,
    frames_a_read: f64,
}

pub(crate) fn measure(extent: Extent) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (peer, sessions, messages_per_s) in [(Peer::Rabbitmq, 200, 10_000.0), (Peer::Nodejs, 1000, 40_000.0)]
    {
        for symbols in [1, 10] {
            rows.extend(Load { peer, sessions, messages_per_s, symbols }.measure(extent)?);
        }
    }
    Ok(rows)
}

impl Load {
    fn measure(self, extent: Extent) -> Result<Vec<Row>> {
        let count = (self.pulses_per_s() * if extent.is_quick { 1.0 } else { 3.0 }).ceil() as u32;
        let mut all = self.contestants()?;
        for round in 0..=extent.rounds {
            for contestant in &mut all {
                let cost = contestant.load(self, count)?;
                // The first is for the caches and the compilers.
                if round > 0 {
                    contestant.costs.push(cost);
                }
            }
        }
        Ok(self.table(&all))
    }

    fn pulses_per_s(self) -> f64 {
        self.messages_per_s / (self.sessions * self.symbols) as f64
    }

    fn plan(self, server: SocketAddr) -> Plan {
        plan(server, self.sessions, self.symbols, self.symbols)
    }

    fn contestants(self) -> Result<Vec<Contestant>> {
        // Half of the time between two pulses, so that each is read by itself.
        let ours = Tickcast::start(Setup { fetch_wait_ms: 10, ..Setup::default() })?;
        let feed = ours.feed(self.symbols, self.symbols)?;
        let mut all = vec![Contestant {
            name: "tickcast",
            root: ours.id(),
            clients: Generator::open(self.plan(ours.address))?,
            source: Source::Kafka(feed),
            dearer: 1.0,
            costs: Vec::new(),
            _server: Box::new(ours),
        }];
        match self.peer {
            Peer::Rabbitmq => {
                let server = Rabbitmq::start()?;
                let plan = Plan {
                    virtual_host: Some("/".to_owned()),
                    login: Some("guest".to_owned()),
                    passcode: Some("guest".to_owned()),
                    ..self.plan(server.address)
                };
                let publisher = Publisher::connect(server.address, Some(("guest", "guest")))?;
                all.push(Contestant::new("RabbitMQ", server.id(), plan, publisher, 10.0, Box::new(server))?);
            }
            Peer::Nodejs => {
                for (name, corks) in [("ws, corked", true), ("ws", false)] {
                    let server = Nodejs::start(corks)?;
                    let (plan, publisher) =
                        (self.plan(server.address), Publisher::connect(server.address, None)?);
                    all.push(Contestant::new(name, server.id(), plan, publisher, 1.5, Box::new(server))?);
                }
            }
        }
        Ok(all)
    }

    fn table(self, all: &[Contestant]) -> Vec<Row> {
        let of = |contestant: &Contestant, figure: fn(&Cost) -> f64| {
            contestant.costs.iter().map(figure).collect::<Rounds>()
        };
        let Self { sessions, symbols, .. } = self;
        let name = |what: String| format!("{sessions} sessions, pulses of {symbols}: {what}");
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
            rows.push(row("CPU a message", "ns", |cost| cost.ns_a_message));
            if matches!(each.source, Source::Kafka(_)) {
                rows.push(row("of it the worker thread's", "ns", |cost| cost.worker_ns_a_message));
            }
            rows.push(row("bytes a message", "bytes", |cost| cost.bytes));
            rows.push(row("frames a read", "", |cost| cost.frames_a_read));
        }
        rows
    }
}

impl Contestant {
    fn new(
        name: &'static str,
        root: u32,
        plan: Plan,
        publisher: Publisher,
        dearer: f64,
        server: Box<dyn std::any::Any>,
    ) -> Result<Self> {
        let (clients, source) = (Generator::open(plan)?, Source::Stomp(publisher));
        Ok(Self { name, root, clients, source, dearer, costs: Vec::new(), _server: server })
    }

    fn load(&mut self, load: Load, count: u32) -> Result<Cost> {
        let Self { source, clients, root, name, .. } = self;
        let (symbols, per_s) = (load.symbols, load.pulses_per_s());
        let before = CpuTime::of_tree(*root)?;
        let window = Duration::from_secs_f64(f64::from(count) / per_s + 0.5);
        let (report, ()) = clients.measure_while(window, || match source {
            Source::Kafka(feed) => feed.pulses(per_s, count),
            Source::Stomp(publisher) => publisher.pulses(symbols, per_s, count),
        })?;
        let used = CpuTime::of_tree(*root)?.since(&before);
        let due = (load.sessions * symbols) as u64 * u64::from(count);
        ensure!(
            report.messages * 100 >= due * 98 && report.messages * 100 <= due * 102,
            "{name} sent {} of {due} messages within {window:?}",
            report.messages
        );
        let a_message = |ns: u64| ns as f64 / report.messages as f64;
        Ok(Cost {
            ns_a_message: a_message(used.total_ns()),
            worker_ns_a_message: a_message(used.of_threads_ns(WORKER).unwrap_or_default()),
            bytes: report.bytes_per_message,
            frames_a_read: report.frames_per_read,
        })
    }
}
