//! How sessions end: by the application, by a second receiver, by a lost one, by nobody asking any more.

use std::time::Duration;

use super::{EchoServer, Options, session};
use crate::support::{RawHttp, eventually, eventually_is};

const GO_AWAY: &str = "c[3000,\"Go away!\"]\n";
const BUSY: &str = "c[2010,\"Another connection still open\"]\n";
const INTERRUPTED: &str = "c[1002,\"Connection interrupted\"]\n";

#[test]
fn a_close_is_told_to_every_request_that_follows() {
    let server = EchoServer::start();
    let session = session("/close");
    assert_eq!(server.poll(&session), "o\n");
    for _ in 0..3 {
        assert_eq!(server.poll(&session), GO_AWAY);
    }
    let mut stream = server.stream(&session);
    assert_eq!(stream.chunk().unwrap(), GO_AWAY);
    assert_eq!(stream.chunk(), None);
    let jsonp = server.get(&format!("{session}/jsonp?c=x"));
    assert_eq!(jsonp.body, "/**/x(\"c[3000,\\\"Go away!\\\"]\");\r\n");
    assert_eq!(server.post(&format!("{session}/xhr_send"), "[\"a\"]").head.status, 404);
}

#[test]
fn a_close_ends_a_stream() {
    let server = EchoServer::start();
    let mut stream = server.stream(&session("/close"));
    assert_eq!(stream.chunk().unwrap(), "o\n");
    assert_eq!(stream.chunk().unwrap(), GO_AWAY);
    assert_eq!(stream.chunk(), None);
}

#[test]
fn a_second_receiver_is_sent_away_and_the_first_stays() {
    let server = EchoServer::start();
    let session = session("/echo");
    let mut first = server.stream(&session);
    assert_eq!(first.chunk().unwrap(), "o\n");
    assert_eq!(server.poll(&session), BUSY);
    let mut second = server.stream(&session);
    assert_eq!(second.chunk().unwrap(), BUSY);
    assert_eq!(second.chunk(), None);
    server.say(&session, r#"["still here"]"#);
    assert_eq!(first.chunk().unwrap(), "a[\"still here\"]\n");
}

#[test]
fn a_receiver_whose_connection_breaks_interrupts_the_session() {
    let heartbeat_interval = Duration::from_secs(2);
    let server = EchoServer::with(Options { heartbeat_interval, ..Options::default() });
    for endpoint in ["xhr", "xhr_streaming"] {
        let (session, waiting) = receiver_that_waits(&server, endpoint);
        drop(waiting);
        // At once, whatever thread reads what first.
        for _ in 0..2 {
            assert_eq!(server.poll(&session), INTERRUPTED, "{endpoint}");
        }
    }
}

/// A session, and the connection that receives.
fn receiver_that_waits(server: &EchoServer, endpoint: &str) -> (String, RawHttp) {
    eventually("a receiver waits", || {
        let session = session("/echo");
        assert_eq!(server.poll(&session), "o\n");
        let mut waiting = RawHttp::connect(server.address);
        waiting.send(&format!("POST {session}/{endpoint}"), &[], "");
        // If the other one is sent away, then this one came first.
        match server.poll(&session) {
            busy if busy == BUSY => Ok((session, waiting)),
            other => Err(other),
        }
    })
}

#[test]
fn a_session_that_nobody_asks_is_forgotten() {
    let server = EchoServer::hasty();
    let session = session("/echo");
    assert_eq!(server.poll(&session), "o\n");
    eventually_is("nothing can be sent any more", &404, || {
        server.post(&format!("{session}/xhr_send"), "[]").head.status
    });
    assert_eq!(server.poll(&session), "o\n", "the name is free for another one");
}

#[test]
fn a_session_that_is_over_is_forgotten_though_somebody_asks() {
    let server = EchoServer::hasty();
    let session = session("/close");
    assert_eq!(server.poll(&session), "o\n");
    assert_eq!(server.poll(&session), GO_AWAY);
    eventually_is("there is a new one", &"o\n".to_owned(), || server.poll(&session));
}

#[test]
fn whoever_receives_is_not_forgotten() {
    let server = EchoServer::hasty();
    let session = session("/echo");
    let mut stream = server.stream(&session);
    assert_eq!(stream.chunk().unwrap(), "o\n");
    // 0.8 s of heartbeats: more than twice the delay.
    for _ in 0..4 {
        assert_eq!(stream.chunk().unwrap(), "h\n");
    }
    server.say(&session, r#"["x"]"#);
    assert_eq!(stream.chunk().unwrap(), "a[\"x\"]\n");
}
