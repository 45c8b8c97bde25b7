//! `tickcast feed simulate`: a synthetic market, published as ticks.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use clap::Args;

use super::{kafka_args::KafkaArgs, signal};
use crate::{
    failure::Failure,
    feed::simulate::{MarketConfig, Names},
    feeder::simulate::{self, SimulateConfig},
    kafka::TickProducer,
};

/// The fastest rate that is taken for meant.
const RATE_MAX: f64 = 10_000_000.0;

/// Publish a synthetic market until Ctrl-C
///
/// Random walks that move with the market and their sector, on real tick sizes; a few symbols tick
/// most, and each more at some hours than at others. The same seed gives the same market.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// How many symbols
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    symbols: u32,

    /// Ticks a second, of all symbols together
    #[arg(long, value_name = "TICKS_PER_S", default_value = "1000", value_parser = rate)]
    rate: f64,

    /// Another seed is another market
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Call the symbols S0, S1, S2 … and not by the built-in list of US stocks
    #[arg(long)]
    numbered_symbols: bool,

    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,

    /// End after this many ticks
    #[arg(long, value_name = "TICKS")]
    count: Option<u64>,

    #[command(flatten)]
    kafka: KafkaArgs,
}

/// Publishes until the end that was asked for, or a signal; all is acknowledged then.
pub(super) fn run(args: SimulateArgs) -> Result<(), Failure> {
    let config = SimulateConfig {
        market: MarketConfig {
            symbols: args.symbols as usize,
            names: if args.numbered_symbols { Names::Numbered } else { Names::Listed },
            seed: args.seed,
        },
        rate: args.rate,
        duration: args.duration,
        count: args.count,
    };
    let producer = TickProducer::connect(args.kafka.into_config())?;
    // Only from here on: before, Ctrl-C ends the command by itself.
    let stop = signal::stop_flag()?;
    let (topic, bootstrap) = (producer.topic(), producer.bootstrap());
    let mut stdout = io::stdout();
    // With nobody to read them, the lines aren't missed.
    let _ = writeln!(
        stdout,
        "publishing {} ticks/s of {} symbols to {topic} at {bootstrap}, seed {}",
        args.rate, args.symbols, args.seed
    );
    let start = Instant::now();
    let delivered = simulate::run(&producer, &config, &stop)?;
    let elapsed_s = start.elapsed().as_secs_f64();
    let _ = writeln!(
        stdout,
        "{} ticks published to {topic} at {bootstrap} in {elapsed_s:.3} s, {:.0} a second",
        delivered.acknowledged,
        delivered.acknowledged as f64 / elapsed_s,
    );
    Ok(())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= RATE_MAX => Ok(rate),
        _ => Err(format!("allowed is a number above 0, up to {RATE_MAX}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok();
    seconds
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "allowed is a number of seconds, such as 60 or 0.5".to_owned())
}
