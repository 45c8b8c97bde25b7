//! How the feed as a whole is: from the moments at which ticks come and from what is left to read, to the word that
//! everybody is told on `/topic/feed.status`.
//!
//! A feed is stale when nothing has come for many times its usual interval. Which one is usual is learnt. It's not the
//! mean of the gaps between ticks: a feed that sends a burst each minute would have one of milliseconds, and be stale
//! each minute. It's how long the gap is in which a moment lies that is picked by chance: here a minute. So each gap
//! counts by its length, and sixteen such gaps are remembered, however long they are. A gap that is a surprise is
//! taken for no longer than what was expected, and for an eighth of what is known: so a broker that was away for a
//! night changes little, and a feed that becomes slow surprises a few times before it's known to be slow.
//!
//! A feed without any tick isn't stale: there are no prices that somebody could take for new ones. After its first
//! tick the floor alone holds.
//!
//! This room is pure. Times are those of the wall clock, in microseconds since the Unix epoch, since the first of them
//! are read off the log: a server that starts finds the feed as one does that ran.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::publication::Epoch;

/// How many gaps of the usual length are remembered: with fewer the usual one follows chance, and with so many it takes
/// sixteen times a slow feed's interval, a quarter of an hour for one of a minute, until it's known to be fast again.
const MEMORY: f64 = 16.0;

/// What a single gap counts for at most.
const SURPRISE: f64 = 1.0 / 8.0;

/// For how long there must be too much left to read, or no longer too much, to be told. How much there is comes once
/// a second, by default: it takes five in a row then.
const LAG_HOLD_US: i64 = 5_000_000;

/// When something is wrong with a feed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How many times its usual interval a feed may be silent.
    pub stale_factor: f64,
    /// For how long any feed may be silent.
    pub stale_floor: Duration,
    /// How many records may be left to read.
    pub lag_records: u64,
}

/// How the feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing was wrong since the start.
    Live,
    /// Nothing has come for too long.
    Stale,
    /// What comes is shown late: there is much left to read.
    Lagging,
    /// What was wrong is over.
    Recovered,
    /// The server goes down.
    Draining,
}

/// The feed's status as clients are told it: as it was when it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How the feed is.
    pub status: Status,
    /// Since when.
    pub since_us: i64,
    /// When the last tick had come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_tick_us: Option<i64>,
    /// What its usual interval was, once there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual_interval_ms: Option<u64>,
    /// How many records were left to read, if that was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_records: Option<u64>,
    /// The log's epoch, once it's known. When it changes, the topic was made anew or truncated: `seq` of before can't be
    /// compared with that of afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
}

/// What is known of the feed.
#[derive(Debug)]
pub struct FeedStatus {
    settings: Settings,
    status: Status,
    since_us: i64,
    /// When the clock was looked at last.
    looked_us: i64,
    last_tick_us: Option<i64>,
    /// Microseconds.
    usual_interval: f64,
    has_interval: bool,
    lag: Lag,
    epoch: Option<Epoch>,
}

/// Whether too much is left to read.
#[derive(Debug)]
struct Lag {
    limit: u64,
    records: Option<u64>,
    is_high: bool,
    /// Since when it's been the other way.
    turned_us: Option<i64>,
}

impl Report {
    /// A server that goes down has this to say of the feed.
    pub const fn draining(now_us: i64) -> Self {
        Self {
            status: Status::Draining,
            since_us: now_us,
            last_tick_us: None,
            usual_interval_ms: None,
            lag_records: None,
            epoch: None,
        }
    }

    /// The body of the MESSAGE that tells it.
    pub fn json(&self) -> Arc<str> {
        serde_json::to_string(self).expect("numbers and words can be encoded").into()
    }
}

impl FeedStatus {
    /// Nothing has come yet, and nothing is wrong.
    pub fn new(settings: Settings, now_us: i64) -> Self {
        Self {
            settings,
            status: Status::Live,
            since_us: now_us,
            looked_us: now_us,
            last_tick_us: None,
            // What the floor allows for.
            usual_interval: settings.stale_floor.as_micros() as f64 / settings.stale_factor,
            has_interval: false,
            lag: Lag { limit: settings.lag_records, records: None, is_high: false, turned_us: None },
            epoch: None,
        }
    }

    /// The log has this epoch from now on.
    pub fn begin_epoch(&mut self, epoch: Epoch) {
        self.epoch = Some(epoch);
    }

    /// A tick came at this moment; those of a log that is read from its beginning came when they were recorded.
    pub fn note_tick(&mut self, at_us: i64) {
        match self.last_tick_us {
            // Ticks that come at once tell nothing about silence, nor do those of another partition that are read
            // later.
            Some(last_us) if at_us <= last_us => return,
            Some(last_us) => self.learn((at_us - last_us) as f64),
            None => {}
        }
        self.last_tick_us = Some(at_us);
    }

    /// Looks at the clock, and at how many records are left to read, if that is known. The report, if the status has
    /// become another one.
    pub fn update(&mut self, now_us: i64, lag_records: Option<u64>) -> Option<Report> {
        self.look(now_us);
        self.lag.observe(now_us, lag_records);
        let status = match self.status {
            _ if self.is_silent(now_us) => Status::Stale,
            _ if self.lag.is_high => Status::Lagging,
            Status::Stale | Status::Lagging => Status::Recovered,
            unchanged @ (Status::Live | Status::Recovered | Status::Draining) => unchanged,
        };
        if status == self.status {
            return None;
        }
        (self.status, self.since_us) = (status, now_us);
        Some(self.report())
    }

    /// The present status.
    pub fn report(&self) -> Report {
        Report {
            status: self.status,
            since_us: self.since_us,
            last_tick_us: self.last_tick_us,
            usual_interval_ms: self.has_interval.then_some((self.usual_interval / 1000.0).ceil() as u64),
            lag_records: self.lag.records,
            epoch: self.epoch.clone(),
        }
    }

    /// A clock that is put back takes the last tick with it: a silence goes on, and the next tick is a later one.
    fn look(&mut self, now_us: i64) {
        let put_back_us = self.looked_us.saturating_sub(now_us).max(0);
        self.looked_us = now_us;
        self.last_tick_us = self.last_tick_us.map(|last_us| last_us.saturating_sub(put_back_us));
    }

    fn learn(&mut self, gap: f64) {
        let gap = gap.min(self.patience());
        let share = (gap / (MEMORY * self.usual_interval)).min(SURPRISE);
        self.usual_interval += (gap - self.usual_interval) * share;
        self.has_interval = true;
    }

    /// How long the feed may be silent, in microseconds.
    fn patience(&self) -> f64 {
        let floor = self.settings.stale_floor.as_micros() as f64;
        floor.max(self.usual_interval * self.settings.stale_factor)
    }

    fn is_silent(&self, now_us: i64) -> bool {
        self.last_tick_us.is_some_and(|last_us| now_us.saturating_sub(last_us) as f64 > self.patience())
    }
}

impl Lag {
    /// It's high above the limit, and no longer at half of it: what comes and goes at the limit is no news.
    fn observe(&mut self, now_us: i64, records: Option<u64>) {
        self.records = records;
        let Some(records) = records else { return };
        let is_turned = if self.is_high { records <= self.limit / 2 } else { records > self.limit };
        match self.turned_us {
            _ if !is_turned => self.turned_us = None,
            Some(turned_us) if now_us.saturating_sub(turned_us) >= LAG_HOLD_US => {
                self.is_high = !self.is_high;
                self.turned_us = None;
            }
            // A clock that was put back begins anew.
            Some(turned_us) if turned_us <= now_us => {}
            _ => self.turned_us = Some(now_us),
        }
    }
}

#[cfg(test)]
mod tests;
