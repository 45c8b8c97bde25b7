//! The goals: measures what tickcast is to reach, beside what it's compared with. `tests/bench.sh` runs it.
//!
//! ```sh
//! tests/bench.sh fanout peers
//! ```
//!
//! Everything runs on this machine and over loopback: the servers on one half of the cores, whoever connects to them and
//! publishes on the other. What counts is CPU time, which an occupied machine changes less than it changes time; and
//! ratios of what was measured in turns in the same run. Each goal's file says what it counts, what it doesn't, and why
//! the comparison is fair.

mod feed;
mod age;
mod broker;
mod capacity;
mod fanout;
mod figures;
mod fit;
mod generator;
mod growth;
mod idle;
mod limit;
mod naive;
mod pace;
mod peers;
mod process;
mod publisher;
mod report;
mod stalled;
mod stomp;
mod storm;
mod stretch;
mod system;
mod tickcast;
mod workers;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};

use self::{
    report::Report,
    system::{Machine, Side, take_side},
};

/// Measures what tickcast is to reach
#[derive(Debug, Parser)]
#[command(name = "goals")]
struct Arguments {
    /// What is measured
    #[arg(value_enum)]
    goals: Vec<Goal>,
    /// Fewer rounds, shorter and smaller: to see that it works
    #[arg(long)]
    quick: bool,
    /// How often each figure is measured [default: 5, or 2 with --quick]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Seconds of load between the two looks at the memory of idle sessions [default: 600, or 10 with --quick]
    #[arg(long, value_name = "S")]
    load_s: Option<u64>,
    /// By how much the pulses of `fanout` come faster than they would
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pace: f64,
    /// Where the figures are written to, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Goal {
    /// CPU a write against the bare `send`, and against a naive actix-ws server
    Fanout,
    /// CPU a message against RabbitMQ's Web-STOMP and against a server on `ws` for Node.js
    Peers,
    /// Memory of an idle session, and after a load
    Idle,
    /// CPU of the fan-out when the feed grows tenfold
    Feed,
    /// How old prices are at the client
    Age,
    /// What sessions that don't read cost those that do
    Stalled,
    /// Sessions opened in a second of CPU time
    Storm,
    /// Two worker threads against one
    Workers,
    /// How CPU time, memory and bandwidth grow, fitted
    Capacity,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Extent {
    is_quick: bool,
    rounds: usize,
    load: Duration,
    pace: f64,
}

#[expect(clippy::print_stderr, reason = "a person reads why it ended")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, flag, role, arguments @ ..] = words.as_slice()
        && flag == "--role"
    {
        return play(role, arguments);
    }
    measure(&Arguments::parse())
}

/// What this program is when it starts itself.
fn play(role: &str, arguments: &[String]) -> Result<()> {
    match (role, arguments) {
        ("limit", [sockets]) => limit::send(sockets.parse()?),
        ("discard", [port, sockets]) => limit::discard(port.parse()?, sockets.parse()?),
        ("naive", []) => naive::serve(),
        ("broker", []) => broker::serve(),
        _ => bail!("there is no role {role} with {arguments:?}"),
    }
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn measure(arguments: &Arguments) -> Result<()> {
    if arguments.goals.is_empty() {
        // `cargo bench` starts every bench.
        println!("goals: nothing is measured; tests/bench.sh tells what can be");
        return Ok(());
    }
    let machine = Machine::here()?;
    println!("{machine}");
    process::end_when_told()?;
    take_side(Side::Client)?;
    let is_quick = arguments.quick;
    let extent = Extent {
        is_quick,
        rounds: arguments.rounds.unwrap_or(if is_quick { 2 } else { 5 }).max(1),
        load: Duration::from_secs(arguments.load_s.unwrap_or(if is_quick { 10 } else { 600 })),
        pace: arguments.pace,
    };
    let mut report = Report::new(machine, is_quick, extent.rounds);
    for goal in &arguments.goals {
        let rows = match goal {
            Goal::Fanout => fanout::measure(extent)?,
            Goal::Peers => peers::measure(extent)?,
            Goal::Idle => idle::measure(extent)?,
            Goal::Feed => growth::measure(extent)?,
            Goal::Age => age::measure(extent)?,
            Goal::Stalled => stalled::measure(extent)?,
            Goal::Storm => storm::measure(extent)?,
            Goal::Workers => workers::measure(extent)?,
            Goal::Capacity => capacity::measure(extent)?,
        };
        report.add(rows);
    }
    match &arguments.json {
        Some(path) => report.write(path),
        None => Ok(()),
    }
}
