//! SockJS over WebSockets: framed and raw.

use std::net::TcpStream;

use tungstenite::{Error, Message, WebSocket, protocol::CloseFrame};

use super::{EchoServer, ask, session};
use crate::support::{PATIENCE, masked_header};

fn open(server: &EchoServer, path: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::client(format!("ws://{}{path}", server.address), stream).unwrap().0
}

fn text(socket: &mut WebSocket<TcpStream>) -> String {
    socket.read().unwrap().into_text().unwrap().to_string()
}

#[track_caller]
fn close_of(socket: &mut WebSocket<TcpStream>) -> (u16, String) {
    match socket.read().unwrap() {
        Message::Close(Some(CloseFrame { code, reason })) => (code.into(), reason.to_string()),
        other => panic!("{other:?} instead of a close"),
    }
}

#[test]
fn messages_are_json_both_ways() {
    let server = EchoServer::start();
    let mut socket = open(&server, &format!("{}/websocket", session("/echo")));
    assert_eq!(text(&mut socket), "o");
    // An array, a string; what is empty says nothing.
    for (said, heard) in
        [(r#"["a"]"#, r#"a["a"]"#), (r#""b""#, r#"a["b"]"#), (r#"["c","d\u2028"]"#, r#"a["c","d\u2028"]"#)]
    {
        socket.send(Message::text("")).unwrap();
        socket.send(Message::text("[]")).unwrap();
        socket.send(Message::text(said)).unwrap();
        assert_eq!(text(&mut socket), heard);
    }
    socket.send(Message::Ping(b"there?"[..].into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(b"there?"[..].into()));
}

#[test]
fn a_message_may_come_in_fragments() {
    let server = EchoServer::start();
    let mut socket = open(&server, &format!("{}/websocket", session("/echo")));
    assert_eq!(text(&mut socket), "o");
    let mut bytes = Vec::new();
    for (first, piece) in [(0x01, "[\"a"), (0x89, ""), (0x00, "b\",\""), (0x80, "c\"]")] {
        bytes.extend(masked_header(first, piece.len() as u64));
        bytes.extend(piece.as_bytes());
    }
    std::io::Write::write_all(socket.get_mut(), &bytes).unwrap();
    let heard: Vec<Message> = (0..2).map(|_| socket.read().unwrap()).collect();
    assert!(heard.contains(&Message::text(r#"a["ab","c"]"#)), "{heard:?}");
    assert!(heard.contains(&Message::Pong([][..].into())), "{heard:?}");
}

#[test]
fn broken_json_drops_the_connection() {
    let server = EchoServer::start();
    for broken in ["[\"a", "{}", "[1]", "x"] {
        let mut socket = open(&server, &format!("{}/websocket", session("/echo")));
        assert_eq!(text(&mut socket), "o");
        socket.send(Message::text(broken)).unwrap();
        let lost = socket.read().unwrap_err();
        assert!(matches!(lost, Error::Protocol(_) | Error::Io(_) | Error::ConnectionClosed), "{lost:?}");
    }
}

#[test]
fn a_close_is_told_as_sockjs_and_as_websocket() {
    let server = EchoServer::start();
    let mut socket = open(&server, &format!("{}/websocket", session("/close")));
    assert_eq!(text(&mut socket), "o");
    assert_eq!(text(&mut socket), r#"c[3000,"Go away!"]"#);
    assert_eq!(close_of(&mut socket), (3000, "Go away!".to_owned()));

    let mut raw = open(&server, "/close/websocket");
    assert_eq!(close_of(&mut raw), (3000, "Go away!".to_owned()));
}

#[test]
fn the_raw_websocket_frames_nothing() {
    let server = EchoServer::start();
    let mut socket = open(&server, "/echo/websocket");
    socket.send(Message::text("Hello world!\u{ffff}")).unwrap();
    assert_eq!(text(&mut socket), "Hello world!\u{ffff}");
    socket.close(None).unwrap();
    assert_eq!(close_of(&mut socket).0, 1000);
}

#[test]
fn each_websocket_is_a_session_of_its_own_whatever_its_name() {
    let server = EchoServer::start();
    let path = format!("{}/websocket", session("/echo"));
    let (mut first, mut second) = (open(&server, &path), open(&server, &path));
    assert_eq!((text(&mut first), text(&mut second)), ("o".to_owned(), "o".to_owned()));
    first.send(Message::text(r#"["a"]"#)).unwrap();
    second.send(Message::text(r#"["b"]"#)).unwrap();
    assert_eq!(text(&mut first), r#"a["a"]"#);
    assert_eq!(text(&mut second), r#"a["b"]"#);
    drop(first);
    let mut third = open(&server, &path);
    assert_eq!(text(&mut third), "o");
}

#[test]
fn what_is_no_upgrade_is_refused() {
    let server = EchoServer::start();
    for path in ["/echo/0/0/websocket", "/echo/websocket"] {
        for headers in [&[][..], &[("Upgrade", "WebSocket"), ("Connection", "close")]] {
            assert_eq!(ask(server.address, &format!("GET {path}"), headers, "").head.status, 400, "{path}");
        }
    }
    for path in ["/0/0/websocket", "/websocket"] {
        assert_eq!(server.get(&format!("/disabled_websocket_echo{path}")).head.status, 404);
    }
    let answer = ask(
        server.address,
        "GET /echo/0/0/websocket",
        &[
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "x3JJHMbDL1EzLkh9GBhXDw=="),
        ],
        "",
    );
    assert_eq!(answer.head.status, 101);
    assert_eq!(answer.head.header("sec-websocket-accept"), "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
    assert_eq!(answer.head.header("content-length"), "");
}
