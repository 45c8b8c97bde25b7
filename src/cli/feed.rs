//! `tickcast feed`: what publishes ticks to Kafka.

mod kafka_args;
mod replay;
mod signal;
mod simulate;

use clap::{Args, Subcommand};

use crate::failure::Failure;

pub use self::{replay::ReplayArgs, simulate::SimulateArgs};

/// Publish ticks to Kafka: recorded ones or a synthetic market.
#[derive(Args, Debug)]
pub struct FeedArgs {
    #[command(subcommand)]
    command: FeedCommand,
}

#[derive(Debug, Subcommand)]
enum FeedCommand {
    Replay(Box<ReplayArgs>),
    Simulate(SimulateArgs),
}

/// Runs the feed until it ends by itself or is told to stop.
pub fn run(args: FeedArgs) -> Result<(), Failure> {
    match args.command {
        FeedCommand::Replay(args) => replay::run(*args),
        FeedCommand::Simulate(args) => simulate::run(args),
    }
}
