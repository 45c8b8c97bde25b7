//! How the feed is, as clients and the log are told; contract §5.1.

use rdkafka::mocking::MockCluster;

use crate::support::{Client, Feed, Frame, Incoming, Server, eventually, eventually_is};

/// So fast that a test needn't wait, and slow enough for a busy machine to show what comes before.
const FLOOR: [&str; 2] = ["--feed-stale-floor-s", "0.5"];

fn subscribe(client: &mut Client) {
    client.send("SUBSCRIBE\nid:status\ndestination:/topic/feed.status\n\n\0");
}

/// The next message has to be this status, as the first or a later one of its subscription.
#[track_caller]
fn told(client: &mut Client, kind: &str, status: &str) -> Frame {
    let frame = client.frame();
    assert_eq!(
        (frame.command.as_str(), frame.expect("destination"), frame.expect("type")),
        ("MESSAGE", "/topic/feed.status", kind)
    );
    assert_eq!(frame.json()["status"], status, "{frame:?}");
    frame
}

#[test]
fn silence_is_told_and_its_end_and_whoever_comes_is_told_how_it_is() {
    let server = Server::ready(&FLOOR);
    let feed = Feed::to(&server);
    let mut early = Client::connect(&server);
    subscribe(&mut early);
    // Nothing has ever come: there is no price that could be old.
    let live = told(&mut early, "snapshot", "live").json();
    assert!(live["last_tick_us"].is_null() && live["since_us"].is_u64(), "{live}");
    feed.tick("A", r#""price":1"#);
    let stale = told(&mut early, "update", "stale").json();
    let silence_us = stale["since_us"].as_u64().unwrap() - stale["last_tick_us"].as_u64().unwrap();
    assert!(silence_us > 500_000, "{stale}");

    let mut late = Client::connect(&server);
    subscribe(&mut late);
    assert_eq!(told(&mut late, "snapshot", "stale").json(), stale);
    feed.tick("A", r#""price":2"#);
    for client in [&mut early, &mut late] {
        told(client, "update", "recovered");
        told(client, "update", "stale");
    }
    eventually_is("the log tells each change", &(2, 1), || {
        let log = server.process.log();
        let lines = |text| log.iter().filter(|line| line.contains(text)).count();
        (lines("the feed is stale"), lines("the feed has recovered"))
    });
}

#[test]
fn a_broker_that_is_gone_is_a_stale_feed() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("ticks", 1, 1).unwrap();
    let server = Server::ready(&["--kafka", &cluster.bootstrap_servers(), "--feed-stale-floor-s", "2"]);
    let mut client = Client::connect(&server);
    subscribe(&mut client);
    told(&mut client, "snapshot", "live");
    let feed = Feed::to(&server);
    feed.tick("A", r#""price":1"#);
    server.await_seq("A", 0);
    drop(cluster);
    told(&mut client, "update", "stale");
}

#[test]
fn a_server_that_stops_says_so_before_it_closes() {
    let server = Server::ready(&["--workers", "2"]);
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        subscribe(client);
        told(client, "snapshot", "live");
    }
    server.process.signal("TERM");
    for client in &mut clients {
        told(client, "update", "draining");
        assert!(matches!(client.next(), Incoming::Closed(1001, _)));
    }
}

#[test]
fn ticks_that_were_read_from_the_log_are_as_old_as_their_records() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("ticks", 1, 1).unwrap();
    let flags = ["--kafka", &cluster.bootstrap_servers()];
    let before = Server::ready(&flags);
    let feed = Feed::to(&before);
    // A day of the year 2020, one tick a minute.
    for minute in 0..100 {
        feed.at(0, 1_600_000_000_000 + minute * 60_000, "A", r#"{"symbol":"A","price":1}"#);
    }
    before.await_seq("A", 99);
    let after = Server::ready(&flags);
    let mut client = Client::connect(&after);
    let stale = eventually("the feed is stale", || {
        subscribe(&mut client);
        let frame = client.frame();
        client.send("UNSUBSCRIBE\nid:status\nreceipt:done\n\n\0");
        client.frames_until(|frame| frame.command == "RECEIPT");
        if frame.json()["status"] == "stale" { Ok(frame.json()) } else { Err(frame.body) }
    });
    assert_eq!(stale["last_tick_us"], 1_600_000_000_000_000_u64 + 99 * 60_000_000, "{stale}");
    let usual_interval_ms = stale["usual_interval_ms"].as_u64().unwrap();
    assert!((55_000..=60_000).contains(&usual_interval_ms), "{stale}");
}
