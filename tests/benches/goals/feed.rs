//! The feed: quotes that are published to Kafka in pulses or evenly.
//!
//! A pulse is one batch of records, published at once and acknowledged before the next: what the server reads in one
//! piece, folds into one state a symbol and hands to its shards once. So a session gets all of a pulse's symbols that it
//! has subscribed to in one write, if its server does what it should.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use tickcast::clock::now_us;

use crate::{
    pace::Pace,
    process::PATIENCE,
    stomp::quote,
};

/// Batches a second of an even feed: as many milliseconds as a tick may wait for its batch.
const BATCHES_PER_S: f64 = 1000.0;

/// A producer of quotes.
pub(crate) struct Feed {
    producer: BaseProducer,
    topic: String,
    turn: u64,
}

impl Feed {
    /// Connects to a broker.
    pub(crate) fn connect(bootstrap: &str, topic: &str) -> Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("acks", "1")
            // Each batch is flushed.
            .set("linger.ms", "1000")
            .set("batch.num.messages", "100000")
            .set("queue.buffering.max.messages", "1000000")
            .create()
            .context("the feed's producer")?;
        Ok(Self { producer, topic: topic.to_owned(), turn: 0 })
    }

    /// Publishes one pulse: of each of the first `symbols` so many ticks. The last one's time is now.
    pub(crate) fn pulse(&mut self, symbols: usize, ticks_each: usize) -> Result<()> {
        for _ in 0..ticks_each {
            self.turn += 1;
            for symbol in 0..symbols {
                self.send(symbol)?;
            }
        }
        self.flush()
    }

    /// Publishes so many pulses, at a rate.
    pub(crate) fn pulses(&mut self, symbols: usize, ticks_each: usize, per_s: f64, count: u32) -> Result<()> {
        let mut pace = Pace::new(per_s);
        for _ in 0..count {
            pace.wait();
            self.pulse(symbols, ticks_each)?;
        }
        Ok(())
    }

    /// Publishes evenly: so many ticks a second, of each symbol in its turn. Answers how many a second it has been.
    pub(crate) fn steady(&mut self, symbols: usize, ticks_per_s: f64, duration: Duration) -> Result<f64> {
        let begun = Instant::now();
        let (mut published, mut pace) = (0_u64, Pace::new(BATCHES_PER_S));
        loop {
            pace.wait();
            let elapsed = begun.elapsed();
            if elapsed >= duration {
                return Ok(published as f64 / elapsed.as_secs_f64());
            }
            let due = (elapsed.as_secs_f64() * ticks_per_s) as u64;
            while published < due {
                self.turn += 1;
                self.send(usize::try_from(published).expect("64 bits") % symbols)?;
                published += 1;
            }
            self.flush()?;
        }
    }

    fn send(&mut self, symbol: usize) -> Result<()> {
        let symbol = format!("S{symbol}");
        let value = quote(&symbol, self.turn, now_us());
        let mut record = BaseRecord::to(&self.topic).key(&symbol).payload(&value);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    self.producer.poll(Duration::from_millis(1));
                    record = refused;
                }
                Err((error, _)) => return Err(anyhow!("the broker takes no tick: {error}")),
            }
        }
    }

    /// Waits until the broker has all.
    fn flush(&self) -> Result<()> {
        self.producer.flush(PATIENCE).context("the broker doesn't acknowledge the feed's ticks")
    }
}
