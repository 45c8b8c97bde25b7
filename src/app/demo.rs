//! What feeds `tickcast demo`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{
    config,
    feed::{
        TickFormat,
        simulate::{MarketConfig, Names},
    },
    feeder::{self, simulate::SimulateConfig},
    kafka::{ProducerConfig, TickProducer},
};

/// The demo's simulated market, on a thread of its own.
pub(super) struct DemoFeed {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl DemoFeed {
    /// Starts publishing.
    pub(super) fn spawn(
        producer: ProducerConfig,
        format: TickFormat,
        simulation: config::Simulation,
    ) -> Self {
        let config = SimulateConfig {
            market: MarketConfig { symbols: simulation.symbols, names: Names::Listed, seed: simulation.seed },
            format,
            rate: simulation.rate,
            duration: None,
            count: None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let publish = move || {
            let published = TickProducer::connect(producer)
                .and_then(|producer| feeder::simulate::run(&producer, &config, &flag));
            if let Err(error) = published {
                tracing::error!(%error, "the simulated feed ended");
            }
        };
        let thread = thread::Builder::new().name("feed".into()).spawn(publish);
        Self { stop, thread: thread.expect("a thread can be started") }
    }

    /// Stops, and waits until everything is acknowledged.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // It has told why if it ended badly.
        let _ = self.thread.join();
    }
}
