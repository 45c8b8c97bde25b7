//! Wherever a server begins to read, it comes to the same states; and how long each way takes.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer},
};

use crate::{
    harness::{PATIENCE, eventually},
    node::Node,
    records::Client,
    server::Server,
};

const HOUR_MS: i64 = 60 * 60 * 1000;

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A time of day, twelve hours from now: no trading day begins while a test runs.
fn far_boundary() -> String {
    let minutes = (now_ms() / 60_000 + 12 * 60) % (24 * 60);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A producer of records that are dated.
struct Dated {
    producer: BaseProducer,
    topic: &'static str,
}

impl Dated {
    fn new(client: &Client, topic: &'static str) -> Self {
        Self { producer: client.config().create().unwrap(), topic }
    }

    /// Publishes a record of this time; none of `fields` is a tombstone.
    fn publish(&self, partition: i32, at_ms: i64, symbol: &str, fields: Option<&str>) {
        let json =
            fields.map(|fields| format!(r#"{{"symbol":"{symbol}",{fields},"time_us":{}}}"#, at_ms * 1000));
        let record = BaseRecord::<str, str>::to(self.topic).partition(partition).timestamp(at_ms).key(symbol);
        let record = match &json {
            Some(json) => record.payload(json.as_str()),
            None => record,
        };
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.producer.flush(PATIENCE).unwrap();
    }
}

/// Servers of one topic, each begun in another way.
struct Ways<'a> {
    bootstrap: String,
    topic: &'a str,
    boundary: String,
}

impl Ways<'_> {
    fn server(&self, more: &[&str]) -> Server {
        let boundary = ["--day-boundary", &self.boundary];
        Server::ready(&self.bootstrap, self.topic, &[], &[&boundary[..], more].concat())
    }

    /// Begun with a copy of this checkpoint, so that it stays what it is.
    fn server_from(&self, checkpoint: &Path) -> Server {
        let copy = checkpoint.with_extension("copy");
        fs::copy(checkpoint, &copy).unwrap();
        self.server(&["--checkpoint", copy.to_str().unwrap()])
    }
}

fn from(server: &Server) -> String {
    let log = server.log();
    let line = log.lines().find(|line| line.contains("reading the log")).unwrap_or_default();
    let (_, from) = line.split_once("from=").unwrap_or_default();
    from.split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn every_way_to_start_gives_the_same_states() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    let topic = "ways";
    client.create_topic(topic, 2);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state");
    let ways = Ways { bootstrap: node.plaintext(), topic, boundary: far_boundary() };
    let feed = Dated::new(&client, topic);
    let now_ms = now_ms() - 60_000;

    // Yesterday, and what of it has been told again since.
    for (partition, symbol) in [(0, "STAYS"), (1, "MOVES"), (1, "GOES")] {
        feed.publish(partition, now_ms - 30 * HOUR_MS, symbol, Some(r#""price":7,"size":70"#));
    }
    for (at, (partition, symbol)) in (0..).zip([(0, "STAYS"), (1, "MOVES"), (1, "GOES"), (1, "MOVES")]) {
        let fields = format!(r#""price":{at}.5,"size":{at},"bid":1,"ask":2,"venue":"X{at}""#);
        feed.publish(partition, now_ms + at, symbol, Some(&fields));
    }
    let kept = file.to_str().unwrap();
    let ran = ways.server(&["--checkpoint", kept, "--checkpoint-interval-s", "0.1"]);
    let written = || ran.metric("tickcast_checkpoints_total{result=\"written\"}");
    eventually("a checkpoint is written", || if written()? > 0.0 { Ok(()) } else { Err("none".to_owned()) });
    let middle = directory.path().join("middle");
    fs::copy(&file, &middle).unwrap();
    let ends: Vec<i64> = (0..2).map(|partition| client.watermarks(topic, partition).1).collect();

    // More of the same, a symbol that is delisted, and one that moves; a straggler of it comes where it was.
    client.grow_topic(topic, 3);
    eventually("the new partition is there", || {
        let (low, high) = client.watermarks(topic, 2);
        if (low, high) == (0, 0) { Ok(()) } else { Err(format!("{low} {high}")) }
    });
    // The producer of before doesn't know of it.
    let feed = Dated::new(&client, topic);
    feed.publish(2, now_ms + 20, "MOVES", Some(r#""price":9,"size":5"#));
    feed.publish(1, now_ms + 10, "MOVES", Some(r#""price":30,"size":2"#));
    feed.publish(1, now_ms + 21, "GOES", None);
    feed.publish(0, now_ms + 22, "STAYS", Some(r#""bid":null,"price":0.5,"size":1"#));
    let beginning = ways.server(&[]);
    assert_eq!(from(&beginning), "beginning");
    let moved = beginning.await_state("MOVES", "trades", &4.into());
    assert_eq!((&moved["price"], &moved["high"], &moved["volume"]), (&9.into(), &30.into(), &11.into()));
    let expected = beginning.states().unwrap();

    let trading_day = ways.server(&["--start-from", "trading-day"]);
    trading_day.await_states(&expected);
    let from_middle = ways.server_from(&middle);
    assert_eq!(from(&from_middle), "checkpoint");
    from_middle.await_states(&expected);
    drop(from_middle);
    // What the checkpoint has may be deleted from the log.
    for (partition, end) in (0..).zip(&ends) {
        client.delete_records(topic, partition, *end);
    }
    let from_middle = ways.server_from(&middle);
    assert_eq!(from(&from_middle), "checkpoint");
    from_middle.await_states(&expected);
    drop(from_middle);
    // What came after may not.
    client.delete_records(topic, 0, ends[0] + 1);
    let from_rest = ways.server_from(&middle);
    assert_eq!(from(&from_rest), "beginning");
    let reason = format!("partition 0 begins at offset {}, and it was read up to {}", ends[0] + 1, ends[0]);
    assert!(from_rest.log().contains(&reason), "{}", from_rest.log());
}

/// Symbols of the figures' log.
const SYMBOLS: usize = 10_000;
/// And its partitions.
const PARTITIONS: i32 = 6;

/// How long a server takes from its start to its readiness, in each way.
#[test]
#[ignore = "figures: cargo test --release --test kafka time_to_ready -- --ignored --nocapture"]
fn time_to_ready() {
    let ticks: usize = std::env::var("TICKCAST_TICKS").map_or(10_000_000, |it| it.parse().unwrap());
    let Some(node) = Node::own() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    let topic = "figures";
    client.create_topic(topic, PARTITIONS);
    let directory = tempfile::tempdir().unwrap();
    // Half of the ticks are of the trading day.
    let begun_ms = now_ms();
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (config, partitions) = (client.config(), (0..PARTITIONS).filter(move |it| it % 2 == writer));
            scope.spawn(move || fill(config, topic, &partitions.collect::<Vec<_>>(), ticks, begun_ms));
        }
    });
    let ways = Ways { bootstrap: node.plaintext(), topic, boundary: far_boundary() };
    let file = directory.path().join("state");
    let kept = file.to_str().unwrap();
    // Makes the checkpoint, and warms the node's page cache for all that follow.
    let first = ways.server(&["--checkpoint", kept, "--checkpoint-interval-s", "0.1"]);
    eventually("a checkpoint is written", || match first.metric("tickcast_checkpoint_bytes")? {
        bytes if bytes > 0.0 => Ok(()),
        bytes => Err(bytes.to_string()),
    });
    let bytes = fs::metadata(&file).unwrap().len();
    let expected = first.states().unwrap();
    assert_eq!(expected.len(), SYMBOLS);
    first.terminate();
    first.await_end();

    let mut report = format!("{ticks} ticks of {SYMBOLS} symbols; checkpoint {bytes} bytes\n");
    for (name, more) in [
        ("beginning", &[][..]),
        ("trading day", &["--start-from", "trading-day"]),
        ("checkpoint", &["--checkpoint", kept]),
    ] {
        let mut seconds: Vec<f64> = (0..5).map(|_| ready_s(&ways, more)).collect();
        seconds.sort_by(f64::total_cmp);
        let all: Vec<String> = seconds.iter().map(|it| format!("{it:.3}")).collect();
        writeln!(report, "{name:11}  median {:.3} s of {}", seconds[2], all.join(" ")).unwrap();
    }
    eprintln!("{report}");
}

fn ready_s(ways: &Ways<'_>, more: &[&str]) -> f64 {
    let begun = Instant::now();
    let server = ways.server(more);
    let took = begun.elapsed().as_secs_f64();
    server.terminate();
    server.await_end();
    took
}

/// Fills partitions with trades in turn: the first half dated two days back, and the rest now.
fn fill(mut config: ClientConfig, topic: &str, partitions: &[i32], ticks: usize, begun_ms: i64) {
    config.set("compression.type", "lz4").set("linger.ms", "50").set("batch.num.messages", "100000");
    let producer: BaseProducer =
        config.set("batch.size", "900000").set("queue.buffering.max.messages", "500000").create().unwrap();
    let mut json = String::new();
    for at in (0..ticks).filter(|at| partitions.contains(&partition_of(*at))) {
        let symbol = format!("S{:05}", at % SYMBOLS);
        let at_ms = if at < ticks / 2 { begun_ms - 48 * HOUR_MS } else { begun_ms };
        json.clear();
        let price = 100 + at % 50;
        write!(
            json,
            r#"{{"symbol":"{symbol}","time_us":{},"price":{price}.25,"size":{}"#,
            at_ms * 1000,
            at % 900
        )
        .unwrap();
        write!(json, r#","bid":{price}.24,"bid_size":300,"ask":{price}.26,"ask_size":200,"venue":"XNAS"}}"#)
            .unwrap();
        let mut record =
            BaseRecord::to(topic).partition(partition_of(at)).timestamp(at_ms).key(&symbol).payload(&json);
        while let Err((error, back)) = producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(rdkafka::types::RDKafkaErrorCode::QueueFull));
            producer.poll(Duration::from_millis(10));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(600)).unwrap();
}

/// A symbol's records are in one partition.
fn partition_of(tick: usize) -> i32 {
    i32::try_from(tick % SYMBOLS).unwrap() % PARTITIONS
}
