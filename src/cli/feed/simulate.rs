//! `tickcast feed simulate`: a synthetic market, published as ticks.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use clap::Args;

use super::{kafka_args::KafkaArgs, signal};
use crate::{
    config::{Invalid, rate, seconds, whole_number},
    failure::Failure,
    feed::{
        TickFormat,
        simulate::{MarketConfig, Names},
    },
    feeder::simulate::{self, SimulateConfig},
    kafka::TickProducer,
};

/// Publish a synthetic market until Ctrl-C
///
/// Random walks that move with the market and their sector, on real tick sizes; a few symbols tick
/// most, and each more at some hours than at others. The same seed gives the same market.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// How many symbols
    #[arg(long, value_name = "N", value_parser = whole_number(1..=100_000_usize), default_value = "200")]
    symbols: usize,

    /// Ticks a second, of all symbols together
    #[arg(long, value_name = "TICKS_PER_S", default_value = "1000", value_parser = rate)]
    rate: f64,

    /// Another seed is another market
    #[arg(long, value_name = "N", value_parser = whole_number(0..=u64::MAX), default_value = "1")]
    seed: u64,

    /// Call the symbols S0, S1, S2 … and not by the built-in list of US stocks
    #[arg(long)]
    numbered_symbols: bool,

    /// End after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds(0.0..=1e9))]
    duration: Option<Duration>,

    /// End after this many ticks
    #[arg(long, value_name = "N", value_parser = whole_number(0..=u64::MAX))]
    count: Option<u64>,

    /// How ticks are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "json")]
    tick_format: TickFormat,

    #[command(flatten)]
    kafka: KafkaArgs,
}

/// Publishes until the end that was asked for, or a signal; all is acknowledged then.
pub(super) fn run(args: SimulateArgs, invalid: &dyn Fn(Invalid) -> Failure) -> Result<(), Failure> {
    let config = SimulateConfig {
        market: MarketConfig {
            symbols: args.symbols,
            names: if args.numbered_symbols { Names::Numbered } else { Names::Listed },
            seed: args.seed,
        },
        format: args.tick_format,
        rate: args.rate,
        duration: args.duration,
        count: args.count,
    };
    let producer = TickProducer::connect(args.kafka.into_config().map_err(invalid)?)?;
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
