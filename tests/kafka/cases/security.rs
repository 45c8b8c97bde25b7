//! Every way to show a broker who one is, by properties alone: each lets the right one in, and what is wrong is told in
//! one line that holds no secret, whatever is logged.

use std::{process::Command, time::Duration};

use serde_json::json;

use crate::{
    harness::eventually,
    node::Node,
    reader::read,
    records::{Client, trade},
    server::Server,
    token::TokenEndpoint,
};

type Properties = Vec<(&'static str, String)>;

/// A server with these properties reads what a plain client wrote.
#[track_caller]
fn assert_reads(node: &Node, topic: &str, kafka: &str, properties: &Properties) {
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic(topic, 1);
    client.publish(topic, 0, "none", &[("A", trade("A", "1.5", 7))]);
    let server = Server::ready(kafka, topic, properties, &[]);
    server.await_state("A", "size", &json!(7));
}

/// A server with these properties ends with a reason that has `expected`; nothing that it logs has a secret.
#[track_caller]
fn assert_refused(kafka: &str, properties: &Properties, expected: &str) -> Vec<String> {
    let mut loud = properties.clone();
    loud.push(("debug", "all".to_owned()));
    let more = ["--kafka-deadline-s", "3", "--log-level", "trace"];
    let server = Server::start(kafka, "ticks", &loud, &more);
    let (status, lines) = server.await_end();
    // The log's writer may still have lines of threads that end.
    let told = lines.iter().find(|line| line.starts_with("error: ")).expect("the error is told");
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.contains(kafka) && told.contains(expected), "{told} should have {expected:?}");
    let secrets = ["sasl.password", "sasl.oauthbearer.client.secret"];
    for (key, value) in properties.iter().filter(|(key, _)| secrets.contains(key)) {
        let told = lines.iter().find(|line| line.contains(value.as_str()));
        assert_eq!(told, None, "the value of {key} is logged");
    }
    lines
}

fn with(properties: &Properties, key: &'static str, value: &str) -> Properties {
    let others = properties.iter().filter(|(other, _)| *other != key).cloned();
    others.chain([(key, value.to_owned())]).collect()
}

#[test]
fn a_password_is_shown_by_plain_and_by_scram() {
    let Some(node) = Node::shared() else { return };
    for (mechanism, topic) in
        [("PLAIN", "by-plain"), ("SCRAM-SHA-256", "by-scram-256"), ("SCRAM-SHA-512", "by-scram-512")]
    {
        let properties = node.password_properties(mechanism);
        assert_reads(&node, topic, &node.secure(), &properties);
        let wrong = with(&properties, "sasl.password", "not-alices-secret");
        assert_refused(&node.secure(), &wrong, "uthentication failed");
    }
}

#[test]
fn a_password_may_come_from_a_file_in_which_it_stays() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic("by-file", 1);
    client.publish("by-file", 0, "none", &[("A", trade("A", "1.5", 7))]);
    let properties = node.password_properties("PLAIN");
    let is_password = |it: &&(&str, String)| it.0 == "sasl.password";
    let (_, password) = properties.iter().find(is_password).unwrap().clone();
    let others: Properties = properties.iter().filter(|it| !is_password(it)).cloned().collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{password}\n")).unwrap();
    let given = format!("sasl.password={}", file.path().display());

    let more = ["--kafka-property-file", &given, "--log-level", "trace"];
    let loud = with(&others, "debug", "all");
    let server = Server::ready(&node.secure(), "by-file", &loud, &more);

    server.await_state("A", "size", &json!(7));
    assert!(!server.log().contains(&password), "the password is logged");
}

#[test]
fn a_certificate_shows_who_the_client_is() {
    let Some(node) = Node::shared() else { return };
    let properties = node.mutual_properties();
    assert_reads(&node, "by-certificate", &node.mutual(), &properties);
    let nobody = properties
        .into_iter()
        .filter(|(key, _)| !key.contains("ssl.certificate") && !key.contains("ssl.key"));
    assert_refused(&node.mutual(), &nobody.collect(), "certificate");
}

#[test]
fn a_broker_whose_certificate_another_signed_is_not_talked_to() {
    let Some(node) = Node::shared() else { return };
    let stranger = node.path("strange-ca.pem").display().to_string();
    let wrong = with(&node.secure_properties(), "ssl.ca.location", &stranger);
    assert_refused(&node.secure(), &wrong, "certificate verify failed");
}

#[test]
fn a_token_is_asked_for_at_its_endpoint_and_again_before_it_expires() {
    let Some(node) = Node::shared() else { return };
    let endpoint = TokenEndpoint::start(Duration::from_secs(5));
    let properties = node.token_properties(&endpoint.url());
    assert_reads(&node, "by-token", &node.oauth(), &properties);
    let server = Server::ready(&node.oauth(), "by-token", &properties, &[]);
    let given = endpoint.given();
    // librdkafka asks at four fifths of a token's life.
    eventually("another token is asked for", || match endpoint.given() {
        now if now > given + 1 => Ok(()),
        now => Err(format!("{now}")),
    });
    let client = Client::new(&node.plaintext(), &[]);
    client.publish("by-token", 0, "none", &[("A", trade("A", "1.5", 8))]);
    server.await_state("A", "size", &json!(8));
}

#[test]
fn a_wrong_secret_gets_no_token_and_a_foreign_token_lets_nobody_in() {
    let Some(node) = Node::shared() else { return };
    let endpoint = TokenEndpoint::start(Duration::from_secs(60));
    let properties = node.token_properties(&endpoint.url());
    let wrong = with(&properties, "sasl.oauthbearer.client.secret", "another-client-secret");
    assert_refused(&node.oauth(), &wrong, "token");
    assert_eq!(endpoint.given(), 0);
    let foreign = TokenEndpoint::start_for(Duration::from_secs(60), "another-audience");
    let properties = node.token_properties(&foreign.url());
    let lines = assert_refused(&node.oauth(), &properties, "SASL authentication error");
    let tokens = foreign.tokens();
    assert!(!tokens.is_empty());
    let told = lines.iter().find(|line| tokens.iter().any(|token| line.contains(token)));
    assert_eq!(told, None, "a token is logged");
}

#[test]
fn feeds_show_who_they_are_in_the_same_ways() {
    let Some(node) = Node::shared() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    let endpoint = TokenEndpoint::start(Duration::from_secs(60));
    let by_token = node.token_properties(&endpoint.url());
    for (topic, kafka, properties) in [
        ("fed-by-token", node.oauth(), by_token),
        ("fed-by-password", node.secure(), node.secure_properties()),
        ("fed-by-certificate", node.mutual(), node.mutual_properties()),
    ] {
        client.create_topic(topic, 1);
        // What would be in the list of processes is in the environment instead.
        let lines: Vec<_> = properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let fed = Command::new(env!("CARGO_BIN_EXE_tickcast"))
            .args(["feed", "simulate", "--kafka", &kafka, "--topic", topic])
            .args(["--symbols", "5", "--rate", "200", "--duration", "0.5"])
            .env("TICKCAST_KAFKA_PROPERTY", lines.join("\n"))
            .output()
            .unwrap();
        assert!(fed.status.success(), "{topic}: {}", String::from_utf8_lossy(&fed.stderr));
        assert_eq!(read(&client, topic).len(), 5, "{topic}");
    }
}
