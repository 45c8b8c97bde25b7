//! Slow readers: they get fewer, newer states; nobody else notices; what they hold is bounded.

use std::collections::{HashMap, HashSet};

use crate::{
    support::{Client, Feed, Frame, Incoming, Queues, Server, eventually},
    tls::Secured,
};

const SYMBOLS: usize = 250;

/// Times that every symbol ticks. Sent one by one its messages would have about
/// 250 × 80 × 320 B = 6.4 MB.
const ROUNDS: u64 = 80;

const SMALL_WINDOW_BYTES: usize = 8 * 1024;

const SENT_BYTES: &str = "tickcast_sent_bytes_total{transport=\"websocket\"}";
const MESSAGES: &str = "tickcast_messages_sent_total{transport=\"websocket\"}";
const SESSIONS: &str = "tickcast_sessions{transport=\"websocket\"}";
const WILDCARDS: &str = "tickcast_subscriptions{kind=\"wildcard\"}";
const SLOW: &str = "tickcast_sessions_closed_total{reason=\"slow\"}";

fn symbols() -> Vec<String> {
    (0..SYMBOLS).map(|number| format!("S{number:03}")).collect()
}

/// Publishes rounds, and waits after each until the sessions were told of it: so the server folds
/// many batches, not one.
fn rounds(server: &Server, feed: &Feed, symbols: &[String], prices: impl Iterator<Item = u64>) {
    for price in prices {
        let last = feed.round(symbols, price);
        server.await_seq(symbols.last().expect("there are symbols"), last);
    }
}

#[test]
fn a_stalled_client_costs_a_bounded_number_of_bytes_and_then_gets_the_newest_states() {
    // Measured: 32 KiB, a chunk in the kernel and one that waits for it.
    check_stalled(|server| Client::with_receive_buffer(server, SMALL_WINDOW_BYTES), 128 * 1024);
    // Measured: 205 KiB, most of them in the client's own window.
    check_stalled(Client::connect, 512 * 1024);
}

fn check_stalled(connect: impl Fn(&Server) -> Client, accepted_bytes_max: u64) {
    let server = Server::ready(&["--send-deadline-s", "600"]);
    let feed = Feed::to(&server);
    let symbols = symbols();
    rounds(&server, &feed, &symbols, 1..2);
    let mut client = connect(&server);
    client.subscribe("all", "*");
    rounds(&server, &feed, &symbols, 2..ROUNDS / 2);
    let (bytes, messages) = (server.metric(SENT_BYTES), server.metric(MESSAGES));
    assert!(bytes < accepted_bytes_max as f64, "{bytes} bytes were accepted for a client that doesn't read");

    rounds(&server, &feed, &symbols, ROUNDS / 2..ROUNDS + 1);
    assert_eq!(server.metric(SENT_BYTES), bytes, "a full socket takes nothing more");
    assert_eq!(server.metric(MESSAGES), messages);
    server.await_metric("tickcast_slow_sessions", 1.0);

    // The old burst is what the kernel had; then comes the newest state of each symbol, once.
    let mut behind: HashSet<&str> = symbols.iter().map(String::as_str).collect();
    let frames = client.frames_until(|frame| {
        if frame.json()["price"] == ROUNDS {
            behind.remove(frame.symbol());
        }
        behind.is_empty()
    });
    check_told(&frames, &symbols, ROUNDS - 1);
    let after_stall = frames.len() - messages as usize;
    assert!(after_stall <= SYMBOLS, "{after_stall} messages for {SYMBOLS} symbols");
    for frame in &frames[messages as usize..] {
        assert_eq!(frame.json()["price"], ROUNDS, "only the newest state is sent: {frame:?}");
    }
    server.await_metric("tickcast_slow_sessions", 0.0);
}

#[test]
fn under_tls_too_what_a_client_does_not_take_is_in_the_kernel() {
    const WAITING_BYTES: f64 = 4e3;
    /// What makes bytes a record, about 22 for each chunk; the kernel counts them.
    const RECORDS_BYTES: f64 = 2e3;
    let Secured { server, .. } = &Secured::start(&["--send-deadline-s", "600"]);
    let feed = Feed::to(server);
    let symbols = symbols();
    rounds(server, &feed, &symbols, 1..2);
    let mut client = Client::with_receive_buffer(server, SMALL_WINDOW_BYTES);
    client.subscribe("all", "*");
    let mut told = 0;
    client.frames_until(|_| {
        told += 1;
        told == SYMBOLS
    });
    let before = server.metric(SENT_BYTES);
    rounds(server, &feed, &symbols, 2..ROUNDS);
    let sent = server.metric(SENT_BYTES) - before;
    let messages = server.metric(MESSAGES) as usize - SYMBOLS;
    assert!((16e3..128e3).contains(&sent), "{sent} bytes were accepted for a client that doesn't read");
    eventually("what was handed over is in the kernel", || {
        let waiting = server.metric(SENT_BYTES) - before - Queues::of(server.address).bytes() as f64;
        let is_little = (-RECORDS_BYTES..WAITING_BYTES).contains(&waiting);
        if is_little { Ok(()) } else { Err(format!("{waiting} of {sent} bytes wait in the server")) }
    });
    rounds(server, &feed, &symbols, ROUNDS..ROUNDS + 1);
    assert_eq!(server.metric(SENT_BYTES) - before, sent, "a full socket takes nothing more");
    let mut behind: HashSet<&str> = symbols.iter().map(String::as_str).collect();
    let frames = client.frames_until(|frame| {
        if frame.json()["price"] == ROUNDS {
            behind.remove(frame.symbol());
        }
        behind.is_empty()
    });
    assert_eq!(frames.len(), messages + SYMBOLS, "what was handed over, and the newest states");
}

/// For each symbol: rising `seq`, the newest state last, and every one of `ticks` since the snapshot
/// delivered or counted as conflated.
fn check_told(frames: &[Frame], symbols: &[String], ticks: u64) {
    let mut told: HashMap<&str, Vec<&Frame>> = HashMap::new();
    for frame in frames {
        told.entry(frame.symbol()).or_default().push(frame);
    }
    assert_eq!(told.len(), symbols.len());
    for (symbol, frames) in told {
        assert!(frames.windows(2).all(|pair| pair[0].seq() < pair[1].seq()), "{symbol}: seq rises");
        assert_eq!(frames[0].expect("type"), "snapshot", "{symbol}");
        assert_eq!(frames.last().expect("it was told").json()["price"], ROUNDS, "{symbol}");
        let first_price = frames[0].json()["price"].as_u64().expect("prices are whole here");
        let counted: u64 = frames[1..].iter().map(|frame| 1 + frame.conflated()).sum();
        // The snapshot is of the moment when it was sent, so that it stands for the ticks before it.
        assert_eq!(counted + first_price - 1, ticks, "{symbol}: {frames:?}");
    }
}

#[test]
fn what_was_owed_to_a_subscription_does_not_come_after_its_end() {
    let server = Server::ready(&["--send-deadline-s", "600"]);
    let feed = Feed::to(&server);
    let symbols = symbols();
    rounds(&server, &feed, &symbols, 1..2);
    let mut client = Client::with_receive_buffer(&server, SMALL_WINDOW_BYTES);
    client.subscribe("kept", "*");
    // Without a receipt, which would come among the snapshots of the first.
    client.send("SUBSCRIBE\nid:gone\ndestination:/topic/price.stock.*\n\n\0");
    let mut snapshots = 0;
    client.frames_until(|frame| {
        snapshots += usize::from(frame.header("type") == Some("snapshot"));
        snapshots == 2 * SYMBOLS
    });
    rounds(&server, &feed, &symbols, 2..ROUNDS + 1);
    server.await_metric("tickcast_slow_sessions", 1.0);
    client.send("UNSUBSCRIBE\nid:gone\nreceipt:ended\n\n\0");
    server.await_metric(WILDCARDS, 1.0);

    let is_newest =
        |frame: &Frame, id| frame.header("subscription") == Some(id) && frame.json()["price"] == ROUNDS;
    let before = client.frames_until(|frame| frame.command == "RECEIPT");
    let told = before.iter().filter(|frame| is_newest(frame, "gone")).count();
    assert!(told < SYMBOLS, "all {told} had been told already: nothing was owed");
    let mut behind: HashSet<&str> = symbols.iter().map(String::as_str).collect();
    for frame in before.iter().filter(|frame| is_newest(frame, "kept")) {
        behind.remove(frame.symbol());
    }
    assert!(!behind.is_empty(), "nothing was owed to the other");
    let after = client.frames_until(|frame| {
        if is_newest(frame, "kept") {
            behind.remove(frame.symbol());
        }
        behind.is_empty()
    });
    for frame in &after {
        assert_eq!(frame.expect("subscription"), "kept", "after the receipt: {frame:?}");
    }
    // Nor later: of one more tick there is one MESSAGE.
    let last = feed.tick(&symbols[0], r#""price":7"#);
    let frames = client.frames_until(|frame| frame.seq() == last);
    assert!(frames.iter().all(|frame| frame.expect("subscription") == "kept"), "{frames:?}");
    client.send("UNSUBSCRIBE\nid:kept\nreceipt:all\n\n\0");
    assert_eq!(client.frame().expect("receipt-id"), "all");
}

#[test]
fn stalled_clients_delay_nobody_and_hold_little_memory() {
    const STALLED: usize = 20;
    let server = Server::ready(&["--send-deadline-s", "600"]);
    let feed = Feed::to(&server);
    let symbols = symbols();
    let mut reader = Client::connect(&server);
    reader.subscribe("all", "*");
    let stalled: Vec<Client> = (0..STALLED)
        .map(|_| {
            let mut client = Client::with_receive_buffer(&server, SMALL_WINDOW_BYTES);
            client.subscribe("all", "*");
            client
        })
        .collect();
    let before_kib = server.process.rss_kib();
    for price in 1..=ROUNDS {
        let last = feed.round(&symbols, price);
        // The one that reads has each round's last tick before the next round begins.
        let frames = reader.frames_until(|frame| frame.seq() == last);
        assert!(frames.len() <= SYMBOLS + 1, "{} messages for a round", frames.len());
    }
    let grown_kib = server.process.rss_kib().saturating_sub(before_kib);
    // Queues of messages would hold 20 × 6.4 MB; the broker's log, in the same process, has 1.5 MB.
    assert!(grown_kib < 32 * 1024, "{grown_kib} KiB more for {STALLED} stalled clients");
    assert_eq!(server.metric(SESSIONS), (STALLED + 1) as f64);
    drop(stalled);
    server.await_metric(SESSIONS, 1.0);
}

#[test]
fn a_client_that_takes_nothing_is_closed_as_slow_and_forgotten() {
    let server = Server::ready(&["--send-deadline-s", "1"]);
    let feed = Feed::to(&server);
    let symbols = symbols();
    let mut reader = Client::connect(&server);
    reader.subscribe("1", &symbols[0]);
    let mut stalled = Client::with_receive_buffer(&server, SMALL_WINDOW_BYTES);
    stalled.subscribe("all", "*");
    server.await_metric(SESSIONS, 2.0);
    let mut price = 0;
    eventually("the stalled client is closed", || {
        price += 1;
        feed.round(&symbols, price);
        match server.metric(SLOW) {
            1.0 => Ok(()),
            other => Err(format!("{other} after {price} rounds")),
        }
    });
    server.await_metric(SESSIONS, 1.0);
    server.await_metric(WILDCARDS, 0.0);
    // What the kernel still had, and then the connection's end.
    while matches!(stalled.next(), Incoming::Frame(_)) {}
    let last = feed.tick(&symbols[0], r#""price":7"#);
    reader.frames_until(|frame| frame.seq() == last);
}

#[test]
fn a_client_that_does_not_read_its_receipts_is_not_read_from() {
    const ASKED: usize = 6_000;
    // 24 MB in all: more than the kernel takes on both sides together.
    const RECEIPT: usize = 4_000;
    // The frame rate is another bound, with tests of its own.
    let unlimited = ["--frame-rate", "1000000", "--frame-burst", "1000000"];
    let server = Server::ready(&[&["--send-deadline-s", "600"][..], &unlimited].concat());
    let before_kib = server.process.rss_kib();
    let mut client = Client::with_receive_buffer(&server, SMALL_WINDOW_BYTES);
    let mut stream = client.stream();
    let asks = std::thread::spawn(move || {
        for number in 0..ASKED {
            let frame = format!("UNSUBSCRIBE\nid:1\nreceipt:{number:0>RECEIPT$}\n\n\0");
            let mut bytes = crate::support::masked_header(0x81, frame.len() as u64);
            bytes.extend(frame.as_bytes());
            std::io::Write::write_all(&mut stream, &bytes).unwrap();
        }
    });
    server.await_metric("tickcast_slow_sessions", 1.0);
    assert!(!asks.is_finished(), "the server takes no more requests than it can answer");
    let grown_kib = server.process.rss_kib().saturating_sub(before_kib);
    assert!(grown_kib < 8 * 1024, "{grown_kib} KiB for unread receipts");
    // Once it reads, every request is answered, in order.
    for number in 0..ASKED {
        assert_eq!(client.frame().expect("receipt-id"), format!("{number:0>RECEIPT$}"));
    }
    asks.join().unwrap();
}
