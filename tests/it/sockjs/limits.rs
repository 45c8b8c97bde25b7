//! What ends a session of the real server, who may use it, and what is told.

use std::net::Ipv4Addr;

use super::stomp::{Heard, StompClient};
use crate::support::{From, RawHttp, Server, Whole, ask};

const REFUSED: &str = "tickcast_upgrades_refused_total";

fn refused(server: &Server, reason: &str) -> f64 {
    server.metric(&format!("{REFUSED}{{reason=\"{reason}\"}}"))
}

#[test]
fn an_error_is_followed_by_its_close() {
    let server = Server::ready(&["--sockjs-legacy-transports"]);
    for transport in ["sockjs_websocket", "xhr_streaming", "xhr", "eventsource", "jsonp"] {
        let mut client = StompClient::connect(&server, transport);
        client.send("SUBSCRIBE\nid:1\ndestination:/queue/nothing\nreceipt:r\n\n\0");
        let error = client.frame();
        assert_eq!((error.command.as_str(), error.expect("receipt-id")), ("ERROR", "r"), "{transport}");
        assert_eq!(client.next(), Heard::Close(1002, "protocol error".to_owned()), "{transport}");
        if transport != "sockjs_websocket" {
            assert_eq!(client.next(), Heard::Close(1002, "protocol error".to_owned()), "it's told again");
            assert_eq!(client.post("[\"\\n\"]").head.status, 404);
        }
        server.await_metric(&format!("tickcast_sessions{{transport=\"{transport}\"}}"), 0.0);
    }
    assert_eq!(server.metric("tickcast_sessions_closed_total{reason=\"protocol_error\"}"), 5.0);
}

#[test]
fn who_never_connects_is_told_so() {
    let server = Server::ready(&["--connect-deadline-s", "0.5"]);
    for transport in ["xhr_streaming", "xhr"] {
        let mut client = StompClient::open(&server, transport);
        assert_eq!(client.next(), Heard::Open);
        assert_eq!(client.frame().expect("message"), "no CONNECT");
        assert_eq!(client.next(), Heard::Close(4408, "no CONNECT in time".to_owned()), "{transport}");
    }
    server.await_metric("tickcast_sessions_closed_total{reason=\"connect_deadline\"}", 2.0);
}

#[test]
fn heart_beats_of_stomp_take_the_place_of_those_of_sockjs() {
    let server = Server::ready(&["--ping-interval-s", "0.5", "--heart-beat-ms", "1000"]);
    for transport in ["sockjs_websocket", "xhr_streaming", "xhr"] {
        for (asked, beats) in [("0,0", false), ("0,1000", true)] {
            let mut client = StompClient::open(&server, transport);
            assert_eq!(client.next(), Heard::Open);
            client.send(&format!("CONNECT\naccept-version:1.2\nheart-beat:{asked}\n\n\0"));
            assert_eq!(client.frame().command, "CONNECTED");
            let expected = if beats { Heard::Beat } else { Heard::Heartbeat };
            for _ in 0..2 {
                assert_eq!(client.next(), expected, "{transport} with heart-beat:{asked}");
            }
        }
    }
}

#[test]
fn a_session_that_was_left_is_gone_after_the_delay() {
    let server = Server::ready(&["--sockjs-disconnect-delay-s", "2"]);
    let mut client = StompClient::connect(&server, "xhr");
    client.subscribe("*");
    server.await_metric("tickcast_subscriptions{kind=\"wildcard\"}", 1.0);
    assert_eq!(server.metric("tickcast_sessions{transport=\"xhr\"}"), 1.0);
    server.await_metric("tickcast_sessions{transport=\"xhr\"}", 0.0);
    assert_eq!(server.metric("tickcast_sessions_closed_total{reason=\"connection_lost\"}"), 1.0);
    server.await_metric("tickcast_subscriptions{kind=\"wildcard\"}", 0.0);
    assert_eq!(client.post("[]").head.status, 404);
}

#[test]
fn who_says_goodbye_and_is_gone_has_disconnected() {
    let server = Server::ready(&["--sockjs-disconnect-delay-s", "0.5"]);
    let mut ended = 0.0;
    for transport in ["xhr", "xhr_streaming"] {
        for frame in ["DISCONNECT\n\n\0", "DISCONNECT\nreceipt:bye\n\n\0"] {
            let mut client = StompClient::connect(&server, transport);
            client.send(frame);
            drop(client);
            ended += 1.0;
            server.await_metric("tickcast_sessions_closed_total{reason=\"disconnected\"}", ended);
        }
    }
}

#[test]
fn a_session_is_used_by_the_address_that_opened_it_only() {
    let server = Server::ready(&["--sockjs-disconnect-delay-s", "600"]);
    let mut client = StompClient::connect(&server, "xhr");
    let foreign = From { address: Some(Ipv4Addr::new(127, 0, 0, 2)), ..From::default() };
    for endpoint in ["xhr", "xhr_streaming", "xhr_send"] {
        let start = format!("POST {}/{endpoint}", client.session);
        let answer = RawHttp::connect_from(server.address, foreign).ask(&start, &[], "[\"\\n\"]");
        assert_eq!(answer.head.status, 404, "{endpoint}");
    }
    let start = format!("GET {}/eventsource", client.session);
    assert_eq!(RawHttp::connect_from(server.address, foreign).ask(&start, &[], "").head.status, 404);
    // It isn't even told whether there is one.
    let told = |session: &str| {
        let start = format!("POST {session}/xhr_send");
        let Whole { head, body } = RawHttp::connect_from(server.address, foreign).ask(&start, &[], "[]");
        let told = head.headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
        (head.status, told.collect::<Vec<_>>(), body)
    };
    assert_eq!(told(&client.session), told("/sockjs/000/nobody"));
    assert_eq!(refused(&server, "foreign_session"), 5.0);
    // Nobody has disturbed it.
    client.send("UNSUBSCRIBE\nid:1\nreceipt:fine\n\n\0");
    assert_eq!(client.frame().expect("receipt-id"), "fine");
}

#[test]
fn so_many_sessions_there_are_and_no_more() {
    let server = Server::ready(&["--max-connections", "2", "--sockjs-disconnect-delay-s", "0.5"]);
    let _first = StompClient::connect(&server, "xhr_streaming");
    let second = StompClient::connect(&server, "xhr");
    for endpoint in ["xhr", "xhr_streaming"] {
        let answer = ask(server.address, &format!("POST /sockjs/0/another/{endpoint}"), &[], "");
        assert_eq!(answer.head.status, 503, "{endpoint}");
        assert_eq!(answer.head.header("retry-after"), "1");
    }
    assert_eq!(refused(&server, "connections"), 2.0);
    drop(second);
    server.await_metric("tickcast_sessions{transport=\"xhr\"}", 0.0);
    StompClient::connect(&server, "xhr");
}

#[test]
fn nobody_is_let_in_before_the_log_was_read() {
    let server = Server::starting(&["--kafka", "127.0.0.1:1", "--kafka-deadline-s", "600"]);
    let answer = ask(server.address, "POST /sockjs/0/a/xhr", &[("Origin", &origin(&server))], "");
    assert_eq!(answer.head.status, 503);
    assert_eq!(answer.head.header("access-control-allow-origin"), origin(&server));
    assert_eq!(refused(&server, "not_ready"), 1.0);
    // What only measures the way is answered.
    assert_eq!(ask(server.address, "GET /sockjs/info", &[], "").head.status, 200);
}

fn origin(server: &Server) -> String {
    format!("http://{}", server.address)
}

#[test]
fn a_server_that_shuts_down_tells_its_clients() {
    let mut server = Server::ready(&[]);
    let mut clients: Vec<StompClient> = ["sockjs_websocket", "xhr_streaming", "xhr", "eventsource"]
        .map(|transport| StompClient::connect(&server, transport))
        .into();
    server.process.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.next(), Heard::Close(1001, "server shuts down".to_owned()));
    }
    drop(clients);
    assert!(server.process.await_exit().success());
}
