//! One turn of the ingest actor: what it does with a batch of records.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::message::BorrowedMessage;

use super::{Ingest, announcer::Announcer, recorders::Recorders};
use crate::{
    catch_up::CatchUp,
    clock::now_us,
    feed::Rejection,
    fold::{Batch, Fold, Folded, Record},
    kafka::{Consumer, Polled, record_of},
    log_limiter::LogLimiter,
    metrics::seconds,
    publication::Epoch,
};

/// Records folded before the shards are told. At a million records a second this is a millisecond;
/// at the usual rates a batch is whatever came since the last.
const BATCH_RECORDS_MAX: usize = 1024;

/// How long a poll waits for a record. So late at worst, on a feed that is idle, does a subscription in mode `every`
/// begin, which a person doesn't notice; nor does a machine notice fifty turns a second: they take 0.25 % of a core,
/// measured without optimization.
const POLL_WAIT: Duration = Duration::from_millis(20);

/// The same after one has begun: who asked for one asks for the next then, a session's begin one after the other.
const NEXT_WAIT: Duration = Duration::from_millis(1);

/// One batch after another.
pub(super) struct Turn {
    ingest: Ingest,
    /// Of the log that is read.
    epoch: Epoch,
    fold: Fold,
    /// Until the server is ready.
    catch_up: Option<CatchUp>,
    rejections: LogLimiter,
    stale: LogLimiter,
    recorders: Recorders,
    announcer: Announcer,
    batch: Batch,
    /// Whether the trading day has begun for some symbols and not for others yet.
    is_rolling_over: bool,
    /// When this turn began, in microseconds since the Unix epoch.
    begun_us: i64,
}

impl Turn {
    pub(super) fn new(
        ingest: Ingest,
        epoch: Epoch,
        fold: Fold,
        catch_up: CatchUp,
        announcer: Announcer,
    ) -> Self {
        let mut turn = Self {
            recorders: Recorders::new(Arc::clone(&ingest.inboxes)),
            announcer,
            ingest,
            epoch,
            fold,
            catch_up: Some(catch_up),
            rejections: LogLimiter::default(),
            stale: LogLimiter::default(),
            batch: Batch::default(),
            is_rolling_over: false,
            begun_us: now_us(),
        };
        turn.check_ready();
        turn
    }

    /// A batch of records, from none to as many as there may be.
    pub(super) fn run(&mut self, consumer: &Consumer) {
        self.begun_us = now_us();
        let mut wait = match self.recorders.look(&mut self.fold) {
            _ if self.is_rolling_over => Duration::ZERO,
            true => NEXT_WAIT,
            false => POLL_WAIT,
        };
        for _ in 0..BATCH_RECORDS_MAX {
            match consumer.poll(wait) {
                Some(Polled::Record(message)) => self.record(consumer.topic(), &message),
                Some(Polled::EndOfPartition(partition)) => {
                    if let Some(catch_up) = &mut self.catch_up {
                        catch_up.end_of_partition(partition);
                    }
                }
                Some(Polled::Trouble(error)) => tracing::warn!(%error, "trouble with Kafka"),
                None => break,
            }
            wait = Duration::ZERO;
        }
        // A log that is read from its beginning is folded as far as it goes before the clock has a say.
        if self.catch_up.as_ref().is_none_or(CatchUp::is_done) {
            let now_us = now_us();
            self.is_rolling_over = self.fold.roll_over(now_us);
            self.announcer.update(now_us, consumer.lag_records());
        }
        self.publish();
        self.check_ready();
    }

    fn record(&mut self, topic: &str, message: &BorrowedMessage<'_>) {
        let record = &record_of(message);
        if let Some(catch_up) = &mut self.catch_up {
            catch_up.record(record.partition, record.offset);
        }
        let metrics = &self.ingest.metrics;
        match self.fold.apply(record) {
            Ok(Folded::Changed { time_us }) => {
                metrics.ingested.inc();
                metrics.set_newest_record_us(record.timestamp_us);
                if self.catch_up.is_none() {
                    let now_us = now_us();
                    self.announcer.note_tick(now_us);
                    metrics.exchange_to_kafka.observe(seconds((record.timestamp_us - time_us).max(0)));
                    metrics.kafka_to_ingested.observe(seconds((now_us - record.timestamp_us).max(0)));
                } else if record.timestamp_us > 0 {
                    self.announcer.note_tick(record.timestamp_us.min(self.begun_us));
                }
            }
            Ok(Folded::Stale) => self.tell_stale(topic, record),
            Ok(Folded::Ignored) => {}
            Err(rejection) => {
                metrics.rejected.with_label_values(&[rejection.label()]).inc();
                self.tell(topic, record, &rejection);
                if let Some(quarantine) = &self.ingest.quarantine {
                    quarantine.offer(message, &self.epoch, &rejection);
                }
            }
        }
    }

    fn tell(&mut self, topic: &str, record: &Record<'_>, rejection: &Rejection) {
        let Some(untold) = self.rejections.may_tell(Instant::now()) else { return };
        let (partition, offset, reason) = (record.partition, record.offset, rejection.label());
        tracing::warn!(topic, partition, offset, reason, untold, "bad record: {rejection}");
    }

    /// A producer's retry looks like this, and so does a topic that was deleted and made anew.
    fn tell_stale(&mut self, topic: &str, record: &Record<'_>) {
        let Some(untold) = self.stale.may_tell(Instant::now()) else { return };
        let (partition, offset) = (record.partition, record.offset);
        tracing::warn!(
            topic,
            partition,
            offset,
            untold,
            "a record isn't newer than its symbol's state and changes nothing; if the topic was made anew, \
             the server has to be restarted"
        );
    }

    fn publish(&mut self) {
        let Self { fold, batch, recorders, ingest, .. } = self;
        fold.publish(now_us(), batch);
        if batch.newest.is_empty() {
            return;
        }
        recorders.deliver(batch);
        batch.newest.clear();
        batch.ticks.clear();
        ingest.metrics.symbols.set(i64::try_from(fold.symbols()).unwrap_or(i64::MAX));
    }

    fn check_ready(&mut self) {
        let Some(catch_up) = &self.catch_up else { return };
        if catch_up.is_done() && !self.is_rolling_over {
            self.catch_up = None;
            self.ingest.readiness.ready();
            tracing::info!(symbols = self.fold.symbols(), "ready: caught up with the log");
        } else {
            self.ingest.readiness.starting("reading the log", Some(catch_up.remaining()));
        }
    }
}
