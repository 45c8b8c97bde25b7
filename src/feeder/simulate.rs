//! Publishes the synthetic market, at its rate, with the time that the clock shows.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::{
    clock::now_us,
    feed::{
        Encoder, TickFormat,
        simulate::{Market, MarketConfig, Pacer},
    },
    kafka::{Delivered, ProducerError, TickProducer},
};

/// One turn: what became due since the last one is sent at its end. Short against what a viewer
/// notices, and long enough that a turn costs nothing at any rate.
const TURN: Duration = Duration::from_millis(2);

/// What to simulate, how fast, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct SimulateConfig {
    /// Which market.
    pub market: MarketConfig,
    /// How ticks are written.
    pub format: TickFormat,
    /// Ticks a second, of all symbols together.
    pub rate: f64,
    /// The end by time, if any.
    pub duration: Option<Duration>,
    /// The end by number of ticks, if any.
    pub count: Option<u64>,
}

/// Publishes until the end that was configured, or until `stop` is set, and waits until all is
/// acknowledged. It occupies its thread: give it one of its own.
pub fn run(
    producer: &TickProducer,
    config: &SimulateConfig,
    stop: &AtomicBool,
) -> Result<Delivered, ProducerError> {
    let start = Instant::now();
    let mut turn_us = now_us();
    let mut market = Market::new(config.market, turn_us);
    let mut pacer = Pacer::new(config.rate);
    let mut left = config.count.unwrap_or(u64::MAX);
    let mut encoder = Encoder::new(config.format);
    while left > 0 && !stop.load(Ordering::Relaxed) {
        let elapsed = config.duration.map_or(start.elapsed(), |duration| start.elapsed().min(duration));
        let due = pacer.due(elapsed).min(left);
        left -= due;
        // The ticks of a turn lie evenly in it; a clock that is set back stands still for us.
        let last_us = turn_us;
        turn_us = now_us().max(last_us);
        for number in 1..=due {
            let share = i128::from(turn_us - last_us) * i128::from(number) / i128::from(due);
            let time_us = last_us + i64::try_from(share).expect("a share is no more than the whole");
            let tick = market.next(time_us);
            producer.send(tick.symbol, encoder.encode(&tick), config.format)?;
        }
        if config.duration.is_some_and(|duration| elapsed >= duration) {
            break;
        }
        producer.wait(TURN);
    }
    producer.flush()
}
