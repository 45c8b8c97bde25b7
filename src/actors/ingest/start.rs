//! The start: the broker, the topic and how far its log reaches are waited for.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{
    Ingest,
    survey::{ANSWER_WAIT, Questions, Survey},
};
use crate::{kafka::ConsumerError, log_id::LogId};

/// The shortest time that a question of the start is given.
const ANSWER_WAIT_MIN: Duration = Duration::from_millis(100);

/// Between two lines about a partition that is waited for: it may have no leader for a night.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

/// How long to wait before a question is asked again.
const PAUSE: Duration = Duration::from_millis(500);

impl Ingest {
    /// Asks what there is to read: for the broker as long as the deadline, for the rest as long as it takes. `None`:
    /// asked to stop meanwhile.
    pub(super) fn survey(
        &self,
        questions: &Questions,
        stop: &AtomicBool,
    ) -> Result<Option<Survey>, ConsumerError> {
        let mut told: Option<Instant> = None;
        while let Some((log, partitions)) = self.await_topic(questions, stop)? {
            match questions.partitions(&self.consumer, &partitions) {
                Ok(partitions) => return Ok(Some(Survey { log, partitions })),
                Err(error) => {
                    let reason =
                        format!("a partition of topic {} doesn't tell its offsets: {error}", log.topic);
                    if told.is_none_or(|told| told.elapsed() >= TELL_INTERVAL) {
                        tracing::warn!("{reason}; waiting for it");
                        told = Some(Instant::now());
                    }
                    self.readiness.starting(reason, None);
                }
            }
            // Serves the client's callbacks while it waits.
            self.consumer.serve(ANSWER_WAIT_MIN);
        }
        Ok(None)
    }

    /// Waits for the broker, no longer than the deadline, and then for the topic, for ever.
    fn await_topic(
        &self,
        questions: &Questions,
        stop: &AtomicBool,
    ) -> Result<Option<(LogId, Vec<i32>)>, ConsumerError> {
        let start = Instant::now();
        let mut answered = false;
        while !stop.load(Ordering::Relaxed) {
            let left = self.broker_deadline.saturating_sub(start.elapsed());
            match questions.log(&self.consumer, left.clamp(ANSWER_WAIT_MIN, ANSWER_WAIT)) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {
                    let (topic, bootstrap) = (self.consumer.topic(), self.consumer.bootstrap());
                    let reason = format!("topic {topic} doesn't exist at {bootstrap}");
                    if !answered {
                        tracing::warn!("{reason}; waiting for it");
                    }
                    answered = true;
                    self.readiness.starting(reason, None);
                }
                // One that has answered before may go away for as long as it likes.
                Err(error) if !answered && !self.consumer.has_answered() && left.is_zero() => {
                    return Err(error);
                }
                Err(error) => self.readiness.starting(error.to_string(), None),
            }
            self.consumer.serve(PAUSE);
        }
        Ok(None)
    }
}
