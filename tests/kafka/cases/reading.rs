//! What is published arrives: in the snapshot and at a subscriber, whatever the listener demands and the codec is,
//! on partitions that came later and after the broker was away.

use serde_json::{Value, json};

use crate::{
    node::Node,
    records::{Client, trade},
    server::Server,
    stomp::Session,
};

#[test]
fn a_tick_is_a_message_whose_seq_is_its_offset() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("plaintext", 1);
    let earlier: Vec<_> = (1..=3).map(|size| ("MSFT", trade("MSFT", "1", size))).collect();
    client.publish("plaintext", 0, "none", &earlier);
    let server = Server::ready(&node.plaintext(), "plaintext", &[], &[]);
    let mut session = Session::connect(&server);
    session.subscribe("/topic/price.stock.AAPL");

    let offsets = client.publish("plaintext", 0, "none", &[("AAPL", trade("AAPL", "189.84", 100))]);

    assert_eq!(offsets, [3]);
    let message = session.frame();
    assert_eq!(message.command, "MESSAGE", "{message:?}");
    assert_eq!(message.headers["seq"], "3");
    assert_eq!(message.headers["message-id"], "0-3");
    assert_eq!(message.headers["destination"], "/topic/price.stock.AAPL");
    let body: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!((&body["price"], &body["size"]), (&json!(189.84), &json!(100)));
    let state = server.await_state("AAPL", "seq", &json!(3));
    assert_eq!(state["price"], json!(189.84));
    server.await_state("MSFT", "seq", &json!(2));
}

#[test]
fn every_codec_is_read_through_tls_and_scram() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.secure(), &node.secure_properties());
    client.create_topic("secure", 1);
    for (codec, number) in [("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)] {
        // Repetitive enough that the producer keeps the compressed form.
        let records: Vec<_> = (1..=50).map(|size| (codec, trade(codec, "2.5", size))).collect();
        client.publish("secure", 0, codec, &records);
        assert_eq!(node.partition("secure", 0).codecs().last(), Some(&number), "{codec}");
    }
    let server = Server::ready(&node.secure(), "secure", &node.secure_properties(), &[]);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let state = server.await_state(codec, "size", &json!(50));
        assert_eq!(state["trades"], json!(50), "{codec}");
    }
}

#[test]
fn partitions_added_while_running_are_read() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("growing", 1);
    let often = [("topic.metadata.refresh.interval.ms", "1000".to_owned())];
    let server = Server::ready(&node.plaintext(), "growing", &often, &[]);
    client.publish("growing", 0, "none", &[("A", trade("A", "1", 1))]);
    server.await_state("A", "size", &json!(1));

    client.grow_topic("growing", 3);
    client.publish("growing", 2, "none", &[("B", trade("B", "2", 2))]);

    server.await_state("B", "size", &json!(2));
    server.await_state("A", "size", &json!(1));
}

#[test]
fn serving_goes_on_while_the_broker_is_away_and_reading_when_it_is_back() {
    let Some(node) = Node::own() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("restart", 1);
    client.publish("restart", 0, "none", &[("A", trade("A", "1", 1))]);
    let server = Server::ready(&node.plaintext(), "restart", &[], &[]);
    server.await_state("A", "seq", &json!(0));
    let mut session = Session::connect(&server);
    session.subscribe("/topic/price.stock.A");
    assert_eq!(session.frame().headers["type"], "snapshot");

    node.stop();
    server.await_state("A", "seq", &json!(0));
    node.start();
    client.publish("restart", 0, "none", &[("A", trade("A", "2", 2))]);

    let message = session.frame();
    assert_eq!((message.headers["type"].as_str(), message.headers["seq"].as_str()), ("update", "1"));
    let state = server.await_state("A", "seq", &json!(1));
    assert_eq!((&state["price"], &state["trades"]), (&json!(2), &json!(2)));
}
