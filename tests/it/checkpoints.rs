//! A server that is started again goes on where the one before it was.

use std::{fs, path::Path};

use rdkafka::mocking::MockCluster;
use serde_json::Value;

use crate::support::{Feed, Server, eventually, eventually_is, run_to_the_end};

const WRITTEN: &str = "tickcast_checkpoints_total{result=\"written\"}";
const FAILED: &str = "tickcast_checkpoints_total{result=\"failed\"}";

/// A cluster that stays while servers come and go, and a place for their checkpoint.
struct World {
    cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("ticks", 2, 1).unwrap();
        Self { cluster, directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("state")
    }

    fn arguments<'a>(&self, file: &'a str, bootstrap: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let place = ["--kafka", bootstrap, "--checkpoint", file];
        let often = ["--checkpoint-interval-s", "0.1"];
        let often = if more.contains(&often[0]) { &[] } else { &often[..] };
        [&place[..], often, more].concat()
    }

    /// Waits until the checkpoint has a symbol.
    #[track_caller]
    fn await_kept(&self, symbol: &str) {
        eventually("the symbol is kept", || {
            let file = fs::read(self.file()).unwrap_or_default();
            let text = [&[symbol.len() as u8], symbol.as_bytes()].concat();
            let is_there = file.windows(text.len()).any(|it| it == text);
            if is_there { Ok(()) } else { Err(format!("{} bytes", file.len())) }
        });
    }

    fn server(&self, more: &[&str]) -> Server {
        let (file, bootstrap) = (self.file(), self.cluster.bootstrap_servers());
        Server::ready(&self.arguments(file.to_str().unwrap(), &bootstrap, more))
    }
}

/// The state of all symbols, once it's this.
#[track_caller]
fn await_all(server: &Server, expected: &str) {
    eventually_is("the state of all symbols", &expected.to_owned(), || all(server));
}

/// Ends a server as an operator would.
fn end(mut server: Server) {
    server.process.signal("TERM");
    assert!(server.process.await_exit().success(), "{:?}", server.process.log());
}

/// A line of the log, as JSON, that has this text.
fn line(server: &Server, text: &str) -> Value {
    eventually(&format!("the log has {text:?}"), || {
        let log = server.process.log();
        let line = log.iter().find(|line| line.contains(text));
        line.map(|line| serde_json::from_str(line).unwrap()).ok_or_else(|| log.join("\n"))
    })
}

fn all(server: &Server) -> String {
    server.get("/api/snapshot").body
}

#[test]
fn what_is_kept_at_the_end_is_not_read_again() {
    let world = World::new();
    let server = world.server(&["--checkpoint-interval-s", "3600"]);
    let feed = Feed::to(&server);
    for (at, partition) in [0, 1, 0].into_iter().enumerate() {
        let symbol = ["A", "B", "C"][at];
        feed.at(partition, 1_000_000, symbol, &format!(r#"{{"symbol":"{symbol}","price":{at}.5,"size":3}}"#));
    }
    server.await_seq("C", 1);
    let before = all(&server);
    assert!(!world.file().exists(), "it isn't time yet");
    end(server);

    let server = world.server(&[]);
    await_all(&server, &before);
    let reading = line(&server, "reading the log");
    // The last one of each partition is, to see that the log is still the same.
    assert_eq!((&reading["from"], &reading["records"]), (&"checkpoint".into(), &2.into()));
    feed.at(0, 1_000_001, "A", r#"{"symbol":"A","price":9}"#);
    server.await_seq("A", 2);
}

#[test]
fn a_killed_server_leaves_a_checkpoint_and_what_came_after_is_read() {
    let world = World::new();
    let server = world.server(&[]);
    let feed = Feed::to(&server);
    feed.at(0, 1_000_000, "A", r#"{"symbol":"A","price":1}"#);
    server.await_seq("A", 0);
    world.await_kept("A");
    drop(server);
    let other = Server::ready(&["--kafka", &world.cluster.bootstrap_servers()]);
    feed.at(0, 1_000_001, "A", r#"{"symbol":"A","price":2}"#);
    feed.at(1, 1_000_001, "B", r#"{"symbol":"B","price":2}"#);
    other.await_seq("A", 1);
    other.await_seq("B", 0);

    let server = world.server(&[]);
    await_all(&server, &all(&other));
    assert_eq!(line(&server, "reading the log")["from"], "checkpoint");
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_line() {
    let world = World::new();
    let server = world.server(&[]);
    let feed = Feed::to(&server);
    feed.at(0, 1_000_000, "A", r#"{"symbol":"A","price":1}"#);
    server.await_seq("A", 0);
    let before = all(&server);
    end(server);
    let mut bytes = fs::read(world.file()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(world.file(), &bytes).unwrap();

    let server = world.server(&["--checkpoint-interval-s", "3600"]);
    await_all(&server, &before);
    let text = line(&server, "passed over")["message"].to_string();
    assert!(text.contains("it's damaged: its checksum isn't that of its bytes"), "{text}");
    assert_eq!(line(&server, "reading the log")["from"], "beginning");
    assert_eq!(fs::read(world.file()).unwrap(), bytes, "it stays until there is another one");
}

#[test]
fn a_disk_that_takes_nothing_is_told_and_tried_again() {
    let world = World::new();
    let server = world.server(&[]);
    let feed = Feed::to(&server);
    let tick = |offset| {
        feed.at(0, 1_000_000, "A", r#"{"symbol":"A","price":1}"#);
        server.await_seq("A", offset);
    };
    let more_than = |metric: &str, count: f64| {
        eventually(metric, || match server.metric(metric) {
            value if value > count => Ok(()),
            value => Err(value.to_string()),
        });
    };
    tick(0);
    more_than(WRITTEN, 0.0);
    let elsewhere = world.directory.path().with_extension("elsewhere");
    fs::rename(world.directory.path(), &elsewhere).unwrap();
    tick(1);
    more_than(FAILED, 1.0);
    tick(2);
    assert_eq!(line(&server, "can't be written")["level"], "ERROR");
    fs::rename(&elsewhere, world.directory.path()).unwrap();
    let written = server.metric(WRITTEN);
    more_than(WRITTEN, written);
    line(&server, "checkpoints are written again");
    let lines = server.process.log().iter().filter(|it| it.contains("can't be written")).count();
    assert_eq!(lines, 1, "a disk that is full for long doesn't fill the log as well");
    assert_eq!(names(world.directory.path()), ["state", "state.lock"]);
}

#[test]
fn where_nothing_changes_nothing_is_written() {
    let world = World::new();
    let server = world.server(&[]);
    let feed = Feed::to(&server);
    feed.at(0, 1_000_000, "A", r#"{"symbol":"A","price":1}"#);
    server.await_seq("A", 0);
    world.await_kept("A");
    let pass = || {
        const UNCHANGED: &str = "tickcast_checkpoints_total{result=\"unchanged\"}";
        let before = server.metric(UNCHANGED);
        eventually("an interval passes without a change", || match server.metric(UNCHANGED) {
            now if now > before => Ok(()),
            now => Err(now.to_string()),
        });
        server.metric(WRITTEN)
    };
    let written = pass();
    assert_eq!(pass(), written);
    let now_s = jiff::Timestamp::now().as_second() as f64;
    let newest_s = server.metric("tickcast_checkpoint_last_success_timestamp_seconds");
    assert!((now_s - newest_s).abs() < 60.0, "{newest_s}");
    assert!(server.metric("tickcast_checkpoint_bytes") > 100.0);
}

#[test]
fn two_servers_do_not_share_a_checkpoint() {
    let world = World::new();
    let _server = world.server(&[]);
    let (file, bootstrap) = (world.file(), world.cluster.bootstrap_servers());
    let file = file.to_str().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let (code, log) = run_to_the_end(&[&serve[..], &world.arguments(file, &bootstrap, &[])].concat());
    let expected =
        format!("{file} is another tickcast's checkpoint, which runs: every server needs a file of its own");
    assert_eq!(code, Some(2), "{log:?}");
    assert!(log.last().unwrap().contains(&expected), "{log:?}");
}

#[test]
fn a_checkpoint_without_a_cluster_or_a_directory_is_refused() {
    let (code, log) = run_to_the_end(&["check-config", "--checkpoint", "state"]);
    assert_eq!(code, Some(1));
    assert!(log.concat().contains("the embedded broker keeps nothing"), "{log:?}");
    let nowhere = ["check-config", "--kafka", "localhost:1", "--checkpoint", "/nowhere/state"];
    let (code, log) = run_to_the_end(&nowhere);
    assert_eq!(code, Some(1));
    assert!(log.concat().contains("the directory /nowhere: No such file or directory"), "{log:?}");
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
