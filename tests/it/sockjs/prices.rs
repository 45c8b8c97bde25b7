//! Prices over each transport: the newest states, and no history for those who are slow or not there.

use std::collections::HashSet;

use super::stomp::{Heard, StompClient, TRANSPORTS};
use crate::support::{Feed, Frame, From, Server};

const SYMBOLS: usize = 250;
const ROUNDS: u64 = 60;

fn symbols() -> Vec<String> {
    (0..SYMBOLS).map(|number| format!("S{number:03}")).collect()
}

/// Publishes a round at each price, and waits after each until the sessions were told of it.
fn rounds(server: &Server, feed: &Feed, symbols: &[String], prices: std::ops::RangeInclusive<u64>) {
    for price in prices {
        let last = feed.round(symbols, price);
        server.await_seq(symbols.last().unwrap(), last);
    }
}

fn metric(server: &Server, name: &str, transport: &str) -> f64 {
    server.metric(&format!("tickcast_{name}{{transport=\"{transport}\"}}"))
}

fn prices(frames: &[Frame]) -> HashSet<u64> {
    frames.iter().map(|frame| frame.json()["price"].as_u64().unwrap()).collect()
}

#[test]
fn every_transport_gives_the_snapshot_and_then_updates() {
    // Two threads: the requests of a session come to either of them.
    let server = Server::ready(&["--workers", "2", "--sockjs-legacy-transports"]);
    let feed = Feed::to(&server);
    let mut seq = feed.tick("A", r#""price":1"#);
    server.await_seq("A", seq);
    for transport in TRANSPORTS {
        let mut client = StompClient::connect(&server, transport);
        client.subscribe("A");
        let snapshot = client.frame();
        assert_eq!((snapshot.expect("type"), snapshot.seq()), ("snapshot", seq), "{transport}");
        let writes = metric(&server, "writes_total", transport);
        for _ in 0..3 {
            seq = feed.tick("A", r#""price":2.5"#);
            let update = client.frame();
            assert_eq!((update.expect("type"), update.seq()), ("update", seq), "{transport}");
            assert_eq!(update.json()["price"], 2.5);
        }
        assert_eq!(metric(&server, "sessions", transport), 1.0, "{transport}");
        assert_eq!(metric(&server, "messages_sent_total", transport), 4.0, "{transport}");
        assert!(metric(&server, "sent_bytes_total", transport) > 1000.0, "{transport}");
        let writes = metric(&server, "writes_total", transport) - writes;
        assert!(
            (2.0..=4.0).contains(&writes),
            "{transport}: {writes} writes for three updates, one after the other"
        );
        client.send("DISCONNECT\nreceipt:bye\n\n\0");
        assert_eq!(client.frame().expect("receipt-id"), "bye", "{transport}");
    }
    let ended = TRANSPORTS.len() as f64;
    server.await_metric("tickcast_sessions_closed_total{reason=\"disconnected\"}", ended);
    for transport in TRANSPORTS {
        assert_eq!(metric(&server, "sessions", transport), 0.0, "{transport}");
    }
}

#[test]
fn a_poll_after_a_gap_gets_the_newest_states_only() {
    let server = Server::ready(&["--sockjs-disconnect-delay-s", "600"]);
    let feed = Feed::to(&server);
    let symbols = &symbols()[..20];
    rounds(&server, &feed, symbols, 1..=1);
    let mut client = StompClient::connect(&server, "xhr");
    client.subscribe("*");
    let snapshots = client.frames_until({
        let mut seen = 0;
        move |_| {
            seen += 1;
            seen == 20
        }
    });
    assert_eq!(prices(&snapshots), HashSet::from([1]));
    rounds(&server, &feed, symbols, 2..=ROUNDS);
    let heard = client.poll();
    assert_eq!(heard.len(), symbols.len(), "one answer has what is due at its moment");
    for heard in heard {
        let Heard::Frame(frame) = heard else { panic!("{heard:?} is no price") };
        assert_eq!(frame.json()["price"], ROUNDS);
        assert_eq!(frame.conflated(), ROUNDS - 2, "what wasn't told is counted");
    }
}

#[test]
fn who_asks_for_nothing_costs_no_memory_and_is_not_slow() {
    let server = Server::ready(&["--sockjs-disconnect-delay-s", "600", "--send-deadline-s", "1"]);
    let feed = Feed::to(&server);
    let symbols = symbols();
    rounds(&server, &feed, &symbols, 1..=2);
    let mut clients: Vec<StompClient> = (0..20)
        .map(|_| {
            let mut client = StompClient::connect(&server, "xhr");
            client.subscribe("*");
            client
        })
        .collect();
    let (before_kib, messages) = (server.process.rss_kib(), metric(&server, "messages_sent_total", "xhr"));
    rounds(&server, &feed, &symbols, 3..=ROUNDS);
    let grown_kib = server.process.rss_kib().saturating_sub(before_kib);
    // Queues of messages would hold 20 × 250 × 58 × 320 B = 93 MB; the broker's log, in the same process, has 1 MB.
    assert!(grown_kib < 32 * 1024, "{grown_kib} KiB more for 20 clients that don't ask");
    assert_eq!(metric(&server, "messages_sent_total", "xhr"), messages, "nobody asked");
    assert_eq!(metric(&server, "sessions", "xhr"), 20.0);
    assert_eq!(server.metric("tickcast_slow_sessions"), 0.0);
    for client in &mut clients {
        let mut behind: HashSet<&str> = symbols.iter().map(String::as_str).collect();
        let frames = client.frames_until(|frame| {
            if frame.json()["price"] == ROUNDS {
                behind.remove(frame.symbol());
            }
            behind.is_empty()
        });
        assert!(frames.len() <= 2 * SYMBOLS, "{} messages for {SYMBOLS} symbols", frames.len());
    }
}

#[test]
fn a_slow_stream_gets_fewer_and_newer_states() {
    let server = Server::ready(&["--send-deadline-s", "600"]);
    let feed = Feed::to(&server);
    let symbols = symbols();
    rounds(&server, &feed, &symbols, 1..=1);
    for transport in ["xhr_streaming", "eventsource"] {
        let from = From { receive_buffer: Some(8 * 1024), ..From::default() };
        let mut client = StompClient::connect_from(&server, transport, from);
        client.subscribe("*");
        rounds(&server, &feed, &symbols, 2..=ROUNDS / 2);
        let bytes = metric(&server, "sent_bytes_total", transport);
        assert!(bytes < 128.0 * 1024.0, "{bytes} bytes were accepted for a client that doesn't read");
        rounds(&server, &feed, &symbols, ROUNDS / 2 + 1..=ROUNDS);
        assert_eq!(metric(&server, "sent_bytes_total", transport), bytes, "a full socket takes nothing more");
        server.await_metric("tickcast_slow_sessions", 1.0);
        let sent = metric(&server, "messages_sent_total", transport);

        // The old burst is what the kernel had; then comes the newest state of each symbol, once.
        let mut behind: HashSet<&str> = symbols.iter().map(String::as_str).collect();
        let frames = client.frames_until(|frame| {
            if frame.json()["price"] == ROUNDS {
                behind.remove(frame.symbol());
            }
            behind.is_empty()
        });
        let after = frames.len() - sent as usize;
        assert!(after <= SYMBOLS, "{after} messages for {SYMBOLS} symbols after the stall");
        assert_eq!(prices(&frames[sent as usize..]), HashSet::from([ROUNDS]), "only the newest are sent");
        drop(client);
        server.await_metric(&format!("tickcast_sessions{{transport=\"{transport}\"}}"), 0.0);
    }
}

#[test]
fn an_answer_that_has_enough_is_followed_by_the_next_without_a_loss() {
    let server = Server::ready(&["--sockjs-stream-limit-bytes", "1024"]);
    let feed = Feed::to(&server);
    let mut client = StompClient::connect(&server, "xhr_streaming");
    client.subscribe("A");
    for price in 1..=20 {
        let seq = feed.tick("A", &format!("\"price\":{price}"));
        assert_eq!(client.frame().seq(), seq);
    }
}
