//! The feed: quotes that are published to Kafka in pulses or evenly.
//!
//! A pulse is one batch of records: it's sent when it's whole, acknowledged before the next, read by the server in one
//! piece, folded into one state a symbol and handed to its shards once. So a session gets all of a pulse's symbols that it
//! has subscribed to in one write, if its server does what it should.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use tickcast::clock::now_us;

use crate::{
    pace::{Pace, wait},
    process::PATIENCE,
    stomp::{quote, trade_and_quote},
};

/// The server's default.
const TOPIC: &str = "ticks";

/// Batches a second of an even feed: as many milliseconds as a tick may wait for its batch.
const BATCHES_PER_S: f64 = 1000.0;

/// Records that may be on their way to the broker.
const IN_FLIGHT_MAX: i32 = 100_000;

/// What a tick tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A quote.
    Quote,
    /// A trade and a quote and where: all fields that a state may have.
    Everything,
}

/// A producer of ticks.
pub(crate) struct Feed {
    producer: BaseProducer,
    detail: Detail,
    symbols: usize,
    /// Records of a batch.
    batch: usize,
    turn: u64,
}

impl Feed {
    /// Connects to a broker, for quotes of so many symbols in batches of so many records.
    pub(crate) fn connect(bootstrap: &str, symbols: usize, batch: usize) -> Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("acks", "1")
            // A batch goes when it's whole; whatever is left over when there is no more, after a while.
            .set("batch.num.messages", batch.to_string())
            .set("linger.ms", "20")
            .create()
            .context("the feed's producer")?;
        Ok(Self { producer, detail: Detail::Quote, symbols, batch, turn: 0 })
    }

    /// The same with ticks that tell so much.
    pub(crate) fn telling(self, detail: Detail) -> Self {
        Self { detail, ..self }
    }

    /// Publishes one quote of each symbol, so that there is a state of it.
    pub(crate) fn begin(&mut self) -> Result<()> {
        for symbol in 0..self.symbols {
            self.send(symbol)?;
        }
        self.await_acknowledged(0)
    }

    /// Publishes pulses at a rate. Each is a batch: as many quotes of each symbol as come to that.
    pub(crate) fn pulses(&mut self, per_s: f64, count: u32) -> Result<()> {
        let mut pace = Pace::new(per_s);
        for _ in 0..count {
            pace.wait();
            self.turn += 1;
            for at in 0..self.batch {
                self.send(at % self.symbols)?;
            }
            self.await_acknowledged(0)?;
        }
        Ok(())
    }

    /// Publishes evenly: so many ticks a second, of each symbol in its turn. Answers how many a second it has been.
    pub(crate) fn steady(&mut self, ticks_per_s: f64, duration: Duration) -> Result<f64> {
        let begun = Instant::now();
        let (mut published, mut pace) = (0_u64, Pace::new(BATCHES_PER_S));
        loop {
            pace.wait();
            let elapsed = begun.elapsed();
            if elapsed >= duration {
                break;
            }
            let due = (elapsed.as_secs_f64() * ticks_per_s) as u64;
            while published < due {
                self.turn += 1;
                self.send(usize::try_from(published).expect("64 bits") % self.symbols)?;
                published += 1;
            }
            self.await_acknowledged(IN_FLIGHT_MAX)?;
        }
        let elapsed = begun.elapsed();
        self.await_acknowledged(0)?;
        Ok(published as f64 / elapsed.as_secs_f64())
    }

    /// Records of a batch of an even feed, for so many ticks a second.
    pub(crate) fn steady_batch(ticks_per_s: f64) -> usize {
        (ticks_per_s / BATCHES_PER_S).round().max(1.0) as usize
    }

    fn send(&mut self, symbol: usize) -> Result<()> {
        let symbol = format!("S{symbol}");
        let value = match self.detail {
            Detail::Quote => quote(&symbol, self.turn, now_us()),
            Detail::Everything => trade_and_quote(&symbol, self.turn, now_us()),
        };
        let record = BaseRecord::to(TOPIC).key(&symbol).payload(&value);
        self.producer.send(record).map_err(|(error, _)| anyhow!("the broker takes no tick: {error}"))
    }

    /// Waits until no more records than these are on their way.
    fn await_acknowledged(&self, in_flight_max: i32) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() <= in_flight_max {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "the broker doesn't acknowledge the feed's ticks");
            wait(Duration::from_micros(100));
        }
    }
}
