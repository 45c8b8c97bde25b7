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
            Err(format!("{} are: {told}", lines.len()))
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

#[test]
fn more_than_there_is_room_for_is_set_aside_once_and_a_restart_finds_what_is_new() {
    const FLOOD: usize = 20_000;
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("flooded", 1);
    client.create_topic("flooded.quarantine", 1);
    let bad = |count: usize| vec![("A", "{".to_owned()); count];
    client.publish("flooded", 0, "none", &bad(FLOOD));
    let server = Server::ready(&node.plaintext(), "flooded", &[], &[]);
    await_set_aside(&node, "flooded", FLOOD);
    drop(server);

    client.publish("flooded", 0, "none", &bad(10));
    let _server = Server::ready(&node.plaintext(), "flooded", &[], &[]);
    let (_, told) = await_set_aside(&node, "flooded", FLOOD + 10);
    assert_eq!(told, format!("{} records set aside, 0 of them dealt with\n", FLOOD + 10), "no copies");
}

#[test]
fn what_waits_for_a_topic_outlives_a_kill_behind_a_checkpoint() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("killed", 1);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("checkpoint");
    let flags = ["--checkpoint", file.to_str().unwrap(), "--checkpoint-interval-s", "0.1"];
    let server = Server::ready(&node.plaintext(), "killed", &[], &flags);
    client.publish("killed", 0, "none", &[("A", "{".to_owned()), ("A", trade("A", "1", 1))]);
    server.await_state("A", "seq", &json!(1));
    eventually("a checkpoint has the bad record", || {
        let bytes = std::fs::read(&file).unwrap_or_default();
        if bytes.windows(8).any(|it| it == b"not_json") { Ok(()) } else { Err(bytes.len().to_string()) }
    });
    // It's killed.
    drop(server);
    client.create_topic("killed.quarantine", 1);

    let server = Server::ready(&node.plaintext(), "killed", &[], &flags);

    server.await_state("A", "seq", &json!(1));
    let (offsets, _) = await_set_aside(&node, "killed", 1);
    assert_eq!(offsets, [json!(0)]);
}
