//! Starting without what is needed: a topic that isn't there yet, a broker that can't be reached.

use std::time::{Duration, Instant};

use crate::{
    harness::{eventually, free_ports},
    node::Node,
    records::Client,
    server::Server,
};

#[test]
fn a_missing_topic_is_told_by_readyz_until_it_exists() {
    let Some(node) = Node::shared() else { return };
    let often = [("topic.metadata.refresh.interval.ms", "1000".to_owned())];
    let mut server = Server::start(&node.plaintext(), "later", &often, &[]);
    let reason = eventually("/readyz answers 503 with the topic", || match server.get("/readyz") {
        Ok((503, body)) if body.contains("later") => Ok(body),
        other => Err(format!("{other:?}")),
    });
    assert!(reason.contains("topic"), "{reason}");

    Client::new(&node.plaintext(), &[]).create_topic("later", 2);

    server.await_ready();
}

#[test]
fn an_unreachable_broker_ends_the_start_with_code_2_and_its_address() {
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let begun = Instant::now();
    let server = Server::start(&address, "ticks", &[], &["--kafka-deadline-s", "1", "--log-level", "off"]);

    let (status, lines) = server.await_end();

    assert_eq!(status.code(), Some(2), "{lines:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "the deadline of one second holds");
    assert!(matches!(lines.as_slice(), [line] if line.contains(&address)), "{lines:?}");
}

#[test]
fn a_wrong_password_ends_the_start_with_code_2_and_is_logged_nowhere() {
    let Some(node) = Node::shared() else { return };
    let mut properties = node.secure_properties();
    for (key, value) in &mut properties {
        if *key == "sasl.password" {
            "not-alices-secret".clone_into(value);
        }
    }
    let more = ["--kafka-deadline-s", "3", "--log-level", "debug"];
    let server = Server::start(&node.secure(), "ticks", &properties, &more);

    let (status, lines) = server.await_end();

    assert_eq!(status.code(), Some(2), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.contains(&node.secure())), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("not-alices-secret")), "{lines:?}");
}
