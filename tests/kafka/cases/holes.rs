//! Logs with holes: by transactions, by compaction, by deleted records. What was taken away is never shown, and no hole
//! keeps a server from being ready.

use rdkafka::admin::{NewTopic, TopicReplication};
use serde_json::json;

use crate::{
    follower::Follower,
    harness::eventually,
    node::Node,
    reader::{count, read},
    records::{Client, End, trade},
    server::Server,
};

#[test]
fn what_a_transaction_aborts_is_never_shown_and_its_marker_may_end_the_log() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("transacted", 1);
    client.transact("transacted", 0, &[("A", trade("A", "1", 1))], End::Commit);
    client.transact(
        "transacted",
        0,
        &[("A", trade("A", "2", 2)), ("GHOST", trade("GHOST", "2", 2))],
        End::Abort,
    );
    let expected = read(&client, "transacted");
    assert_eq!(expected.keys().collect::<Vec<_>>(), ["A"]);
    // The log ends in a marker, which is written when the transaction is over.
    client.await_end("transacted", 0, 5);

    let server = Server::ready(&node.plaintext(), "transacted", &[], &[]);
    let follower = Follower::start(server.port(), &["/topic/price.stock.*"]);
    server.await_states(&expected);
    follower.await_states(&expected);

    client.transact("transacted", 0, &[("GHOST", trade("GHOST", "3", 3))], End::Abort);
    client.transact("transacted", 0, &[("A", trade("A", "4", 4))], End::Commit);
    follower.await_states(&read(&client, "transacted"));
    server.await_state("A", "size", &json!(4));
    assert!(!follower.seen().epochs.contains_key("GHOST"), "an aborted tick was shown");
}

#[test]
fn a_compacted_log_is_read_over_its_holes() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    let topic = NewTopic::new("compacted", 1, TopicReplication::Fixed(1))
        .set("cleanup.policy", "compact")
        .set("segment.ms", "1")
        .set("min.cleanable.dirty.ratio", "0.001");
    client.create(&topic);
    for round in 1..=10 {
        let records = ["A", "B", "C"].map(|symbol| (symbol, trade(symbol, "1.5", round)));
        client.publish("compacted", 0, "none", &records);
    }
    // The newest segment is left as it is: a record of each symbol there, and maybe one before.
    eventually("the log is compacted", || match count(&client, "compacted") {
        count if count <= 6 => Ok(()),
        count => Err(format!("{count} records")),
    });
    client.transact("compacted", 0, &[("C", trade("C", "9", 9))], End::Abort);
    client.await_end("compacted", 0, 32);

    let server = Server::ready(&node.plaintext(), "compacted", &[], &[]);

    let expected = read(&client, "compacted");
    assert_eq!(expected.len(), 3);
    server.await_states(&expected);
    server.await_state("A", "seq", &json!(27));
    // A tombstone takes a symbol out of the log, and off the page.
    client.delist("compacted", 0, "B");
    let expected = read(&client, "compacted");
    assert_eq!(expected.keys().collect::<Vec<_>>(), ["A", "C"]);
    server.await_states(&expected);
}

#[test]
fn records_that_are_deleted_before_they_were_read_are_passed_over() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("deleted", 1);
    let publish = |symbol: &str, sizes: std::ops::RangeInclusive<u32>| {
        let records: Vec<_> = sizes.map(|size| (symbol, trade(symbol, "1.5", size))).collect();
        client.publish("deleted", 0, "none", &records);
    };
    publish("OLD", 1..=1);
    publish("A", 1..=4);
    let server = Server::ready(&node.plaintext(), "deleted", &[], &[]);
    let follower = Follower::start(server.port(), &["/topic/price.stock.*"]);
    follower.await_states(&read(&client, "deleted"));
    let epoch = server.epoch();

    // Behind what was read: nothing happens.
    client.delete_records("deleted", 0, 3);
    publish("A", 5..=5);
    server.await_state("A", "size", &json!(5));
    // Past it: the server finds itself before the log's beginning.
    server.pause(true);
    publish("A", 6..=9);
    publish("B", 1..=3);
    client.delete_records("deleted", 0, 11);
    server.pause(false);

    server.await_state("B", "size", &json!(3));
    publish("A", 10..=10);
    server.await_state("A", "size", &json!(10));
    assert_eq!(server.epoch(), epoch, "the log is still the same");
    follower.assert_order();
    assert_eq!(follower.seen().sessions, 1, "the session stays");

    let later = Server::ready(&node.plaintext(), "deleted", &[], &[]);
    let expected = read(&client, "deleted");
    assert_eq!(expected.keys().collect::<Vec<_>>(), ["A", "B"]);
    later.await_states(&expected);
}

#[test]
fn a_log_of_which_everything_was_deleted_is_read_on() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("emptied", 1);
    client.publish("emptied", 0, "none", &[("A", trade("A", "1", 1)), ("B", trade("B", "1", 1))]);
    client.delete_records("emptied", 0, 2);

    let server = Server::ready(&node.plaintext(), "emptied", &[], &[]);

    assert_eq!(server.states().unwrap().len(), 0);
    client.publish("emptied", 0, "none", &[("A", trade("A", "2", 2))]);
    server.await_state("A", "seq", &json!(2));
}

#[test]
fn a_log_whose_end_is_deleted_while_it_is_read_is_read_on() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("overtaken", 1);
    let records: Vec<_> = (1..=20_000).map(|size| ("A", trade("A", "1.5", size))).collect();
    client.publish("overtaken", 0, "none", &records);
    let mut server = Server::start(&node.plaintext(), "overtaken", &[], &[]);
    eventually("the log is read", || {
        let log = server.log();
        if log.contains("reading the log") { Ok(()) } else { Err(log) }
    });
    server.pause(true);
    let (_, end) = client.watermarks("overtaken", 0);
    client.delete_records("overtaken", 0, end);
    server.pause(false);
    server.await_ready();
    client.publish("overtaken", 0, "none", &[("B", trade("B", "2", 7))]);
    server.await_state("B", "size", &json!(7));
}
