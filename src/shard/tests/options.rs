//! What a SUBSCRIBE may ask for: how often, every tick, a part, only what changed; and what is told beside prices.

use std::sync::Arc;

use super::world::{Client, World, subscribe};
use crate::{
    recordings::Recordings,
    session::{CloseReason, FrameRate, Settings},
    shard::{Output, Shard},
};

fn effective(world: &mut World, client: &Client) -> String {
    let frames = world.read_in_full(client);
    let receipt = frames.iter().find(|frame| frame.starts_with("RECEIPT")).expect("a receipt");
    let headers = receipt.lines().filter(|line| line.starts_with("effective-"));
    headers.collect::<Vec<_>>().join(" ")
}

/// The body of the one message that there is.
fn body(world: &mut World, client: &Client) -> String {
    let frames = world.read_in_full(client);
    let [frame] = &frames[..] else { panic!("{frames:?}") };
    frame.split_once("\n\n").expect("a body").1.trim_end_matches('\0').to_owned()
}

#[test]
fn a_rate_is_kept_and_the_last_state_follows() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "max-rate:4\n"));
    assert_eq!(world.read(&client), ["1 A snapshot 1 0"]);
    for ordinal in 2..=5 {
        world.rest(50);
        world.publish(&[(0, "A", ordinal)]);
        assert_eq!(world.read(&client), [""; 0]);
    }
    let parked = client.writer.count();
    world.rest(49);
    assert_eq!(client.writer.count(), parked);
    world.rest(1);
    assert_eq!(client.writer.count(), parked + 1, "who has rested is woken");
    assert_eq!(world.read(&client), ["1 A update 5 3"]);
    world.rest(10_000);
    world.publish(&[(0, "A", 6)]);
    assert_eq!(world.read(&client), ["1 A update 6 0"], "a quiet symbol needn't wait");
    assert!(world.shard.next_expiry().is_some());
    world.shard.forget(client.key, world.now);
    assert_eq!(world.shard.next_expiry(), None);
}

#[test]
fn the_receipt_tells_what_is_in_force() {
    let mut world = World::with(Settings {
        max_rate: "10".parse().unwrap(),
        frame_rate: FrameRate { frames_per_s: 1e6, burst: 1e6 },
        ..Settings::default()
    });
    let client = world.connect();
    for (id, asked, expected) in [
        (1, "", "effective-mode:latest effective-max-rate:10"),
        (2, "max-rate:0.5\n", "effective-mode:latest effective-max-rate:0.5"),
        (3, "max-rate:50\nmode:latest\n", "effective-mode:latest effective-max-rate:10"),
    ] {
        world.send(&client, &subscribe(id, "A", &format!("receipt:r\n{asked}")));
        assert_eq!(effective(&mut world, &client), expected);
    }
    world.send(&client, &subscribe(4, "A", "receipt:r\nmode:every\n"));
    assert_eq!(world.read(&client), [""; 0], "ingest doesn't record yet");
    world.record(&[]);
    assert_eq!(effective(&mut world, &client), "effective-mode:every effective-max-rate:unlimited");
}

#[test]
fn a_rate_of_every_tick_is_refused_as_it_was_written() {
    let mut world = World::new();
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "mode:every\nmax-rate:9999.50\n"));
    let said = world.read_in_full(&client);
    let detail = "max-rate:9999.50 isn't possible here; allowed: unlimited, in mode every\0";
    assert!(said[0].ends_with(detail), "{said:?}");
}

#[test]
fn every_tick_comes_in_order_after_the_snapshot() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "mode:every\n"));
    assert!(!world.accepts_input(&client), "answers come in order");
    world.publish(&[(0, "A", 3)]);
    world.record(&[(0, "A", 4), (0, "A", 5)]);
    assert!(world.accepts_input(&client));
    assert_eq!(world.read(&client), ["1 A snapshot 5 0"]);
    world.record(&[(0, "A", 6), (0, "A", 7), (0, "A", 8)]);
    assert_eq!(world.read(&client), ["1 A update 6 0", "1 A update 7 0", "1 A update 8 0"]);
    world.check_routes();
    world.send(&client, "UNSUBSCRIBE\nid:1\n\n");
    assert_eq!(world.recorded_no_longer(), ["A"]);
    world.record(&[(0, "A", 9)]);
    assert_eq!(world.read(&client), [""; 0]);
}

#[test]
fn what_only_a_lost_session_wanted_is_recorded_no_longer() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1), (1, "B", 1)]);
    let (client, other) = (world.connect(), world.connect());
    world.send(&client, &subscribe(1, "A", "mode:every\n"));
    world.record(&[]);
    // This one is still to begin.
    world.send(&client, &subscribe(2, "*", "mode:every\n"));
    world.send(&other, &subscribe(1, "B", "mode:every\n"));
    let changes = world.recordings.changes().expect("two have asked");
    assert!(changes.all);
    world.shard.forget(client.key, world.now);
    world.shard.recorded_up_to(changes.ticket, world.now);
    assert_eq!(world.recorded_no_longer(), ["A"]);
    world.shard.forget(other.key, world.now);
    assert_eq!(world.recorded_no_longer(), ["B"]);
}

#[test]
fn a_symbol_that_is_listed_again_has_its_snapshot_before_its_ticks() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "mode:every\n"));
    world.record(&[]);
    world.delist(0, "A", 2);
    assert_eq!(world.read(&client), [""; 0]);
    world.record(&[(0, "A", 3)]);
    world.record(&[(0, "A", 4)]);
    assert_eq!(world.read(&client), ["1 A snapshot 4 0"]);
    world.record(&[(0, "A", 5)]);
    assert_eq!(world.read(&client), ["1 A update 5 0"]);
}

#[test]
fn who_wants_every_tick_of_a_feed_that_has_not_begun_need_not_wait() {
    let mut world = World::new();
    let recordings = Arc::<Recordings>::default();
    world.shard = Shard::new(Arc::default(), Arc::clone(&recordings), world.now);
    world.recordings = recordings;
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "mode:every\nreceipt:r\n"));
    assert!(world.accepts_input(&client));
    world.record(&[(0, "A", 1), (0, "A", 2)]);
    assert_eq!(world.read(&client), ["RECEIPT r", "1 A update 1 0", "1 A update 2 0"]);
}

#[test]
fn every_tick_of_a_wildcard_has_new_symbols_from_their_first() {
    let mut world = World::new();
    let client = world.connect();
    world.send(&client, &subscribe(1, "A*", "mode:every\n"));
    world.record(&[]);
    world.record(&[(0, "AB", 1), (0, "AB", 2)]);
    world.record(&[(1, "B", 1)]);
    assert_eq!(world.read(&client), ["1 AB update 1 0", "1 AB update 2 0"]);
}

#[test]
fn who_cannot_hold_every_tick_is_closed_and_nobody_else() {
    let mut world = World::with(Settings { every_ticks_max: 3, ..Settings::default() });
    world.publish(&[(0, "A", 1)]);
    let (client, other) = (world.connect(), world.connect());
    world.send(&client, &subscribe(1, "A", "mode:every\nsnapshot:false\n"));
    world.send(&other, &subscribe(1, "A", "snapshot:false\n"));
    world.record(&[]);
    world.record(&[(0, "A", 2), (0, "A", 3), (0, "A", 4)]);
    world.record(&[(0, "A", 5)]);
    assert_eq!(world.read(&client), ["CLOSE 4500 mode every: more ticks wait than can be held"]);
    assert_eq!(world.read(&other), ["1 A update 5 3"]);

    let (lost, waiting) = (world.connect(), world.connect());
    world.send(&lost, &subscribe(1, "A", "mode:every\nsnapshot:false\n"));
    world.record(&[]);
    world.send(&waiting, &subscribe(1, "A", "mode:every\n"));
    world.shard.lose_ticks(world.now);
    world.record(&[]);
    assert_eq!(world.read(&waiting), ["1 A snapshot 5 0"]);
    assert_eq!(world.read(&lost), ["CLOSE 4500 mode every: more ticks wait than can be held"]);
    assert_eq!(world.read(&other), [""; 0]);
}

#[test]
fn a_session_that_ends_while_it_waits_for_ticks_leaves_nothing() {
    let mut world = World::new();
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "mode:every\nreceipt:r\n"));
    world.shard.close_all(world.now, CloseReason::Shutdown);
    world.record(&[(0, "A", 1)]);
    assert_eq!(world.read(&client), ["CLOSE 1001 server shuts down"], "nothing follows a close");
    world.shard.forget(client.key, world.now);
    world.check_routes();
    world.record(&[(0, "A", 2)]);
}

#[test]
fn a_snapshot_is_sent_once_and_its_id_is_free() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1), (1, "AB", 2), (2, "B", 3)]);
    world.delist(2, "B", 4);
    let client = world.connect();
    let ask = |symbols: &str| format!("SUBSCRIBE\nid:1\ndestination:/app/snapshot.{symbols}\nreceipt:r\n\n");
    for (symbols, expected) in [
        ("A", &["RECEIPT r", "1 A snapshot 1 0"][..]),
        ("*", &["RECEIPT r", "1 A snapshot 1 0", "1 AB snapshot 2 0"]),
        ("AB*", &["RECEIPT r", "1 AB snapshot 2 0"]),
        ("B", &["RECEIPT r"]),
        ("X", &["RECEIPT r"]),
    ] {
        world.send(&client, &ask(symbols));
        assert_eq!(world.read(&client), expected, "{symbols}");
        assert_eq!(world.shard.subscriptions().exact, 0);
    }
    world.publish(&[(0, "A", 5)]);
    assert_eq!(world.read(&client), [""; 0]);
    world.check_routes();
}

#[test]
fn snapshots_of_every_symbol_that_are_not_over_count_as_wildcards() {
    let mut world = World::with(Settings { wildcards_max: 2, ..Settings::default() });
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    let ask = |id: usize| format!("SUBSCRIBE\nid:{id}\ndestination:/app/snapshot.*\n\n");
    (1..=2).for_each(|id| world.send(&client, &ask(id)));
    assert_eq!(world.read(&client), ["1 A snapshot 1 0", "2 A snapshot 1 0"]);
    world.send(&client, &subscribe(3, "*", ""));
    (4..=5).for_each(|id| world.send(&client, &ask(id)));
    assert_eq!(world.read(&client), ["ERROR too many subscriptions", "CLOSE 4005 too many subscriptions"]);
}

#[test]
fn who_listens_for_errors_hears_of_a_symbol_that_is_not_there() {
    let mut world = World::new();
    let client = world.connect();
    world.send(&client, "SUBSCRIBE\nid:e\ndestination:/user/queue/errors\n\n");
    world.send(&client, "SUBSCRIBE\nid:1\ndestination:/app/snapshot.X\n\n");
    assert_eq!(body(&mut world, &client), r#"{"error":"unknown symbol","destination":"/app/snapshot.X"}"#);
}

#[test]
fn the_feeds_status_is_told_at_once_and_when_it_changes() {
    let mut world = World::new();
    let client = world.connect();
    world.send(&client, "SUBSCRIBE\nid:f\ndestination:/topic/feed.status\n\n");
    assert_eq!(body(&mut world, &client), r#"{"status":"live"}"#);
    let parked = client.writer.count();
    for status in ["stale", "lagging", "recovered"] {
        world.shard.set_feed_status(format!(r#"{{"status":"{status}"}}"#).into());
    }
    assert_eq!(client.writer.count(), parked + 1);
    let frames = world.read_in_full(&client);
    let head = "MESSAGE\nsubscription:f\ntype:update\nmessage-id:feed-3\ndestination:/topic/feed.status\n";
    assert_eq!(frames.len(), 1, "the newest alone: {frames:?}");
    assert!(frames[0].starts_with(head), "{frames:?}");
    world.shard.set_feed_status(r#"{"status":"draining"}"#.into());
    world.shard.close_all(world.now, CloseReason::Shutdown);
    let said = world.read(&client);
    assert_eq!(said, ["MESSAGE", "CLOSE 1001 server shuts down"]);
}

#[test]
fn a_slow_socket_is_told_so_and_when_it_is_over() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    world.send(&client, "SUBSCRIBE\nid:s\ndestination:/user/queue/session\nsnapshot:false\n\n");
    world.send(&client, &subscribe(1, "A", ""));
    assert_eq!(world.take(&client).0, Output::Ready);
    world.publish(&[(0, "A", 2)]);
    world.rest(4_000);
    let frames = world.read_in_full(&client);
    assert!(frames[0].ends_with("{\"status\":\"conflated\",\"effective_rate\":0.25}\0"), "{frames:?}");
    assert_eq!(frames.len(), 2);
    world.rest(900);
    assert_eq!(world.pass(0), [0; 0]);
    assert_eq!(world.read(&client), [""; 0], "it may be slow again in a moment");
    assert_eq!(world.pass(1), [0; 0]);
    assert_eq!(body(&mut world, &client), r#"{"status":"recovered"}"#);
}

#[test]
fn a_part_of_a_state_is_sent_when_it_changed() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "fields:price,bid\n"));
    assert_eq!(body(&mut world, &client), r#"{"price":1}"#);
    world.publish(&[(0, "A", 2)]);
    assert_eq!(world.read(&client), [""; 0], "the price is the same");
    world.delist(0, "A", 3);
    assert_eq!(world.read(&client), ["1 A delisted 3 1"], "what wasn't worth a message is counted");
    world.publish(&[(0, "A", 4)]);
    assert_eq!(body(&mut world, &client), r#"{"price":1}"#);
}

#[test]
fn a_delta_is_what_changed_since_the_last_message() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "delta:true\n"));
    assert_eq!(body(&mut world, &client), r#"{"symbol":"A","price":1,"time_us":0}"#);
    world.publish(&[(0, "A", 2)]);
    assert_eq!(world.read(&client), [""; 0]);
    world.delist(0, "A", 3);
    assert_eq!(body(&mut world, &client), r#"{"price":null}"#);
}
