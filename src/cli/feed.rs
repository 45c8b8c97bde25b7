//! `tickcast feed`: what publishes ticks to Kafka, and what became of those that were none.

mod kafka_args;
mod quarantine;
mod replay;
mod signal;
mod simulate;

use clap::{Args, Subcommand};

use crate::{config::Invalid, failure::Failure};

pub use self::{quarantine::QuarantineArgs, replay::ReplayArgs, simulate::SimulateArgs};

/// Publish ticks to Kafka, recorded ones or a synthetic market; see what was set aside.
#[derive(Args, Debug)]
pub struct FeedArgs {
    #[command(subcommand)]
    command: FeedCommand,
}

#[derive(Debug, Subcommand)]
enum FeedCommand {
    Replay(Box<ReplayArgs>),
    Simulate(SimulateArgs),
    Quarantine(Box<QuarantineArgs>),
}

/// Runs the feed until it ends by itself or is told to stop. `invalid` adds to settings that can't
/// work who gave them.
pub fn run(args: FeedArgs, invalid: &dyn Fn(Invalid) -> Failure) -> Result<(), Failure> {
    match args.command {
        FeedCommand::Replay(args) => replay::run(*args, invalid),
        FeedCommand::Simulate(args) => simulate::run(args, invalid),
        FeedCommand::Quarantine(args) => quarantine::run(*args, invalid),
    }
}
