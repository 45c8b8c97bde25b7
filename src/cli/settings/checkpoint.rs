//! Where the state is kept for the next start, and how often.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::config::{self, seconds};

#[derive(Debug, Args)]
#[command(next_help_heading = "Checkpoint")]
pub(super) struct CheckpointArgs {
    /// A file that the state is kept in, so that the next start reads only what came after; each server needs its own
    /// [default: none is kept]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Seconds between two checkpoints
    // Ten seconds of the busiest feed, 200,000 ticks, are read again in less than a second, and a checkpoint of
    // 10,000 symbols takes a megabyte.
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=86400.0), default_value = "10")]
    checkpoint_interval_s: Duration,
}

impl From<CheckpointArgs> for Option<config::Checkpoint> {
    fn from(args: CheckpointArgs) -> Self {
        let CheckpointArgs { checkpoint, checkpoint_interval_s: interval } = args;
        checkpoint.map(|file| config::Checkpoint { file, interval })
    }
}
