//! Tells every shard, and the log, how the feed is.

use std::sync::Arc;

use crate::{
    actors::inbox::Inbox,
    feed_status::{FeedStatus, Report, Settings, Status},
    publication::Epoch,
};

/// The feed's status and who is told it.
#[derive(Debug)]
pub(super) struct Announcer {
    inboxes: Arc<[Inbox]>,
    feed: FeedStatus,
}

impl Announcer {
    /// Tells that nothing is wrong so far.
    pub(super) fn new(settings: Settings, inboxes: Arc<[Inbox]>, now_us: i64) -> Self {
        let this = Self { inboxes, feed: FeedStatus::new(settings, now_us) };
        this.tell(&this.feed.report());
        this
    }

    /// The log has this epoch from now on.
    pub(super) fn begin_epoch(&mut self, epoch: Epoch) {
        self.feed.begin_epoch(epoch);
        self.tell(&self.feed.report());
    }

    /// A tick came at this moment, in microseconds since the Unix epoch.
    pub(super) fn note_tick(&mut self, at_us: i64) {
        self.feed.note_tick(at_us);
    }

    /// Tells what has become of the feed, if it's another than before.
    pub(super) fn update(&mut self, now_us: i64, lag_records: Option<u64>) {
        if let Some(report) = self.feed.update(now_us, lag_records) {
            log(&report);
            self.tell(&report);
        }
    }

    fn tell(&self, report: &Report) {
        let json = report.json();
        for inbox in &*self.inboxes {
            inbox.handover.set_feed_status(Arc::clone(&json));
        }
    }
}

fn log(report: &Report) {
    let Report { since_us, last_tick_us, usual_interval_ms, lag_records, .. } = *report;
    let silent_ms = last_tick_us.map(|last_us| (since_us - last_us).max(0) / 1000);
    match report.status {
        Status::Stale => {
            tracing::warn!(silent_ms, usual_interval_ms, lag_records, "the feed is stale: no tick comes");
        }
        Status::Lagging => {
            tracing::warn!(lag_records, "the feed lags: records come faster than they are folded");
        }
        Status::Live | Status::Recovered => tracing::info!(lag_records, "the feed has recovered"),
        Status::Draining => {}
    }
}
