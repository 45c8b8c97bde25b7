//! `tickcast bench`: a load test against a running server, and the comparison of two.

mod args;
mod compare;
mod table;

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};

use self::args::LoadArgs;
use crate::{
    config::Invalid,
    failure::Failure,
    load::{Load, LoadError, Report},
};

/// Load a running server with sessions; measure what they are sent, how old it is, and what it costs
///
/// Opens the sessions from this one process, subscribes each, reads for a while and prints a table. Any server that
/// speaks STOMP 1.2 over WebSocket will do. Symbols that are named here are subscribed to, all sessions taking them in
/// turn; without any, those that the server's /api/symbols lists.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, after_long_help = MEANINGS)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    Compare(CompareArgs),
}

/// Compare two results of `bench --json`: the ratio of each figure, and which is better
///
/// Two of the same load on the same machine: everything else compares two loads. Figures within 2 % of each other are
/// called alike.
#[derive(Args, Debug)]
struct CompareArgs {
    /// The file with the result that the other is compared with
    #[arg(value_name = "BEFORE.json")]
    before: PathBuf,
    /// The file with the other result
    #[arg(value_name = "AFTER.json")]
    after: PathBuf,
}

const MEANINGS: &str = "\
What the figures mean:

opening   From the first connection until the last session was open: TCP, upgrade, CONNECT, SUBSCRIBEs, the receipt of \
the last one, and a snapshot for each subscription if the server lists all symbols. At most 256 are on their way at a \
time, and the first goes alone.

age       This machine's clock at the read, less the time in the message (--age-key): for tickcast's prices the time of \
the tick, so the way from the feed through Kafka to here. It means something only if the feed's clock and this one \
agree, best when it's the same machine, and for ticks of now: replayed ones are as old as their recording. Snapshots \
don't count: they are as old as their symbol has been quiet. What is older than an hour counts as an hour.

out of order, behind at the end   By the header seq, for each session and destination: messages whose seq wasn't above \
the one before, within one epoch of the log; and destinations whose newest isn't the newest that any session saw. The \
latter says something when the feed has been quiet for a moment; while it's busy some are on their way.

server    CPU time and memory of its processes by Linux's /proc, when they are on this machine: found by the port on \
loopback, or told by --pid. CPU time a message has everything in it that the server did meanwhile, reading Kafka too.

generator This command's own thread. If it takes a whole core (100 %), it's what limits, and ages are its own.

stalled   Sessions that read nothing after they subscribed, with the smallest receive buffer. tickcast closes them after \
its --send-deadline-s; they don't count as lost here, since they don't look.

Exit codes: 0 measured, 1 configuration, 2 the server can't be reached, refuses the first session or leaves none open.";

/// Runs the load test, or the comparison.
pub(super) fn run(args: BenchArgs, invalid: &dyn Fn(Invalid) -> Failure) -> Result<(), Failure> {
    match args.command {
        Some(BenchCommand::Compare(files)) => compare(&files),
        None => load(args.load, invalid),
    }
}

fn load(args: LoadArgs, invalid: &dyn Fn(Invalid) -> Failure) -> Result<(), Failure> {
    let (json, (warm_up, measure)) = (args.json(), args.durations());
    let plan = args.into_plan().map_err(invalid)?;
    // With nobody to read them, the lines aren't missed.
    let mut progress = io::stderr();
    let _ = writeln!(progress, "opening {} sessions at {}{}", plan.sessions, plan.server, plan.path);
    let mut load = Load::open(plan)?;
    let (open, took_s) = (load.sessions().open, load.opening().seconds);
    let snapshots = if load.opening().with_snapshots { "with" } else { "without awaiting" };
    let _ = writeln!(
        progress,
        "{open} open after {took_s:.3} s, {snapshots} snapshots; warming up for {} s, then measuring for {} s",
        warm_up.as_secs_f64(),
        measure.as_secs_f64()
    );
    if !warm_up.is_zero() {
        load.measure(warm_up)?;
    }
    let report = load.measure(measure)?;
    load.close()?;
    show(&report, json)?;
    if report.sessions.open == 0 {
        let reasons = table::reasons(&report.sessions.lost_reasons);
        return Err(Failure::start_up(format_args!("{}: no session is left: {reasons}", report.load.server)));
    }
    Ok(())
}

fn show(report: &Report, json: bool) -> Result<(), Failure> {
    let text = if json {
        let json = serde_json::to_string_pretty(report).map_err(|error| Failure::Unexpected(error.into()))?;
        format!("{json}\n")
    } else {
        table::of(report)
    };
    print(&text)
}

fn compare(files: &CompareArgs) -> Result<(), Failure> {
    let read = |path: &PathBuf| -> Result<Report, Failure> {
        let wrong = |what: String| Failure::configuration(format_args!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| wrong(format!("isn't a result of bench --json: {error}")))
    };
    print(&compare::of(&read(&files.before)?, &read(&files.after)?))
}

/// A reader that closed its pipe has read enough.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Unexpected(error.into())),
        _ => Ok(()),
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Plan(_) | LoadError::Descriptors { .. } => Self::Configuration(error.into()),
            LoadError::Server { .. } => Self::StartUp(error.into()),
            LoadError::Machine(_) => Self::Unexpected(error.into()),
        }
    }
}
