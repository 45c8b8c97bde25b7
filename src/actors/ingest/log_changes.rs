//! What is done when the log turns out to be another one than was read, or to have grown a partition.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    survey::{Survey, Surveyed},
    surveyor::{Finding, Lost},
    turn::Turn,
};
use crate::{
    clock::now_us,
    kafka::{Consumer, ConsumerError},
    publication::Epoch,
};

/// Partitions that are read anew, since their log was replaced by another.
#[derive(Debug, Default)]
pub(super) struct Rebuilding {
    partitions: BTreeSet<i32>,
}

impl Rebuilding {
    /// A partition is caught up. Whether that was the last one.
    pub(super) fn caught_up(&mut self, partition: i32) -> bool {
        self.partitions.remove(&partition) && self.partitions.is_empty()
    }

    /// Whether none is.
    pub(super) fn is_over(&self) -> bool {
        self.partitions.is_empty()
    }
}

impl Turn {
    /// Goes on with what the surveyor has found.
    pub(super) fn change_log(&mut self, consumer: &Consumer, finding: Finding) -> Result<(), ConsumerError> {
        match finding {
            Finding::Added(partitions) => self.added(consumer, &partitions),
            Finding::Recreated(survey) => self.recreated(consumer, survey),
            Finding::Found { lost, .. } if lost.generation != self.generation => Ok(()),
            Finding::Found { at, lost } => self.found(consumer, at, &lost.reason),
            Finding::Missing => {
                // What comes under its name next may be another log, at the same offsets.
                consumer.unassign();
                Ok(())
            }
            Finding::Back => consumer.read_from(&self.reading.positions().collect::<Vec<_>>()),
        }
    }

    /// New partitions are read from their beginning, and shown tick by tick: what is in them came just now.
    fn added(&mut self, consumer: &Consumer, partitions: &[Surveyed]) -> Result<(), ConsumerError> {
        let added: Vec<_> = partitions.iter().map(|at| (at.partition, at.extent.low)).collect();
        tracing::info!(partitions = ?added, "partitions were added to the topic");
        for at in partitions {
            self.reading.begin(at.partition, at.extent.low, at.extent.high);
        }
        let epoch = self.log.epoch();
        self.begin_quarantine(&epoch, partitions);
        consumer.read_from(&added)
    }

    fn recreated(&mut self, consumer: &Consumer, survey: Survey) -> Result<(), ConsumerError> {
        let epoch = survey.log.epoch();
        tracing::warn!(
            log = %survey.log, %epoch, before = %self.epoch,
            "the topic was deleted and made anew: its symbols begin anew"
        );
        self.ingest.metrics.log_changes.with_label_values(&["recreated"]).inc();
        consumer.unassign();
        let before = std::mem::take(&mut self.reading);
        self.rebuilding = Rebuilding::default();
        self.suspects.clear();
        self.expected.clear();
        self.generation += 1;
        self.log = survey.log;
        self.begin_quarantine(&epoch, &survey.partitions);
        self.begin_epoch(epoch, None);
        // There may be fewer partitions than before.
        before.positions().for_each(|(partition, _)| self.fold.release(partition));
        self.rebuild(consumer, &survey.partitions)
    }

    /// A partition isn't where it was read, or isn't what it was.
    pub(super) fn look_for(&self, partition: i32, reason: String) {
        self.surveyor.look_for(partition, Lost { generation: self.generation, reason });
    }

    /// A partition wasn't where it was read.
    fn found(&mut self, consumer: &Consumer, at: Surveyed, reason: &str) -> Result<(), ConsumerError> {
        let Surveyed { partition, extent, .. } = at;
        self.suspects.remove(&partition);
        let Some(next) = self.reading.next(partition) else { return Ok(()) };
        if next < extent.low {
            let lost = extent.low - next;
            tracing::error!(
                partition,
                next,
                low = extent.low,
                lost,
                "records were deleted from the log before they were read"
            );
            self.ingest.metrics.log_changes.with_label_values(&["overtaken"]).inc();
            if !self.reading.begin(partition, extent.low, extent.high) {
                self.caught_up(partition);
            }
            return consumer.read_from(&[(partition, extent.low)]);
        }
        // A log that was truncated may have grown again meanwhile: then the broker's word is all that tells it.
        let is_truncated =
            next > extent.high || ["truncation", "out of range"].iter().any(|it| reason.contains(it));
        if !is_truncated {
            tracing::warn!(partition, next, reason, "reading goes on where it was interrupted");
            return consumer.read_from(&[(partition, next)]);
        }
        let epoch = self.log.epoch_after(&format!("partition {partition} was truncated at {}", now_us()));
        tracing::warn!(
            partition, next, high = extent.high, %epoch, before = %self.epoch, reason,
            "the log was truncated: the partition's symbols begin anew"
        );
        self.ingest.metrics.log_changes.with_label_values(&["truncated"]).inc();
        // Those partitions that were left as they were keep the name under which their bad records are known.
        self.begin_quarantine(&epoch, &[at]);
        self.begin_epoch(epoch, Some(&[partition]));
        self.rebuild(consumer, &[at])
    }

    /// The bad records of these partitions are known by this epoch from where they are read.
    pub(super) fn begin_quarantine(&mut self, epoch: &Epoch, partitions: &[Surveyed]) {
        if let Some(quarantine) = &mut self.ingest.quarantine {
            quarantine.begin(epoch, partitions.iter().map(|at| (at.partition, at.start)));
        }
    }

    /// Everybody is told of the log's new epoch.
    fn begin_epoch(&mut self, epoch: Epoch, replaced: Option<&[i32]>) {
        self.fold.begin_epoch(Arc::clone(&epoch), replaced);
        self.announcer.begin_epoch(Arc::clone(&epoch));
        self.ingest.readiness.set_epoch(Arc::clone(&epoch));
        self.epoch = epoch;
    }

    /// Reads partitions anew; what comes of it is shown when they are caught up.
    fn rebuild(&mut self, consumer: &Consumer, partitions: &[Surveyed]) -> Result<(), ConsumerError> {
        for at in partitions {
            if self.reading.begin(at.partition, at.start, at.extent.high) {
                self.fold.hold(at.partition);
                self.rebuilding.partitions.insert(at.partition);
            } else {
                self.caught_up(at.partition);
            }
        }
        let offsets: Vec<_> = partitions.iter().map(|at| (at.partition, at.start)).collect();
        consumer.read_from(&offsets)?;
        if self.rebuilding.is_over() {
            self.fold.delist_gone();
        }
        Ok(())
    }
}
