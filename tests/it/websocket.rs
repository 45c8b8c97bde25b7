//! WebSocket beneath STOMP: subprotocols, close codes, pings, beats.

use tungstenite::Message;

use crate::support::{Client, Incoming, Server, masked_header, upgrade};

#[test]
fn a_subprotocol_is_answered_only_if_it_is_asked_for_and_spoken() {
    let server = Server::ready(&[]);
    for (asked, answered) in [
        (Some("v12.stomp"), Some("v12.stomp")),
        (Some("v10.stomp, v11.stomp, v12.stomp"), Some("v12.stomp")),
        (None, None),
    ] {
        let headers: Vec<_> = asked.map(|asked| ("sec-websocket-protocol", asked)).into_iter().collect();
        let (_client, response) = upgrade(&server, &headers).expect("it's let in");
        assert_eq!(response.status(), 101);
        let answer = response.headers().get("sec-websocket-protocol").map(|it| it.to_str().unwrap());
        assert_eq!(answer, answered, "for {asked:?}");
    }
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
fn frames_against_rfc_6455_are_closed_with_1002() {
    let server = Server::ready(&[]);
    let unmasked = vec![0x81, 0];
    let unknown_opcode = masked_header(0x83, 0);
    let lone_continuation = masked_header(0x80, 0);
    for bytes in [unmasked, unknown_opcode, lone_continuation] {
        let mut client = Client::connect(&server);
        client.write(&bytes).unwrap();
        assert_eq!(client.close_code(), 1002, "for {bytes:?}");
    }
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
fn a_ping_is_answered_with_its_payload() {
    let server = Server::ready(&[]);
    let mut client = Client::connect(&server);
    client.send_message(Message::Ping(b"are you there"[..].into()));
    assert_eq!(client.next(), Incoming::Pong(b"are you there".to_vec()));
}

#[test]
fn a_client_may_have_so_many_subscriptions_and_wildcards() {
    let server = Server::ready(&["--max-subscriptions", "2", "--max-wildcards", "1"]);
    for symbols in [["A", "B", "C"], ["A", "*", "B*"]] {
        let mut client = Client::connect(&server);
        client.subscribe("0", symbols[0]);
        client.subscribe("1", symbols[1]);
        client.send(&format!("SUBSCRIBE\nid:2\ndestination:/topic/price.stock.{}\n\n\0", symbols[2]));
        assert_eq!(client.frame().expect("message"), "too many subscriptions", "{symbols:?}");
        assert_eq!(client.close_code(), 4005);
    }
}
