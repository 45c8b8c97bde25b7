//! One write a flush: however many prices are due when a socket is asked, they go to the kernel together.

use crate::{
    support::{Client, Feed, Server},
    tls::Secured,
};

const WRITES: &str = "tickcast_writes_total{transport=\"websocket\"}";
const MESSAGES: &str = "tickcast_messages_sent_total{transport=\"websocket\"}";

#[test]
fn each_flush_is_one_write() {
    check(&Server::ready(&[]));
}

#[test]
fn under_tls_too_each_flush_is_one_write() {
    check(&Secured::start(&[]).server);
}

fn check(server: &Server) {
    let feed = Feed::to(server);
    let mut client = Client::connect(server);
    // The answers to CONNECT and to SUBSCRIBE. That to the upgrade is no session's.
    client.subscribe("all", "*");
    server.await_metric(WRITES, 2.0);
    for done in 1..=5 {
        let seq = feed.tick("A", r#""price":1"#);
        assert_eq!(client.frame().seq(), seq);
        server.await_metric(WRITES, f64::from(2 + done));
    }
    // Where a batch from Kafka ends isn't known here, nor in how many of them the ticks come; each is one write.
    let symbols: Vec<String> = (0..200).map(|number| format!("S{number:03}")).collect();
    let last = feed.round(&symbols, 1);
    client.frames_until(|frame| frame.seq() == last);
    server.await_metric(MESSAGES, 205.0);
    let writes = server.metric(WRITES) - 7.0;
    assert!((1.0..100.0).contains(&writes), "{writes} writes for 200 messages");
}
