//! Publishing records that were set aside once more, and saying so in the quarantine topic.
//!
//! First a few records, and when they are acknowledged the markers that say so. Whoever is killed in between leaves
//! those few published and unmarked: a second run publishes them once more. The other order could lose them.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Item, Source};
use crate::{
    kafka::{Outgoing, Publisher, Stand},
    quarantine::{Header, Outcome, marker_headers},
};

/// Records that are published before they are marked: as many may be published twice if the process is killed.
const STEP_RECORDS: usize = 500;

/// Where to publish what.
#[derive(Debug)]
pub struct Target<'a> {
    /// To both topics.
    pub publisher: &'a Publisher,
    /// The topic that the records are of.
    pub topic: &'a str,
    /// The topic where they are set aside.
    pub quarantine: &'a str,
    /// Set when it should end; what is published is marked before.
    pub stop: &'a AtomicBool,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It stands there now, or nowhere anew if it was dismissed, and is marked.
    Marked(Option<Stand>),
    /// It stands there now, but isn't marked for this reason: a second run would publish it again.
    Unmarked(Stand, String),
    /// Nothing, for this reason.
    Failed(String),
}

/// Publishes the records again, in order, each to the partition that it was in if there still is one, and marks them.
pub fn republish(target: &Target<'_>, source: &Source, items: &[Item], mut tell: impl FnMut(&Item, Done)) {
    for step in items.chunks(STEP_RECORDS) {
        if target.stop.load(Ordering::Relaxed) {
            return;
        }
        let outgoing: Vec<_> = step
            .iter()
            .map(|item| Outgoing {
                topic: target.topic,
                partition: Some(item.place.partition).filter(|partition| source.has_partition(*partition)),
                key: item.original.key.as_deref(),
                value: item.original.value.as_deref(),
                headers: &item.original.headers,
                timestamp_ms: item.original.timestamp_ms,
            })
            .collect();
        let mut stands = Vec::with_capacity(step.len());
        for (item, stand) in step.iter().zip(target.publisher.publish(&outgoing)) {
            match stand {
                Ok(stand) => stands.push((item, stand)),
                Err(reason) => tell(item, Done::Failed(reason)),
            }
        }
        let items: Vec<_> = stands.iter().map(|(item, _)| *item).collect();
        for ((item, stand), marked) in stands.iter().zip(mark(target, &items, Outcome::Republished)) {
            tell(
                item,
                match marked {
                    Ok(_) => Done::Marked(Some(*stand)),
                    Err(reason) => Done::Unmarked(*stand, reason),
                },
            );
        }
    }
}

/// Marks the records as looked at, and publishes nothing.
pub fn dismiss(target: &Target<'_>, items: &[Item], mut tell: impl FnMut(&Item, Done)) {
    for step in items.chunks(STEP_RECORDS) {
        if target.stop.load(Ordering::Relaxed) {
            return;
        }
        let items: Vec<_> = step.iter().collect();
        for (item, marked) in step.iter().zip(mark(target, &items, Outcome::Dismissed)) {
            tell(item, marked.map_or_else(Done::Failed, |_| Done::Marked(None)));
        }
    }
}

fn mark(target: &Target<'_>, items: &[&Item], outcome: Outcome) -> Vec<Result<Stand, String>> {
    let headers: Vec<Vec<Header>> =
        items.iter().map(|item| marker_headers(target.topic, &item.place, outcome)).collect();
    let outgoing: Vec<_> = items
        .iter()
        .zip(&headers)
        .map(|(item, headers)| Outgoing {
            topic: target.quarantine,
            partition: None,
            key: item.original.key.as_deref(),
            // Not null: in a compacted topic that would delete.
            value: Some(b""),
            headers,
            timestamp_ms: None,
        })
        .collect();
    target.publisher.publish(&outgoing)
}
