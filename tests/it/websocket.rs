//! WebSocket beneath STOMP: the handshake, close codes, pings, beats; and frame by frame, in the
//! classes of the Autobahn test suite.

mod closing;
mod framing;
mod handshake;
mod messages;
mod raw;
mod text;

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use tungstenite::Message;

use crate::support::{Client, Feed, Incoming, PATIENCE, Server, eventually, masked_header, upgrade};

#[test]
fn what_comes_together_with_the_handshake_is_not_lost() {
    let server = Server::ready(&[]);
    let address = server.address;
    let frame = b"CONNECT\naccept-version:1.2\n\n\0";
    let mut bytes = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    bytes.extend(masked_header(0x81, frame.len() as u64));
    bytes.extend(frame);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&bytes).unwrap();
    let mut answer = String::new();
    while !answer.contains("CONNECTED\nversion:1.2\n") {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).unwrap();
        assert_ne!(length, 0, "the connection ended after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer:?}");
    // RFC 6455 §1.3 has the answer to its own key.
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer:?}");
}

#[test]
fn text_that_is_not_utf_8_is_closed_with_1007() {
    let server = Server::ready(&[]);
    let mut client = Client::connect(&server);
    client.write(&[masked_header(0x81, 2), vec![0xc3, 0x28]].concat()).unwrap();
    assert_eq!(client.close_code(), 1007);
    assert_eq!(client.next(), Incoming::Lost);

    // In a binary message it's STOMP that wants UTF-8.
    let mut client = Client::connect(&server);
    client.send_message(Message::binary(&b"UNSUBSCRIBE\nid:\xc3\x28\n\n\0"[..]));
    assert_eq!(client.frame().expect("message"), "not UTF-8");
    assert_eq!(client.close_code(), 1007);
}

#[test]
fn a_close_is_answered_and_the_connection_ended() {
    let server = Server::ready(&[]);
    let mut client = Client::connect(&server);
    client.send_message(Message::Close(None));
    assert_eq!(client.next(), Incoming::Closed(1000, String::new()));
    assert_eq!(client.next(), Incoming::Lost);
    server.await_metric("tickcast_sessions_closed_total{reason=\"client_closed\"}", 1.0);
    server.await_metric("tickcast_sessions{transport=\"websocket\"}", 0.0);
}

#[test]
fn a_connection_that_breaks_ends_its_session_and_its_subscriptions() {
    let server = Server::ready(&[]);
    let mut client = Client::connect(&server);
    client.subscribe("1", "A");
    client.subscribe("2", "*");
    server.await_metric("tickcast_subscriptions{kind=\"exact\"}", 1.0);
    server.await_metric("tickcast_subscriptions{kind=\"wildcard\"}", 1.0);
    drop(client);
    server.await_metric("tickcast_sessions_closed_total{reason=\"connection_lost\"}", 1.0);
    server.await_metric("tickcast_sessions{transport=\"websocket\"}", 0.0);
    server.await_metric("tickcast_subscriptions{kind=\"exact\"}", 0.0);
    server.await_metric("tickcast_subscriptions{kind=\"wildcard\"}", 0.0);
}

#[test]
fn a_connection_that_breaks_takes_its_open_transaction_with_it() {
    // Who comes next needs the place of who is gone.
    let server = Server::ready(&["--max-connections", "1"]);
    let seq = Feed::to(&server).tick("A", r#""price":1"#);
    server.await_seq("A", seq);
    for round in 1..=3 {
        let mut client = eventually("there is room", || {
            upgrade(&server, &[]).map(|(client, _)| client).map_err(|answer| answer.status().to_string())
        });
        client.say_connect();
        client.send("SUBSCRIBE\nid:1\ndestination:/topic/price.stock.A\nack:client-individual\n\n\0");
        let id = client.frame().expect("ack").to_owned();
        client.send("BEGIN\ntransaction:t\n\n\0");
        client.send(&format!("ACK\nid:{id}\ntransaction:t\nreceipt:in it\n\n\0"));
        // It isn't open any more from the round before, or BEGIN would be an ERROR.
        assert_eq!(client.frame().expect("receipt-id"), "in it");
        server.await_metric("tickcast_subscriptions{kind=\"exact\"}", 1.0);
        // The connection breaks within a frame.
        client.send("COMMIT\ntransaction:t\n");
        drop(client);
        server.await_metric("tickcast_sessions_closed_total{reason=\"connection_lost\"}", f64::from(round));
        server.await_metric("tickcast_subscriptions{kind=\"exact\"}", 0.0);
        server.await_metric("tickcast_sessions{transport=\"websocket\"}", 0.0);
    }
}

#[test]
fn beats_and_pings_come_while_nothing_else_does() {
    let server = Server::ready(&["--heart-beat-ms", "1000", "--ping-interval-s", "1"]);
    let mut client = Client::open(&server);
    client.send("CONNECT\naccept-version:1.2\nheart-beat:0,1000\n\n\0");
    assert_eq!(client.frame().expect("heart-beat"), "1000,1000");
    let (mut beats, mut pings) = (0, 0);
    while beats < 2 || pings < 1 {
        match client.next() {
            Incoming::Beat => beats += 1,
            Incoming::Ping => pings += 1,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_client_may_have_so_many_subscriptions_and_wildcards() {
    let server = Server::ready(&["--max-subscriptions", "2", "--max-wildcards", "1"]);
    for (symbols, limit) in [
        (["A", "B", "C"], "2 subscriptions"),
        (["A", "*", "B"], "2 subscriptions"),
        (["*", "A", "B*"], "2 subscriptions"),
    ] {
        assert_too_many(&server, &symbols, limit);
    }
    assert_too_many(&server, &["*", "B*"], "1 wildcard subscriptions");
}

/// The last of the subscriptions is refused.
#[track_caller]
fn assert_too_many(server: &Server, symbols: &[&str], limit: &str) {
    let mut client = Client::connect(server);
    let (last, allowed) = symbols.split_last().expect("there are symbols");
    for symbol in allowed {
        client.subscribe(symbol, symbol);
    }
    client.send(&format!("SUBSCRIBE\nid:last\ndestination:/topic/price.stock.{last}\n\n\0"));
    let error = client.frame();
    assert_eq!(error.expect("message"), "too many subscriptions", "{symbols:?}");
    assert_eq!(error.body, format!("a session may have {limit}"), "{symbols:?}");
    assert_eq!(client.close_code(), 4005);
}
