//! What is done with records that are set aside: they are published again, or dismissed.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    sync::atomic::AtomicBool,
};

use jiff::Timestamp;
use serde::Serialize;

use super::{show::Format, text::visible};
use crate::{
    config::Topic,
    failure::Failure,
    feed::TickFormat,
    feeder::quarantine::{Done, Item, Judged, Shelf, Source, Target, Verdict, dismiss, republish},
    kafka::{ProducerConfig, Publisher, TopicReader},
};

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Publish what is a tick by now.
    Republish {
        /// Even if its symbol has had a newer one.
        overtaken: bool,
        /// How records are read that don't tell their format.
        format: TickFormat,
        /// Only tell.
        dry_run: bool,
    },
    /// Mark as done.
    Dismiss {
        /// Only tell.
        dry_run: bool,
    },
}

/// Does it, and tells of each record what became of it.
pub(super) fn act(
    action: Action,
    items: Vec<Item>,
    shelf: &Shelf,
    source: ProducerConfig,
    quarantine: &Topic,
    format: Format,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut report = Report { format, counts: BTreeMap::new(), unmarked: 0, failed: None };
    let publisher = Publisher::new(source.clone())?;
    let topic = source.topic.clone();
    let target = Target { publisher: &publisher, topic: &topic, quarantine: quarantine.as_str(), stop };
    match action {
        Action::Dismiss { dry_run: true } => {
            items.iter().for_each(|item| report.tell(item, "to_be_dismissed", "", None));
        }
        Action::Dismiss { dry_run: false } => {
            dismiss(&target, &items, |item, done| report.done(item, done, "dismissed"));
        }
        Action::Republish { overtaken, format, dry_run } => {
            let source = Source::open(TopicReader::new(source)?, format)?;
            let judged = source.judge(items, shelf)?;
            let ticks = report.sort_out(judged, overtaken);
            if dry_run {
                ticks.iter().for_each(|item| report.tell(item, "to_be_republished", "", None));
            } else {
                republish(&target, &source, &ticks, |item, done| report.done(item, done, "republished"));
            }
        }
    }
    report.finish()
}

/// Tells of each record what became of it.
struct Report {
    format: Format,
    counts: BTreeMap<&'static str, u64>,
    unmarked: u64,
    /// Why the first of those failed that did.
    failed: Option<String>,
}

/// A line as machines get it. Fields may be added.
#[derive(Serialize)]
struct Line<'a> {
    partition: i32,
    offset: u64,
    epoch: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<To>,
}

#[derive(Clone, Copy, Serialize)]
struct To {
    partition: i32,
    offset: i64,
}

impl Report {
    /// Tells which are left, and gives those that aren't.
    fn sort_out(&mut self, judged: Vec<Judged>, overtaken: bool) -> Vec<Item> {
        let mut ticks = Vec::new();
        for Judged { item, verdict } in judged {
            match verdict {
                Verdict::Tick => ticks.push(item),
                Verdict::Overtaken(_) if overtaken => ticks.push(item),
                Verdict::Overtaken(time_us) => {
                    let time = Timestamp::from_microsecond(time_us).map(|time| format!("{time:.6}"));
                    let time = time.unwrap_or_else(|_| format!("{time_us} µs"));
                    self.tell(
                        &item,
                        "overtaken",
                        &format!("its symbol has a tick of {time}, or was delisted then"),
                        None,
                    );
                }
                Verdict::Rejected(rejection) => {
                    let why = format!("{}: {rejection}", rejection.label());
                    self.tell(&item, "still_bad", &why, None);
                }
                Verdict::Unjudged => {
                    let why =
                        "a server that reads the log from the beginning after the fix takes it by itself";
                    self.tell(&item, "left", why, None);
                }
                Verdict::Incomplete => {
                    self.tell(&item, "incomplete", "its value was too long to be set aside", None);
                }
            }
        }
        ticks
    }

    fn done(&mut self, item: &Item, done: Done, outcome: &'static str) {
        let to = |(partition, offset)| Some(To { partition, offset });
        match done {
            Done::Marked(stand) => self.tell(item, outcome, "", stand.and_then(to)),
            Done::Unmarked(stand, reason) => {
                self.unmarked += 1;
                self.tell(item, outcome, &format!("not marked: {reason}"), to(stand));
                self.failed.get_or_insert(reason);
            }
            Done::Failed(reason) => {
                self.tell(item, "failed", &reason, None);
                self.failed.get_or_insert(reason);
            }
        }
    }

    fn tell(&mut self, item: &Item, outcome: &'static str, detail: &str, to: Option<To>) {
        *self.counts.entry(outcome).or_default() += 1;
        let (partition, offset) = (item.place.partition, item.place.offset);
        let line = match self.format {
            Format::Json => {
                let line = Line { partition, offset, epoch: &item.place.epoch, outcome, detail, to };
                serde_json::to_string(&line).expect("text and numbers have a form in JSON")
            }
            Format::Table => {
                let to = to.map_or_else(String::new, |to| format!(" → {} {}", to.partition, to.offset));
                let between = if detail.is_empty() { "" } else { "  " };
                let (words, detail) = (outcome.replace('_', " "), visible(detail.as_bytes(), 200));
                format!("{words:<18} {partition:>4} {offset:>10}{to}{between}{detail}")
            }
        };
        // With nobody to read it, the line isn't missed: what has begun is done to its end.
        let _ = writeln!(io::stdout(), "{line}");
    }

    /// The line that says what came of it.
    fn finish(self) -> Result<(), Failure> {
        let counts: Vec<_> =
            self.counts.iter().map(|(what, count)| format!("{count} {}", what.replace('_', " "))).collect();
        let told = if counts.is_empty() { "no record is meant".to_owned() } else { counts.join(", ") };
        let _ = writeln!(io::stderr(), "{told}");
        let Some(reason) = self.failed else { return Ok(()) };
        let count = self.counts.get("failed").copied().unwrap_or(0);
        Err(match self.unmarked {
            0 => Failure::start_up(format_args!("{count} records were not acknowledged: {reason}")),
            unmarked => Failure::start_up(format_args!(
                "{unmarked} records were published and not marked, {count} not published: {reason}; a second run \
                 publishes both"
            )),
        })
    }
}
