//! The node does what the other cases take for granted: a plain rdkafka consumer reads what was published.

use std::time::Duration;

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

use crate::{
    harness::eventually,
    node::Node,
    records::{Client, trade},
};

#[test]
fn a_plain_consumer_reads_what_was_published_through_tls_and_scram() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.secure(), &node.secure_properties());
    client.create_topic("plain", 1);
    let records: Vec<_> = (0..50).map(|size| ("A", trade("A", "1.5", size))).collect();
    let offsets = client.publish("plain", 0, "zstd", &records);
    assert_eq!(offsets, (0..50).collect::<Vec<_>>());
    assert_eq!(node.partition("plain", 0).codecs(), [4], "one batch, stored with zstd");

    let consumer: BaseConsumer = client.config().set("group.id", "plain").create().unwrap();
    let mut all = TopicPartitionList::new();
    all.add_partition_offset("plain", 0, Offset::Beginning).unwrap();
    consumer.assign(&all).unwrap();
    let last = eventually("the last record is read", || {
        let message =
            consumer.poll(Duration::from_secs(1)).ok_or("nothing yet")?.map_err(|it| it.to_string())?;
        let payload = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
        if message.offset() == 49 { Ok(payload) } else { Err(payload) }
    });
    assert_eq!(last, trade("A", "1.5", 49));
}

#[test]
fn the_secure_listener_refuses_a_wrong_password() {
    let Some(node) = Node::shared() else { return };
    let mut properties = node.secure_properties();
    for (key, value) in &mut properties {
        if *key == "sasl.password" {
            "wrong".clone_into(value);
        }
    }
    let consumer: BaseConsumer = Client::new(&node.secure(), &properties).config().create().unwrap();
    assert!(consumer.fetch_metadata(None, Duration::from_secs(3)).is_err());
}
