//! Publishes a recording, paced by its times.

use std::{
    io::BufRead,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::{
    feed::{
        Encoder, TickFormat,
        replay::{BadRecord, Pace, ReadError, Recorded, Recording, Speed, Step},
    },
    kafka::{ProducerError, TickProducer},
};

/// Records between two looks at the acknowledgements at full speed: often enough that their queue
/// stays short, seldom enough that looking costs nothing.
const RECORDS_PER_LOOK: u64 = 512;

/// The longest wait without a look at the signal to stop.
const WAIT_SLICE: Duration = Duration::from_millis(100);

/// What to do about a record that is no tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBadRecord {
    /// Report it and read on.
    Skip,
    /// End with it.
    Stop,
}

/// How a replay is done.
#[derive(Clone, Copy, Debug)]
pub struct ReplayConfig {
    /// How ticks are written.
    pub format: TickFormat,
    /// How fast.
    pub speed: Speed,
    /// What to do about bad records.
    pub on_bad_record: OnBadRecord,
}

/// Who watches a replay.
pub trait Observer {
    /// A record was skipped.
    fn skipped(&mut self, record: &BadRecord);
    /// So many ticks are published; the last one happened at that time.
    fn progress(&mut self, published: u64, time_us: Option<i64>);
}

/// How far a replay came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ticks handed to Kafka.
    pub published: u64,
    /// Records that were no ticks.
    pub skipped: u64,
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the last record, acknowledged.
    Whole,
    /// By the signal to stop; what was published is acknowledged.
    Stopped,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording can't be read on.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// A record is no tick, and none may be skipped.
    #[error("{0}")]
    BadRecord(BadRecord),
    /// Kafka doesn't take the ticks.
    #[error(transparent)]
    Kafka(#[from] ProducerError),
}

/// Publishes the recording and waits until all of it is acknowledged; also what comes before an
/// error, so that everything whole of a damaged file is there.
pub fn run<R: BufRead>(
    recording: &mut Recording<R>,
    producer: &TickProducer,
    config: ReplayConfig,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> (Report, Result<End, ReplayError>) {
    let mut replay = Replay {
        producer,
        config,
        observer,
        stop,
        pace: Pace::new(config.speed),
        start: Instant::now(),
        report: Report::default(),
        encoder: Encoder::new(config.format),
    };
    let end = replay.publish_all(recording);
    let report = replay.report;
    match producer.flush() {
        Ok(_) => (report, end),
        // A lost record is the graver news, unless Kafka was the reason already.
        Err(_) if matches!(end, Err(ReplayError::Kafka(_))) => (report, end),
        Err(error) => (report, Err(error.into())),
    }
}

struct Replay<'a> {
    producer: &'a TickProducer,
    config: ReplayConfig,
    observer: &'a mut dyn Observer,
    stop: &'a AtomicBool,
    pace: Pace,
    start: Instant,
    report: Report,
    encoder: Encoder,
}

impl Replay<'_> {
    fn publish_all<R: BufRead>(&mut self, recording: &mut Recording<R>) -> Result<End, ReplayError> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(End::Stopped);
            }
            match recording.step()? {
                Step::Tick(recorded) => {
                    self.await_due(recorded.tick.time_us);
                    if self.stop.load(Ordering::Relaxed) {
                        return Ok(End::Stopped);
                    }
                    self.publish(&recorded)?;
                }
                Step::Bad(record) if self.config.on_bad_record == OnBadRecord::Stop => {
                    return Err(ReplayError::BadRecord(record));
                }
                Step::Bad(record) => {
                    self.report.skipped += 1;
                    self.observer.skipped(&record);
                }
                Step::Nothing => {}
                Step::End => return Ok(End::Whole),
            }
        }
    }

    fn await_due(&mut self, time_us: Option<i64>) {
        loop {
            let wait = self.pace.wait(time_us, self.start.elapsed());
            if wait.is_zero() || self.stop.load(Ordering::Relaxed) {
                return;
            }
            self.producer.wait(wait.min(WAIT_SLICE));
        }
    }

    fn publish(&mut self, recorded: &Recorded<'_>) -> Result<(), ProducerError> {
        let format = self.config.format;
        let value = match recorded.json {
            Some(json) if format == TickFormat::Json => json,
            _ => self.encoder.encode(&recorded.tick),
        };
        self.producer.send(recorded.tick.symbol, value, format)?;
        self.report.published += 1;
        self.observer.progress(self.report.published, recorded.tick.time_us);
        if self.report.published.is_multiple_of(RECORDS_PER_LOOK) {
            self.producer.wait(Duration::ZERO);
        }
        Ok(())
    }
}
