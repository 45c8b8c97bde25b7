//! `tickcast feed quarantine`: the bad records that the server has set aside.

mod act;
mod filter;
mod show;
mod text;

use std::io::{self, BufWriter, Write};

use clap::Args;

use self::{
    act::{Action, act},
    filter::{Filter, FilterArgs},
    show::{Format, Rows},
};
use super::{kafka_args::KafkaArgs, signal};
use crate::{
    clock::now_us,
    config::{Invalid, QuarantineTopic, TickFormat, Topic},
    failure::Failure,
    feeder::quarantine::Shelf,
    kafka::{ProducerConfig, Wanted},
};

/// List the records that were no tick and were set aside, each once; after a fix publish them again
///
/// What is shown comes from the quarantine topic alone: when a record was set aside, where it stands in the topic with
/// the ticks, why it's no tick, and what its producer wrote. Several servers may have set aside the same record: it's
/// one line here.
#[derive(Args, Debug)]
#[command(after_long_help = REPUBLISH)]
pub struct QuarantineArgs {
    /// The topic where bad records are set aside [default: the topic's name and .quarantine]
    #[arg(long, value_name = "NAME")]
    quarantine_topic: Option<QuarantineTopic>,

    /// One JSON object a line, with whole keys, values and headers: as text, or in base64 if they are no UTF-8
    #[arg(long)]
    json: bool,

    /// Show those, too, that were published again or dismissed, with what became of each
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    filter: FilterArgs,

    #[command(flatten)]
    action: ActionArgs,

    #[command(flatten)]
    kafka: KafkaArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "After a fix")]
struct ActionArgs {
    /// Publish again those that are ticks by now, as they were, and mark them as done; the others stay and say why
    #[arg(long, conflicts_with_all = ["all", "limit"])]
    republish: bool,

    /// Publish also those whose symbol has had a newer tick since, or was delisted
    #[arg(long, requires = "republish")]
    overtaken: bool,

    /// Mark as done without publishing anything
    #[arg(long, conflicts_with_all = ["republish", "all", "limit"])]
    dismiss: bool,

    /// How records are read that have no header `content-type`, as the server is told
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "json")]
    tick_format: TickFormat,

    /// Only tell what --republish or --dismiss would do
    #[arg(long)]
    dry_run: bool,
}

const REPUBLISH: &str = "\
--republish asks this binary whether each record is a tick by now: the record itself never changes, so it takes a newer \
tickcast or another setting, such as --tick-format, to make it one. Records of which the producer was wrong are published \
anew by the producer; --dismiss takes the old ones off the list. A server that reads its log from the beginning after \
the fix finds the good ones by itself, and doesn't need them again.

A record that is published again stands at the end of its partition: it's folded as the newest tick of its symbol. So \
those whose symbol has had a newer tick since, or was delisted, are left, unless --overtaken is given. Those that were \
refused as wrong_partition or too_many_symbols are ticks by themselves, so nothing here tells whether a server would \
take them now: they are left too. Key, value, headers, timestamp and \
partition are the record's own. Each is marked in the quarantine topic when Kafka has acknowledged it; if the command is \
killed in between, up to 500 records that were published aren't marked yet, and a second run publishes them again.

Exit codes: 0 also if records are left, 1 configuration, 2 Kafka can't be reached or doesn't take everything.";

/// What a run may hold of the records to publish: a working set that any machine has room for.
const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Lists, publishes again or dismisses.
pub(super) fn run(args: QuarantineArgs, invalid: &dyn Fn(Invalid) -> Failure) -> Result<(), Failure> {
    let source = args.kafka.into_config().map_err(invalid)?;
    let quarantine = quarantine_of(&source, args.quarantine_topic).map_err(invalid)?;
    let filter = args.filter.into_filter(now_us() / 1000);
    let format = if args.json { Format::Json } else { Format::Table };
    let action = args.action.of().map_err(invalid)?;
    let shelf_config = ProducerConfig { topic: quarantine.as_str().to_owned(), ..source.clone() };
    let mut shelf = Shelf::open(shelf_config, &source.topic)?;
    match action {
        None => list(&mut shelf, &filter, format, args.all).map(drop),
        Some(action) => {
            let stop = signal::stop_flag()?;
            let items = take(&mut shelf, &filter)?;
            act(action, items, &shelf, source, &quarantine, format, &stop)
        }
    }
}

impl ActionArgs {
    fn of(&self) -> Result<Option<Action>, Invalid> {
        let Self { republish, overtaken, dismiss, tick_format: format, dry_run } = *self;
        match (republish, dismiss) {
            (true, _) => Ok(Some(Action::Republish { overtaken, format, dry_run })),
            (_, true) => Ok(Some(Action::Dismiss { dry_run })),
            (false, false) if dry_run => Err(Invalid {
                keys: vec!["dry_run"],
                reason: "it's for --republish or --dismiss: a list changes nothing anyway".to_owned(),
            }),
            (false, false) => Ok(None),
        }
    }
}

fn quarantine_of(source: &ProducerConfig, told: Option<QuarantineTopic>) -> Result<Topic, Invalid> {
    let invalid = |reason| Invalid { keys: vec!["topic", "quarantine_topic"], reason };
    let topic: Topic = source.topic.parse().map_err(invalid)?;
    QuarantineTopic::of(&topic, told)
        .and_then(|quarantine| quarantine.ok_or_else(|| "nothing is set aside: name the topic".to_owned()))
        .map_err(invalid)
}

/// Shows what passes the filter.
fn list(shelf: &mut Shelf, filter: &Filter, format: Format, all: bool) -> Result<(), Failure> {
    let mut rows = Rows::new(BufWriter::new(io::stdout().lock()), format, all, filter.limit);
    let (mut met, mut done) = (0_u64, 0_u64);
    let mut failed = None;
    shelf.read(|item| {
        met += 1;
        done += u64::from(item.outcome.is_some());
        if (!all && item.outcome.is_some()) || !filter.matches(&item) {
            return Wanted::More;
        }
        match rows.push(&item) {
            Ok(()) => Wanted::More,
            Err(error) => {
                failed = Some(error);
                Wanted::NoMore
            }
        }
    })?;
    let written = failed.map_or_else(|| rows.finish(), Err);
    // A reader that closed its pipe (`| head`) has read enough.
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::Unexpected(error.into()));
        }
        _ => {}
    }
    let catalogue = shelf.catalogue();
    let mut told = format!("{met} records set aside, {done} of them dealt with");
    for (count, what) in
        [(catalogue.copies(), "copies of the same"), (catalogue.foreign(), "of other topics")]
    {
        if count > 0 {
            told.push_str(&format!(", {count} more {what}"));
        }
    }
    // With nobody to read it, the line isn't missed.
    let _ = writeln!(io::stderr(), "{told}");
    Ok(())
}

/// What isn't dealt with and passes the filter, as far as there is room for it.
fn take(shelf: &mut Shelf, filter: &Filter) -> Result<Vec<crate::feeder::quarantine::Item>, Failure> {
    let (mut items, mut bytes, mut left) = (Vec::new(), 0, 0_u64);
    shelf.read(|item| {
        if item.outcome.is_none() && filter.matches(&item) {
            if bytes + item.bytes() <= HELD_BYTES_MAX {
                bytes += item.bytes();
                items.push(item);
            } else {
                left += 1;
            }
        }
        Wanted::More
    })?;
    if left > 0 {
        let _ = writeln!(io::stderr(), "{left} records are too many for one run: run it again for them");
    }
    Ok(items)
}
