//! One turn of the ingest actor: what it does with a batch of records.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    CheckpointPlace, Checkpoints, Ingest, announcer::Announcer, log_changes::Rebuilding, memory::Beginning,
    recorders::Recorders, survey::Survey, surveyor::Surveyor, tally::Tally,
};
use crate::{
    clock::now_us,
    feed::Rejection,
    fold::{self, Fold, Folded, Record},
    kafka::{Batch, Consumer, ConsumerError, Message, Taken},
    log_id::LogId,
    log_limiter::LogLimiter,
    publication::Epoch,
    reading::{LastRecord, Reading},
};

/// How long a turn waits for a record. So late at worst, on a feed that is idle, does a subscription in mode `every`
/// begin, which a person doesn't notice; nor does a machine notice fifty turns a second: they take 0.25 % of a core,
/// measured without optimization.
const TAKE_WAIT: Duration = Duration::from_millis(20);

/// The same after one has begun: who asked for one asks for the next then, a session's begin one after the other.
const NEXT_WAIT: Duration = Duration::from_millis(1);

/// How often the shards are told while batches come whole, since there is more to take than is folded. Handing a state over
/// costs as much as folding a tick, and within this time most symbols that tick at all do so several times. Nobody sees
/// five milliseconds, which only those wait for whose prices are late already.
const PUBLISH_INTERVAL_US: i64 = 5_000;

/// One batch after another.
pub(super) struct Turn {
    pub(super) ingest: Ingest,
    pub(super) log: LogId,
    /// Counts the logs that were read one after the other.
    pub(super) generation: u32,
    pub(super) epoch: Epoch,
    pub(super) fold: Fold,
    pub(super) reading: Reading,
    pub(super) rebuilding: Rebuilding,
    /// Partitions that may be others than were read, until the surveyor has found out.
    pub(super) suspects: BTreeSet<i32>,
    /// By partition, what is to be the first record read, and its leader's epoch: the last one that a checkpoint has.
    pub(super) expected: BTreeMap<i32, LastRecord>,
    pub(super) announcer: Announcer,
    pub(super) checkpoints: Option<Checkpoints>,
    pub(super) surveyor: Surveyor,
    pub(super) is_ready: bool,
    rejections: LogLimiter,
    stale: LogLimiter,
    troubles: LogLimiter,
    recorders: Recorders,
    /// Kept for its allocation.
    taken: Batch,
    batch: fold::Batch,
    tally: Tally,
    /// When the shards were told last, in microseconds since the Unix epoch.
    published_us: i64,
    /// Whether the trading day has begun for some symbols and not for others yet.
    is_rolling_over: bool,
    /// When the batch was taken from Kafka's client, in microseconds since the Unix epoch.
    taken_us: i64,
}

impl Turn {
    /// Begins to read what was surveyed.
    pub(super) fn begin(
        mut ingest: Ingest,
        survey: &Survey,
        Beginning { epoch, symbols, expected, open }: Beginning,
        surveyor: Surveyor,
        mut announcer: Announcer,
    ) -> Result<Self, ConsumerError> {
        announcer.begin_epoch(Arc::clone(&epoch));
        ingest.readiness.set_epoch(Arc::clone(&epoch));
        let mut fold =
            Fold::new(Arc::clone(&epoch), ingest.boundary, ingest.symbols_max).reading(ingest.tick_format);
        let mut reading = Reading::default();
        for at in &survey.partitions {
            if reading.begin(at.partition, at.start, at.extent.high) {
                fold.hold(at.partition);
            }
        }
        let offsets: Vec<_> = survey.partitions.iter().map(|at| (at.partition, at.start)).collect();
        tracing::info!(
            topic = ingest.consumer.topic(),
            partitions = offsets.len(),
            records = reading.remaining().left,
            from = %symbols.as_ref().map_or_else(|| ingest.start_from.to_string(), |_| "checkpoint".to_owned()),
            %epoch,
            "reading the log"
        );
        let tally = Tally::new(ingest.metrics.clone());
        if let Some(symbols) = symbols {
            fold.restore(symbols);
        }
        let mut turn = Self {
            recorders: Recorders::new(Arc::clone(&ingest.inboxes)),
            log: survey.log.clone(),
            generation: 0,
            epoch,
            fold,
            reading,
            rebuilding: Rebuilding::default(),
            suspects: BTreeSet::new(),
            expected,
            announcer,
            checkpoints: ingest.checkpoints.take().map(CheckpointPlace::start),
            surveyor,
            ingest,
            is_ready: false,
            rejections: LogLimiter::default(),
            stale: LogLimiter::default(),
            troubles: LogLimiter::default(),
            taken: Batch::default(),
            tally,
            published_us: 0,
            batch: fold::Batch::default(),
            is_rolling_over: false,
            taken_us: now_us(),
        };
        turn.begin_quarantine(&survey.log.epoch(), &survey.partitions);
        if let Some(quarantine) = &mut turn.ingest.quarantine {
            quarantine.reopen(&open);
        }
        turn.ingest.consumer.read_from(&offsets)?;
        // Of what a checkpoint has the clients are told first, and then the clock has its say: that's the first turn.
        if turn.fold.symbols() == 0 {
            turn.check_ready();
        }
        Ok(turn)
    }

    /// A batch of records, from none to as many as there may be.
    pub(super) fn run(&mut self, consumer: &Consumer) -> Result<(), ConsumerError> {
        if let Some(finding) = self.surveyor.finding() {
            self.publish();
            self.change_log(consumer, finding)?;
        }
        let is_published = !self.fold.has_changes();
        let wait = match is_published && self.recorders.look(&mut self.fold) {
            _ if self.is_rolling_over || !is_published => Duration::ZERO,
            true => NEXT_WAIT,
            false => TAKE_WAIT,
        };
        let mut taken = std::mem::take(&mut self.taken);
        consumer.take(wait, &mut taken);
        self.taken_us = now_us();
        for taken in taken.iter() {
            self.took(consumer.topic(), taken);
        }
        let is_more_to_take = taken.is_full();
        taken.clear();
        self.taken = taken;
        self.tally.tell();
        // A log that is read from its beginning is folded as far as it goes before the clock has a say.
        if self.is_ready || self.reading.is_caught_up() {
            let now_us = now_us();
            self.is_rolling_over = self.fold.roll_over(now_us);
            self.announcer.update(now_us, consumer.lag_records());
        }
        if !is_more_to_take || !self.is_ready || !self.has_just_published() {
            self.publish();
        }
        self.check_ready();
        self.checkpoint();
        Ok(())
    }

    fn took(&mut self, topic: &str, taken: Taken<'_>) {
        match taken {
            Taken::Record(message) => self.record(topic, message),
            Taken::EndOfPartition { partition, next } => {
                if self.reading.end_of_partition(partition, next) {
                    self.caught_up(partition);
                }
            }
            Taken::OutOfLog { partition, reason } => self.look_for(partition, reason),
            Taken::Trouble { partition, code, reason } => {
                // It may be the topic that's gone.
                self.surveyor.look();
                let Some(untold) = self.troubles.may_tell(Instant::now()) else { return };
                tracing::warn!(topic, partition, %code, untold, "trouble with Kafka: {reason}");
            }
        }
    }

    fn record(&mut self, topic: &str, message: Message<'_>) {
        if !self.expected.is_empty() && self.recognize(message) {
            self.note_read(message);
            return;
        }
        let record = &message.record();
        match self.fold.apply(record) {
            Ok(Folded::Changed { time_us }) => {
                self.tally.ingested(record.timestamp_us);
                if self.is_ready {
                    self.announcer.note_tick(self.taken_us);
                    self.tally.took(time_us, record.timestamp_us, self.taken_us);
                } else if record.timestamp_us > 0 {
                    self.announcer.note_tick(record.timestamp_us.min(self.taken_us));
                }
            }
            Ok(Folded::Stale) => self.tell_stale(topic, record),
            Ok(Folded::Ignored) => {}
            Err(rejection) => {
                self.ingest.metrics.rejected.with_label_values(&[rejection.label()]).inc();
                self.tell(topic, record, &rejection);
                if let Some(quarantine) = &mut self.ingest.quarantine {
                    quarantine.offer(message, &rejection);
                }
            }
        }
        self.note_read(message);
    }

    fn note_read(&mut self, message: Message<'_>) {
        if self.reading.record(message.partition(), message.offset(), message.leader_epoch()) {
            self.caught_up(message.partition());
        }
    }

    /// Whether it's the last record that the checkpoint has, with which its partition's reading begins. One of another
    /// leader says that the log was cut off. One that was compacted away says nothing.
    fn recognize(&mut self, message: Message<'_>) -> bool {
        let (partition, offset) = (message.partition(), message.offset());
        let Some(expected) = self.expected.remove(&partition) else { return false };
        if offset != expected.offset {
            return false;
        }
        let leader_epoch = message.leader_epoch().filter(|it| *it != expected.leader_epoch);
        let Some(leader_epoch) = leader_epoch else { return true };
        let before = expected.leader_epoch;
        self.suspects.insert(partition);
        let reason =
            format!("truncation: record {offset} is of leader epoch {leader_epoch}, and was of {before}");
        self.look_for(partition, reason);
        false
    }

    /// A partition's log is read as far as it went when the reading began.
    pub(super) fn caught_up(&mut self, partition: i32) {
        self.fold.release(partition);
        if let (Some(quarantine), Some(next)) = (&mut self.ingest.quarantine, self.reading.next(partition)) {
            quarantine.caught_up(partition, next);
        }
        if self.rebuilding.caught_up(partition) {
            self.fold.delist_gone();
            tracing::info!(symbols = self.fold.symbols(), "caught up with the log that was made anew");
        }
    }

    fn tell(&mut self, topic: &str, record: &Record<'_>, rejection: &Rejection) {
        let Some(untold) = self.rejections.may_tell(Instant::now()) else { return };
        let (partition, offset, reason) = (record.partition, record.offset, rejection.label());
        tracing::warn!(topic, partition, offset, reason, untold, "bad record: {rejection}");
    }

    /// A producer's retry looks like this.
    fn tell_stale(&mut self, topic: &str, record: &Record<'_>) {
        let Some(untold) = self.stale.may_tell(Instant::now()) else { return };
        let (partition, offset) = (record.partition, record.offset);
        tracing::info!(
            topic,
            partition,
            offset,
            untold,
            "a record isn't newer than its symbol's state and changes nothing"
        );
    }

    /// Whoever records each tick has room for so many of them, so no more are kept back than a batch.
    fn has_just_published(&self) -> bool {
        let since_us = self.taken_us - self.published_us;
        (0..PUBLISH_INTERVAL_US).contains(&since_us) && !self.recorders.is_any_wanted()
    }

    fn publish(&mut self) {
        let Self { fold, batch, recorders, ingest, .. } = self;
        self.published_us = now_us();
        fold.publish(self.published_us, batch);
        if batch.newest.is_empty() {
            return;
        }
        recorders.deliver(batch);
        batch.newest.clear();
        batch.ticks.clear();
        ingest.metrics.symbols.set(i64::try_from(fold.symbols()).unwrap_or(i64::MAX));
    }

    fn check_ready(&mut self) {
        if self.is_ready {
            return;
        }
        if self.reading.is_caught_up() && self.suspects.is_empty() && !self.is_rolling_over {
            self.is_ready = true;
            self.ingest.readiness.ready();
            tracing::info!(symbols = self.fold.symbols(), "ready: caught up with the log");
        } else {
            self.ingest.readiness.starting("reading the log", Some(self.reading.remaining()));
        }
    }
}
