//! The quarantine thread: reads what is set aside, and sets aside what isn't.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{
    Copy, Shared,
    again::Again,
    reader::{Read, Reader, is_absence},
    writer::{Delivery, Writer, is_refusal},
};
use crate::{log_limiter::LogLimiter, quarantine::OFFSETS_MAX};

/// How long a turn waits for something to do. Nobody waits for a copy.
const TURN_WAIT: Duration = Duration::from_millis(100);

/// The same while copies are on their way, of which librdkafka tells only when asked.
const BUSY_WAIT: Duration = Duration::from_millis(5);

/// Entries read before something else gets its turn: some milliseconds.
pub(super) const ENTRIES_MAX: usize = 4096;

/// Between two attempts at what Kafka doesn't do at the moment.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(3);

/// Between two looks for partitions that were added to the topic.
const PARTITION_INTERVAL: Duration = Duration::from_secs(30);

/// Between two lines that say the same, and between any two.
const SAME_INTERVAL: Duration = Duration::from_secs(60);
const OTHER_INTERVAL: Duration = Duration::from_secs(5);

/// How long the end may take, while the copies that are left are written.
const END_WAIT: Duration = Duration::from_millis(1500);

/// What the thread works with.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    inbox: Receiver<Copy>,
    reader: Reader,
    writer: Writer,
    pub(super) again: Again,
    /// When a stretch may be read again next.
    pub(super) again_at: Instant,
    /// The topic that the bad records are of.
    pub(super) source: String,
    rest_max: Duration,
    phase: Phase,
    /// Copies that rest, or that Kafka didn't take.
    pub(super) pending: VecDeque<Arc<Copy>>,
    /// When those are written.
    due: Instant,
    next_look: Instant,
    told: Option<(String, Instant)>,
    lost: u64,
    losses: LogLimiter,
}

/// How far the quarantine topic is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It isn't, and nobody has asked yet.
    Idle,
    /// It isn't: there is no such topic, or nobody answers.
    Closed { retry: Instant },
    /// What stood there isn't known whole, so that nothing is written.
    Reading,
    /// It's followed.
    Open,
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        inbox: Receiver<Copy>,
        (reader, writer, again): (Reader, Writer, Again),
        source: String,
        rest_max: Duration,
    ) -> Self {
        let now = Instant::now();
        Self {
            shared,
            inbox,
            reader,
            writer,
            again,
            again_at: now,
            source,
            rest_max,
            phase: Phase::Idle,
            pending: VecDeque::new(),
            due: now,
            next_look: now,
            told: None,
            lost: 0,
            losses: LogLimiter::default(),
        }
    }

    /// Works until the other end of its inbox is dropped.
    pub(super) fn run(mut self) {
        while self.receive() {
            self.turn();
        }
        self.end();
    }

    /// What the ingest thread has left. False when it leaves nothing any more.
    fn receive(&mut self) -> bool {
        // Where there is something to read, that is where the turn waits.
        let is_reading = matches!(self.phase, Phase::Reading | Phase::Open);
        let mut wait = if is_reading { Duration::ZERO } else { TURN_WAIT };
        loop {
            match self.inbox.recv_timeout(wait) {
                Ok(copy) => self.take(Arc::new(copy)),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            wait = Duration::ZERO;
        }
    }

    pub(super) fn take(&mut self, copy: Arc<Copy>) {
        if self.pending.is_empty() {
            self.due = Instant::now() + random_below(self.rest_max);
        }
        self.pending.push_back(copy);
    }

    fn turn(&mut self) {
        let now = Instant::now();
        self.follow(now);
        if self.phase == Phase::Open && now >= self.due {
            self.write(now);
        }
        for delivery in self.writer.deliveries() {
            self.settle(delivery);
        }
        if let Some((reason, returned)) = self.writer.revive() {
            self.tell(&format!("Kafka's client begins anew: {reason}"));
            returned.into_iter().for_each(|delivery| self.settle(delivery));
        }
        if self.phase == Phase::Open {
            self.read_again(now);
        }
        self.tell_lost(now);
        self.shared.metrics.waiting.set(i64::try_from(self.waiting()).unwrap_or(i64::MAX));
    }

    /// Reads the topic on.
    fn follow(&mut self, now: Instant) {
        if self.shared.is_news.swap(false, Ordering::Relaxed) {
            self.phase = Phase::Closed { retry: now };
        }
        match self.phase {
            Phase::Closed { retry } if now >= retry => self.open(now),
            Phase::Idle | Phase::Closed { .. } => {}
            Phase::Reading | Phase::Open => {
                self.read();
                if now >= self.next_look {
                    self.next_look = now + PARTITION_INTERVAL;
                    if let Err(error) = self.reader.add_partitions() {
                        tracing::debug!(%error, "whether the quarantine topic has more partitions isn't told");
                    }
                }
            }
        }
    }

    fn open(&mut self, now: Instant) {
        self.phase = Phase::Closed { retry: now + RETRY_INTERVAL };
        match self.reader.open() {
            Ok(true) => {
                self.phase = Phase::Reading;
                self.next_look = now + PARTITION_INTERVAL;
            }
            // Without anything bad nobody misses it.
            Ok(false) if self.waiting() == 0 => {}
            Ok(false) => {
                self.writer.ask();
                self.tell("there is no such topic; create it, or set quarantine-topic to off");
            }
            Err(error) => self.tell(&error.to_string()),
        }
    }

    fn read(&mut self) {
        let is_busy = self.writer.is_busy() || self.again.is_reading();
        let mut wait = if is_busy { BUSY_WAIT } else { TURN_WAIT };
        for _ in 0..ENTRIES_MAX {
            match self.reader.poll(wait) {
                Some(Read::Entry(entry)) if entry.topic == self.source => {
                    if !self.shared.ledger().note(&entry.place) {
                        self.tell(&format!(
                            "it has more than {OFFSETS_MAX} records of what is read: some may be set aside twice"
                        ));
                    }
                }
                Some(Read::Entry(_) | Read::Nothing) => {}
                Some(Read::Gone) => return self.lose(),
                Some(Read::Trouble(error)) => self.tell(&error.to_string()),
                None => break,
            }
            wait = Duration::ZERO;
        }
        if self.phase == Phase::Reading && self.reader.is_caught_up() {
            self.phase = Phase::Open;
            let (topic, records) = (self.reader.topic(), self.shared.ledger().offsets());
            tracing::info!(topic, records, "what is set aside of this log is known");
        }
    }

    /// The topic was deleted.
    fn lose(&mut self) {
        self.reader.close();
        self.phase = Phase::Closed { retry: Instant::now() + RETRY_INTERVAL };
    }

    fn write(&mut self, now: Instant) {
        while let Some(copy) = self.pending.pop_front() {
            let mut ledger = self.shared.ledger();
            if ledger.is_known(&copy.record.place) {
                ledger.settle(&copy.record.place);
                self.shared.metrics.known.inc();
                continue;
            }
            drop(ledger);
            match self.writer.send(copy, &self.source) {
                Ok(()) => {}
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), copy)) => {
                    self.pending.push_front(copy);
                    self.due = now + TURN_WAIT;
                    return;
                }
                Err((error, copy)) => {
                    self.settle((copy, Err(error)));
                    // What is to be tried again later isn't tried again at once.
                    if self.due > now {
                        return;
                    }
                }
            }
        }
    }

    /// What became of a copy.
    fn settle(&mut self, (copy, result): Delivery) {
        let Err(error) = result else {
            self.shared.metrics.acknowledged.inc();
            self.shared.ledger().settle(&copy.record.place);
            return;
        };
        let code = error.rdkafka_error_code();
        if !code.is_some_and(is_refusal) {
            // Later, when Kafka has room or a leader again.
            self.due = Instant::now() + RETRY_INTERVAL;
            self.pending.push_front(copy);
            self.tell(&error.to_string());
            if code.is_some_and(is_absence) {
                self.lose();
            }
            return;
        }
        let (place, reason) = (copy.record.place.clone(), copy.record.reason.clone());
        let mut copy = Arc::into_inner(copy).expect("librdkafka has given its reference back");
        if code == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
            // The limit is on what is sent together.
            let is_with_others = !mem::replace(&mut copy.is_alone, true);
            if is_with_others || copy.record.omit_value() {
                if !is_with_others {
                    self.tell("it doesn't take records so large: they are set aside without their value");
                }
                self.pending.push_front(Arc::new(copy));
                return;
            }
        }
        self.shared.metrics.failed.inc();
        self.shared.ledger().settle(&place);
        let text = format!("it refuses bad records for good: {error}");
        tracing::debug!(place.partition, place.offset, reason, "{text}");
        self.tell(&text);
    }

    /// Once a minute at most, unless it's something else.
    pub(super) fn tell(&mut self, what: &str) {
        let (now, waiting) = (Instant::now(), self.waiting());
        let is_told = self
            .told
            .as_ref()
            .is_some_and(|(text, at)| now - *at < if text == what { SAME_INTERVAL } else { OTHER_INTERVAL });
        let topic = self.reader.topic();
        // As long as nothing is bad nobody misses the topic.
        if is_told || waiting == 0 {
            tracing::debug!(topic, waiting, "trouble with the quarantine topic: {what}");
            return;
        }
        self.told = Some((what.to_owned(), now));
        tracing::warn!(topic, waiting, "trouble with the quarantine topic: {what}");
    }

    /// Bad records that aren't dealt with.
    fn waiting(&self) -> u64 {
        self.shared.ledger().waiting()
    }

    fn tell_lost(&mut self, now: Instant) {
        let lost = self.shared.ledger().take_lost();
        self.shared.metrics.dropped.inc_by(lost);
        self.lost += lost;
        if self.lost > 0 && self.losses.may_tell(now).is_some() {
            let (topic, dropped) = (self.reader.topic(), mem::take(&mut self.lost));
            tracing::warn!(
                topic,
                dropped,
                "bad records aren't set aside: the log had them no more when there was room, or more than {OFFSETS_MAX} wait"
            );
        }
    }

    /// Writes what is left, as far as the time allows.
    fn end(mut self) {
        let deadline = Instant::now() + END_WAIT;
        while (self.waiting() > 0 || !self.pending.is_empty() || self.writer.is_busy())
            && Instant::now() < deadline
        {
            self.due = self.due.min(Instant::now());
            let is_reading = matches!(self.phase, Phase::Reading | Phase::Open);
            if !is_reading {
                std::thread::park_timeout(BUSY_WAIT);
            }
            self.turn();
        }
        let left = self.waiting();
        drop(mem::take(&mut self.pending));
        if left > 0 {
            self.shared.metrics.failed.inc_by(left);
            let topic = self.reader.topic();
            tracing::warn!(
                topic,
                left,
                "bad records aren't set aside: the server ends before Kafka takes them; a start that reads them again, or goes on from a checkpoint, does it"
            );
        }
    }
}

/// A random time below `max`, another one on each instance.
fn random_below(max: Duration) -> Duration {
    // Without randomness each instance writes its own copy, which is no more than untidy.
    let random = getrandom::u32().unwrap_or_default();
    max.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
