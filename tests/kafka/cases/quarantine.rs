//! What no tick is, is set aside once, whatever becomes of the server and of the quarantine topic.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    harness::eventually,
    node::Node,
    records::{Client, trade},
    server::Server,
    stomp::Session,
};

/// What `tickcast feed quarantine --json` says, and its last line.
fn quarantine(node: &Node, topic: &str, more: &[&str]) -> Result<(Vec<Value>, String), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_tickcast"))
        .args(["feed", "quarantine", "--kafka", &node.plaintext(), "--topic", topic, "--json"])
        .args(more)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    if !output.status.success() {
        return Err(text(&output.stderr));
    }
    let lines = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Ok((lines, text(&output.stderr)))
}

/// Waits until so many records are set aside: their offsets, and the line that counts copies.
fn await_set_aside(node: &Node, topic: &str, count: usize) -> (Vec<Value>, String) {
    eventually(&format!("{count} records of {topic} are set aside"), || {
        let (lines, told) = quarantine(node, topic, &[])?;
        if lines.len() == count {
            Ok((lines.iter().map(|line| line["offset"].clone()).collect(), told))
        } else {
            Err(format!("{lines:?}"))
        }
    })
}

#[test]
fn a_restart_from_the_beginning_sets_nothing_aside_twice() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("rebuilt", 1);
    client.create_topic("rebuilt.quarantine", 2);
    client.publish("rebuilt", 0, "none", &[("A", "{".to_owned()), ("B", "[]".to_owned())]);
    let server = Server::ready(&node.plaintext(), "rebuilt", &[], &[]);
    await_set_aside(&node, "rebuilt", 2);
    drop(server);

    client.publish("rebuilt", 0, "none", &[("A", "1".to_owned()), ("A", trade("A", "1", 1))]);
    let server = Server::ready(&node.plaintext(), "rebuilt", &[], &[]);
    server.await_state("A", "seq", &json!(3));
    let (mut offsets, told) = await_set_aside(&node, "rebuilt", 3);
    offsets.sort_by_key(Value::as_u64);
    assert_eq!(offsets, [json!(0), json!(1), json!(2)]);
    assert_eq!(told, "3 records set aside, 0 of them dealt with\n", "no copies");
}

#[test]
fn a_missing_topic_stops_nothing_and_is_used_once_it_is_there() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("unguarded", 1);
    let server = Server::ready(&node.plaintext(), "unguarded", &[], &[]);
    client.publish("unguarded", 0, "none", &[("A", "{".to_owned()), ("A", trade("A", "1", 1))]);
    server.await_state("A", "seq", &json!(1));
    assert!(quarantine(&node, "unguarded", &[]).unwrap_err().contains("doesn't exist"));

    client.create_topic("unguarded.quarantine", 1);

    let (offsets, _) = await_set_aside(&node, "unguarded", 1);
    assert_eq!(offsets, [json!(0)]);
}

#[test]
fn what_is_published_again_reaches_a_subscriber() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("misread", 1);
    client.create_topic("misread.quarantine", 1);
    let wrong = Server::ready(&node.plaintext(), "misread", &[], &["--tick-format", "protobuf"]);
    client.publish("misread", 0, "none", &[("A", trade("A", "1.5", 7))]);
    await_set_aside(&node, "misread", 1);
    drop(wrong);
    let server = Server::ready(&node.plaintext(), "misread", &[], &[]);
    let mut session = Session::connect(&server);
    session.subscribe("/topic/price.stock.A");
    assert_eq!(session.frame().headers["seq"], "0");

    let (done, _) = quarantine(&node, "misread", &["--republish"]).unwrap();

    assert_eq!((&done[0]["outcome"], &done[0]["to"]["offset"]), (&json!("republished"), &json!(1)));
    let update = session.frame();
    assert_eq!((update.headers["type"].as_str(), update.headers["seq"].as_str()), ("update", "1"));
    assert!(quarantine(&node, "misread", &["--republish"]).unwrap().0.is_empty(), "it's done");
}
