//! `tickcast feed replay`: a file of recorded market data, published as ticks.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{kafka_args::KafkaArgs, signal};
use crate::{
    config::Invalid,
    failure::Failure,
    feed::{
        TickFormat,
        replay::{BadRecord, ColumnNames, CsvOptions, Format, Header, Recording, Speed, TimeFormat},
    },
    feeder::replay::{self, End, Observer, OnBadRecord, ReplayConfig, ReplayError, Report},
    kafka::TickProducer,
    market::Symbol,
};

/// Lines about skipped records; the rest is a count at the end.
const SKIPPED_LINES_MAX: u64 = 10;

/// Publish a file of recorded market data, paced by its times
///
/// DBN: the schemas trades, tbbo, mbp-1, bbo-1s, bbo-1m and ohlcv, with the symbols of the file's
/// metadata. A bar becomes trades at its open, its extremes and its close, which carries the volume.
///
/// CSV: columns time, symbol and price, size or bid, ask, bid_size, ask_size, and venue. An empty
/// cell says nothing, null clears a side of the quote.
///
/// NDJSON: one tick a line, published as it stands; as Protobuf what tickcast knows of it.
///
/// Each may be compressed with zstd.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// The file; - is standard input
    file: PathBuf,

    /// dbn, csv or ndjson [default: by the file's name]
    #[arg(long)]
    format: Option<Format>,

    /// How ticks are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "json")]
    tick_format: TickFormat,

    /// max, or how many times as fast as recorded: 1, 10, 0.5
    #[arg(long, default_value = "max")]
    speed: Speed,

    /// One symbol for every record, whatever the file says
    #[arg(long, value_parser = |text: &str| Symbol::parse(text))]
    symbol: Option<Symbol>,

    /// End at the first record that is no tick; without it such records are reported and skipped
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    csv: CsvArgs,

    #[command(flatten)]
    kafka: KafkaArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "CSV")]
struct CsvArgs {
    /// The columns of a file without a header, in order: time,bid,ask
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<String>,

    /// What stands between two columns: one character, or tab [default: , and tab for .tsv]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,

    /// How times are written: auto, iso, epoch-s, epoch-ms, epoch-us, epoch-ns, or a strptime
    /// pattern; without an offset they are UTC
    #[arg(long, default_value = "auto")]
    time_format: TimeFormat,

    /// The column of event times [default: time, timestamp, datetime, ts …]
    #[arg(long, value_name = "NAME")]
    time_column: Option<String>,

    /// The column of symbols [default: symbol, ticker, instrument …]
    #[arg(long, value_name = "NAME")]
    symbol_column: Option<String>,

    /// The column of trade prices [default: price, last …]
    #[arg(long, value_name = "NAME")]
    price_column: Option<String>,

    /// The column of trade sizes [default: size, quantity, qty, volume …]
    #[arg(long, value_name = "NAME")]
    size_column: Option<String>,

    /// The column of bids [default: bid, bid_price …]
    #[arg(long, value_name = "NAME")]
    bid_column: Option<String>,

    /// The column of bid sizes [default: bid_size, bid_qty …]
    #[arg(long, value_name = "NAME")]
    bid_size_column: Option<String>,

    /// The column of asks [default: ask, ask_price, offer …]
    #[arg(long, value_name = "NAME")]
    ask_column: Option<String>,

    /// The column of ask sizes [default: ask_size, ask_qty …]
    #[arg(long, value_name = "NAME")]
    ask_size_column: Option<String>,

    /// The column of venues [default: venue, exchange, mic]
    #[arg(long, value_name = "NAME")]
    venue_column: Option<String>,
}

/// Publishes the file. Ends after the last record is acknowledged, or after a signal.
pub(super) fn run(args: ReplayArgs, invalid: &dyn Fn(Invalid) -> Failure) -> Result<(), Failure> {
    let start = Instant::now();
    let name = args.file.display().to_string();
    let at_file = |error: &dyn std::fmt::Display| Failure::configuration(format_args!("{name}: {error}"));
    let target = args.kafka.into_config().map_err(invalid)?;
    let format = match args.format {
        Some(format) => format,
        None => Format::of_file(&args.file).map_err(Failure::configuration)?,
    };
    let bar = ProgressBar::no_length();
    let mut input = open(&args.file, &bar).map_err(|error| at_file(&error))?;
    if input.fill_buf().map_err(|error| at_file(&error))?.is_empty() {
        warn(&format!("{name} is empty: nothing is published"));
        return Ok(());
    }
    let options = args.csv.into_options(&args.file);
    let mut recording =
        Recording::open(input, format, args.symbol, options).map_err(|error| at_file(&error))?;
    let producer = TickProducer::connect(target)?;
    // Only from here on: before, Ctrl-C ends the command by itself.
    let stop = signal::stop_flag()?;
    let config = ReplayConfig {
        format: args.tick_format,
        speed: args.speed,
        on_bad_record: if args.strict { OnBadRecord::Stop } else { OnBadRecord::Skip },
    };
    let mut watch = Watch { bar, name: name.clone(), skipped: 0, next_message: Instant::now() };
    let (report, end) = replay::run(&mut recording, &producer, config, &mut watch, &stop);
    watch.bar.finish_and_clear();
    close(&report, &end, &producer, start.elapsed());
    match end {
        Ok(End::Whole) if report.published == 0 && report.skipped > 0 => Err(at_file(&format_args!(
            "nothing is published: each of the {} records was skipped",
            report.skipped
        ))),
        Ok(End::Whole) if report.published == 0 => {
            warn(&format!("{name} has no tick: nothing is published"));
            Ok(())
        }
        Ok(End::Whole | End::Stopped) => Ok(()),
        Err(ReplayError::Kafka(error)) => Err(error.into()),
        Err(error @ (ReplayError::Read(_) | ReplayError::BadRecord(_))) => Err(at_file(&error)),
    }
}

fn open(path: &Path, bar: &ProgressBar) -> io::Result<Box<dyn BufRead>> {
    let bounded: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::other("is a directory"));
        }
        if metadata.is_file() {
            bar.set_length(metadata.len());
        }
        Box::new(file)
    };
    let template = if bar.length().is_some() {
        "{elapsed_precise} {wide_bar} {bytes}/{total_bytes}  {msg}"
    } else {
        "{elapsed_precise} {bytes}  {msg}"
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is well-formed"));
    Ok(Box::new(BufReader::new(bar.wrap_read(bounded))))
}

/// A line for who waits for ticks that don't come.
fn warn(message: &str) {
    // With nobody to read it, the line isn't missed.
    let _ = writeln!(io::stderr(), "warning: {message}");
}

/// The line that says what came of it.
fn close(report: &Report, end: &Result<End, ReplayError>, producer: &TickProducer, elapsed: Duration) {
    let how = if matches!(end, Ok(End::Stopped)) { "stopped: " } else { "" };
    let (topic, bootstrap) = (producer.topic(), producer.bootstrap());
    let acknowledged = producer.delivered().acknowledged;
    // With nobody to read it, the line isn't missed.
    let _ = writeln!(
        io::stdout(),
        "{how}{acknowledged} ticks published to {topic} at {bootstrap}, {} records skipped, in {:.3} s",
        report.skipped,
        elapsed.as_secs_f64(),
    );
}

/// Shows progress, and the first few skipped records.
struct Watch {
    bar: ProgressBar,
    name: String,
    skipped: u64,
    next_message: Instant,
}

impl Observer for Watch {
    fn skipped(&mut self, record: &BadRecord) {
        self.skipped += 1;
        if self.skipped > SKIPPED_LINES_MAX + 1 {
            return;
        }
        let name = &self.name;
        self.bar.suspend(|| {
            let mut stderr = io::stderr();
            let _ = if self.skipped <= SKIPPED_LINES_MAX {
                writeln!(stderr, "skipped: {name}: {record}")
            } else {
                writeln!(stderr, "skipped: {name}: more records; their count follows at the end")
            };
        });
    }

    fn progress(&mut self, published: u64, time_us: Option<i64>) {
        const MESSAGE_INTERVAL: Duration = Duration::from_millis(100);
        let now = Instant::now();
        if self.bar.is_hidden() || now < self.next_message {
            return;
        }
        self.next_message = now + MESSAGE_INTERVAL;
        let time = time_us.and_then(|time_us| Timestamp::from_microsecond(time_us).ok());
        let time = time.map_or_else(String::new, |time| format!(", {}", time.strftime("%F %T")));
        self.bar.set_message(format!("{published} ticks{time}"));
    }
}

impl CsvArgs {
    fn into_options(self, file: &Path) -> CsvOptions {
        let is_tsv = file.to_string_lossy().trim_end_matches(".zst").ends_with(".tsv");
        CsvOptions {
            header: if self.columns.is_empty() { Header::FirstRow } else { Header::Told(self.columns) },
            delimiter: self.delimiter.unwrap_or(if is_tsv { b'\t' } else { b',' }),
            time_format: self.time_format,
            names: ColumnNames {
                time: self.time_column,
                symbol: self.symbol_column,
                price: self.price_column,
                size: self.size_column,
                bid: self.bid_column,
                bid_size: self.bid_size_column,
                ask: self.ask_column,
                ask_size: self.ask_size_column,
                venue: self.venue_column,
            },
        }
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("allowed are one ASCII character or tab".to_owned()),
    }
}
