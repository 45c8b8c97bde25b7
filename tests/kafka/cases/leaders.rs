//! Three brokers: a partition whose leader changes goes on, and one without a leader holds up no other.

use rdkafka::admin::{NewTopic, TopicReplication};
use serde_json::json;

use crate::{
    follower::Follower,
    harness::eventually,
    node::{Node, Quorum},
    reader::read,
    records::{Client, trade},
    server::Server,
};

#[test]
fn a_leader_may_change_and_a_partition_without_leader_holds_up_no_other() {
    let Some(first) = Node::own() else { return };
    let controller = first.controller();
    let join =
        |id| move || Node::of(Quorum::Member { id, controller }, None).expect("there were jars before");
    let (second, third) = std::thread::scope(|scope| {
        let (second, third) = (scope.spawn(join(2)), scope.spawn(join(3)));
        (second.join().unwrap(), third.join().unwrap())
    });
    let client = Client::new(&first.plaintext(), &[]);
    client.await_brokers(3);
    client.create(&NewTopic::new("led", 3, TopicReplication::Variable(&[&[1, 2], &[2, 3], &[3, 1]])));
    client.await_leader("led", 1, 2);
    client.await_leader("led", 2, 3);
    let publish = |partition: i32, price: &str, size| {
        let symbol = format!("P{partition}");
        client.publish("led", partition, "none", &[(&symbol, trade(&symbol, price, size))]);
    };
    for partition in 0..3 {
        publish(partition, "1", 1);
    }
    let server = Server::ready(&first.plaintext(), "led", &[], &[]);
    let follower = Follower::start(server.port(), &["/topic/price.stock.*"]);
    follower.await_states(&read(&client, "led"));

    third.kill();
    client.await_leader("led", 2, 1);
    publish(2, "2", 2);
    server.await_state("P2", "size", &json!(2));

    second.kill();
    client.await_leader("led", 1, -1);
    publish(0, "3", 3);
    publish(2, "3", 3);
    for symbol in ["P0", "P2"] {
        server.await_state(symbol, "size", &json!(3));
    }
    server.await_state("P1", "size", &json!(1));

    // A server that starts now waits for the partition that nobody can read.
    let mut late = Server::start(&first.plaintext(), "led", &[], &[]);
    eventually("/readyz answers 503", || match late.get("/readyz") {
        Ok((503, _)) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    second.start();
    client.await_leader("led", 1, 2);
    publish(1, "4", 4);
    let expected = read(&client, "led");
    follower.await_states(&expected);
    server.await_states(&expected);
    late.await_ready();
    late.await_states(&expected);
    assert_eq!(follower.seen().sessions, 1, "the session stays");
}
