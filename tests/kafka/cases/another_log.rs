//! The log becomes another one under a running server: offsets mean something else from then on, which `epoch` tells, and
//! everybody comes to hold what the new log says.

use serde_json::json;

use crate::{
    follower::Follower,
    node::Node,
    reader::read,
    records::{Client, trade},
    server::Server,
    states::States,
};

/// A topic that is looked after every second.
const OFTEN: (&str, &str) = ("topic.metadata.refresh.interval.ms", "1000");

/// Everybody holds what the log says, in sessions that stayed.
#[track_caller]
fn assert_converges(server: &Server, follower: &Follower, expected: &States) {
    server.await_states(expected);
    follower.await_states(expected);
    assert_eq!(follower.seen().sessions, 1, "the session stays");
}

#[test]
fn a_topic_that_is_made_anew_has_another_epoch_and_its_own_symbols() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("anew", 1);
    let records: Vec<_> = (1..=5).map(|size| ("A", trade("A", "1", size))).collect();
    client.publish("anew", 0, "none", &records);
    client.publish("anew", 0, "none", &[("GONE", trade("GONE", "1", 1))]);
    let often = [(OFTEN.0, OFTEN.1.to_owned())];
    let server = Server::ready(&node.plaintext(), "anew", &often, &[]);
    let follower = Follower::start(server.port(), &["/topic/price.stock.*"]);
    assert_converges(&server, &follower, &read(&client, "anew"));
    let (epoch, old) = (server.epoch(), follower.seen().epochs["A"].clone());

    client.delete_topic("anew");
    client.create_topic("anew", 2);
    client.publish("anew", 0, "none", &[("A", trade("A", "7", 7))]);
    client.publish("anew", 1, "none", &[("B", trade("B", "8", 8))]);

    assert_converges(&server, &follower, &read(&client, "anew"));
    server.await_state("A", "seq", &json!(0));
    assert_ne!(server.epoch(), epoch);
    let seen = follower.seen();
    assert_ne!(seen.epochs["A"], old);
    assert_eq!(seen.delisted.iter().collect::<Vec<_>>(), ["GONE"]);
    drop(seen);
    // The new log is read on as the old one was.
    client.publish("anew", 0, "none", &[("A", trade("A", "9", 9))]);
    assert_converges(&server, &follower, &read(&client, "anew"));
}

#[test]
fn a_log_that_is_cut_off_has_another_epoch_and_is_believed() {
    let Some(node) = Node::own() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("cut", 2);
    // One batch a call; the other partition keeps its log.
    for size in 1..=4 {
        client.publish("cut", 0, "none", &[("A", trade("A", "1", size))]);
    }
    client.publish("cut", 0, "none", &[("GONE", trade("GONE", "1", 1))]);
    client.publish("cut", 1, "none", &[("B", trade("B", "1", 1))]);
    let often = [(OFTEN.0, OFTEN.1.to_owned())];
    let server = Server::ready(
        &node.plaintext(),
        "cut",
        &often,
        &["--log-level", "info,tickcast=debug,rdkafka=debug"],
    );
    let follower = Follower::start(server.port(), &["/topic/price.stock.*"]);
    assert_converges(&server, &follower, &read(&client, "cut"));
    let epoch = server.epoch();
    assert_eq!(follower.seen().epochs["A"], epoch);

    node.stop();
    node.partition("cut", 0).truncate_to(2);
    node.start();
    assert_eq!(client.watermarks("cut", 0), (0, 2));
    // Other records at the offsets of those that are gone.
    client.publish("cut", 0, "none", &[("A", trade("A", "5", 50))]);

    assert_converges(&server, &follower, &read(&client, "cut"));
    let now = server.epoch();
    assert_ne!(now, epoch);
    let seen = follower.seen();
    // A log has one epoch, whichever of its partitions it is that became another.
    assert_eq!([&seen.epochs["A"], &seen.epochs["B"]], [&now, &now]);
    assert_eq!(seen.delisted.iter().collect::<Vec<_>>(), ["GONE"]);
    drop(seen);
    client.publish("cut", 0, "none", &[("A", trade("A", "6", 60))]);
    assert_converges(&server, &follower, &read(&client, "cut"));
}

/// What a server says that begins with the checkpoint of one that ran before the log was cut off, and had grown again by
/// so many records when this one came.
#[track_caller]
fn assert_noticed_at_the_start(topic: &str, grown: u32) {
    let Some(node) = Node::own() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic(topic, 1);
    for size in 1..=4 {
        client.publish(topic, 0, "none", &[("A", trade("A", "1", size))]);
    }
    client.publish(topic, 0, "none", &[("GONE", trade("GONE", "1", 1))]);
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = directory.path().join("checkpoint").display().to_string();
    let more = ["--checkpoint", checkpoint.as_str()];
    let server = Server::ready(&node.plaintext(), topic, &[], &more);
    let epoch = server.epoch();
    server.terminate();
    server.await_end();

    node.stop();
    node.partition(topic, 0).truncate_to(2);
    node.start();
    for size in 1..=grown {
        client.publish(topic, 0, "none", &[("B", trade("B", "5", size))]);
    }

    let server = Server::ready(&node.plaintext(), topic, &[], &more);
    server.await_states(&read(&client, topic));
    assert_ne!(server.epoch(), epoch, "{}", server.log());
    let epoch = server.epoch();
    // It's kept.
    server.terminate();
    server.await_end();
    let server = Server::ready(&node.plaintext(), topic, &[], &more);
    server.await_states(&read(&client, topic));
    assert_eq!(server.epoch(), epoch);
}

#[test]
fn a_log_that_was_cut_off_meanwhile_has_another_epoch() {
    assert_noticed_at_the_start("shorter", 1);
}

#[test]
fn a_log_that_was_cut_off_meanwhile_and_has_grown_again_is_recognized() {
    assert_noticed_at_the_start("regrown", 20);
}
