//! When clients and the log are told that something is wrong with the feed.

use std::time::Duration;

use clap::Args;

use crate::config::{self, seconds, stale_factor, whole_number};

#[derive(Debug, Args)]
#[command(next_help_heading = "Feed status")]
pub(super) struct FeedArgs {
    /// The feed is stale when no tick has come for so many times its usual interval, which is learnt
    #[arg(long, value_name = "FACTOR", value_parser = stale_factor, default_value = "10")]
    feed_stale_factor: f64,
    /// Seconds for which the feed may be silent however fast it usually is
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=86400.0), default_value = "10")]
    feed_stale_floor_s: Duration,
    /// Records left to read above which, for five seconds, the feed lags
    // At 20,000 ticks a second, prices that are half a second late.
    #[arg(long, value_name = "N", value_parser = whole_number(1..=1_000_000_000_u64), default_value = "10000")]
    feed_lag_records: u64,
}

impl From<FeedArgs> for config::FeedStatus {
    fn from(args: FeedArgs) -> Self {
        Self {
            stale_factor: args.feed_stale_factor,
            stale_floor: args.feed_stale_floor_s,
            lag_records: args.feed_lag_records,
        }
    }
}
