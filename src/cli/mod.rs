//! The command line: which commands there are, what each is called with, and how its settings come together.
//! `settings` names every setting once; `sources` says who may give it.

mod bench;
mod check_config;
pub mod feed;
mod kafka_properties;
mod settings;
mod sources;
mod toml_file;
mod watch;

use std::{collections::BTreeMap, ffi::OsString, path::Path, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::{
    kafka_properties::unwise_secrets,
    settings::{CheckArgs, CommonArgs, DemoArgs, ServeArgs},
    sources::{Origin, Resolved, Setting, Stop},
};
use crate::{
    app,
    config::{self, Invalid, LogFormat},
    failure::Failure,
    telemetry,
};

/// Streams stock prices from Kafka to browsers: one state per symbol, conflated for each subscriber, as STOMP over
/// WebSocket
#[derive(Debug, Parser)]
#[command(name = "tickcast", version, after_help = SOURCES, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a simulated market from an embedded Kafka broker: nothing else to install
    Demo(DemoArgs),
    /// Serves the ticks of a Kafka topic to browsers
    Serve(ServeArgs),
    /// Publishes ticks to Kafka, recorded ones or a synthetic market; shows what was set aside
    Feed(feed::FeedArgs),
    Bench(Box<bench::BenchArgs>),
    Watch(watch::WatchArgs),
    /// Reads the configuration; prints what is in force, who gave it, and what looks unwise
    CheckConfig(CheckArgs),
}

const SOURCES: &str = "\
Every setting comes from its flag, else from its environment variable (TICKCAST_ and its name in capitals, such as \
TICKCAST_MAX_SYMBOLS), else from the TOML file that --config names (max_symbols = 500), else it has its default.

Exit codes: 0 clean, 1 configuration, 2 start-up (port taken, broker unreachable), 3 unexpected.";

/// Runs the process's command line to its end.
pub fn main() -> ExitCode {
    let line: Vec<_> = std::env::args_os().collect();
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect();
    match prepare(&line, &environment, |path| std::fs::read_to_string(path)) {
        Ok((cli, resolved)) => {
            let format = cli.common.logging().format;
            report(run(cli, &resolved), format)
        }
        Err(Stop::Failed(failure)) => report(Err(failure), told_format(&line, &environment)),
        Err(Stop::Clap(error)) => {
            // A reader that closed its pipe (`--help | head`) has read enough.
            let _ = error.print();
            ExitCode::from(u8::from(error.use_stderr()))
        }
    }
}

/// The command line with all sources put together, parsed.
fn prepare(
    line: &[OsString],
    environment: &BTreeMap<String, String>,
    read: impl Fn(&Path) -> std::io::Result<String>,
) -> Result<(Cli, Resolved), Stop> {
    let command = sources::with_variables(Cli::command());
    let resolved = sources::resolve(&command, line, environment, read)?;
    let cli = Cli::from_arg_matches(&resolved.matches).map_err(Stop::Clap)?;
    Ok((cli, resolved))
}

fn run(cli: Cli, resolved: &Resolved) -> Result<(), Failure> {
    telemetry::init_logging(&cli.common.logging());
    for warning in &resolved.warnings {
        tracing::warn!("{warning}");
    }
    let invalid = |invalid: Invalid| invalid_settings(&invalid, &resolved.settings);
    match cli.command {
        Command::Demo(args) => {
            let demo = config::Demo::try_from(args).map_err(invalid)?;
            app::demo(demo)
        }
        Command::Serve(args) => {
            let serve = config::Serve::try_from(args).map_err(invalid)?;
            for unwise in serve.unwise().into_iter().chain(unwise_secrets(&resolved.settings)) {
                tracing::warn!("configuration: {unwise}");
            }
            app::serve(serve)
        }
        Command::Feed(args) => {
            for unwise in unwise_secrets(&resolved.settings) {
                tracing::warn!("configuration: {unwise}");
            }
            feed::run(args, &invalid)
        }
        Command::Bench(args) => bench::run(*args, &invalid),
        Command::Watch(args) => watch::run(args, &invalid),
        Command::CheckConfig(args) => {
            let serve = config::Serve::try_from(args.serve).map_err(invalid)?;
            let mut out = std::io::stdout().lock();
            let unwise: Vec<_> =
                serve.unwise().into_iter().chain(unwise_secrets(&resolved.settings)).collect();
            check_config::write(&mut out, &resolved.settings, &unwise)
                .map_err(|error| Failure::Unexpected(error.into()))
        }
    }
}

/// A combination that can't work, with who gave each of its parts.
fn invalid_settings(invalid: &Invalid, settings: &[Setting]) -> Failure {
    let concerned = settings.iter().filter(|setting| invalid.keys.contains(&setting.key.as_str()));
    // Of two ways to give a value the one that nobody took isn't to blame.
    let given = concerned.filter(|setting| setting.origin != Origin::Default || !setting.values.is_empty());
    let places: Vec<_> = given.map(ToString::to_string).collect();
    Failure::configuration(format_args!("{}: {}", places.join(" and "), invalid.reason))
}

/// The log's format where a source is wrong, so that the settings can't be put together: what the flag
/// says, else the variable. The file may be what is wrong.
fn told_format(line: &[OsString], environment: &BTreeMap<String, String>) -> LogFormat {
    const FLAG: &str = "--log-format";
    let words: Vec<_> = line.iter().map(|word| word.to_string_lossy()).collect();
    let by_flag = words.iter().enumerate().rev().find_map(|(at, word)| match word.strip_prefix(FLAG)? {
        "" => words.get(at + 1).map(AsRef::as_ref),
        rest => rest.strip_prefix('='),
    });
    let told = by_flag.or_else(|| environment.get("TICKCAST_LOG_FORMAT").map(String::as_str));
    if told == Some("json") { LogFormat::Json } else { LogFormat::Human }
}

fn report(result: Result<(), Failure>, format: LogFormat) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            telemetry::tell_failure(format, &failure);
            failure.exit_code()
        }
    }
}
