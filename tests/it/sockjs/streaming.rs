//! xhr_streaming, eventsource, htmlfile: chunk by chunk.

use super::{EchoServer, session};
use crate::support::RawHttp;

#[track_caller]
fn open(server: &EchoServer, start: &str) -> RawHttp {
    let mut connection = RawHttp::connect(server.address);
    connection.send(start, &[], "");
    let head = connection.head();
    assert_eq!((head.status, head.version.as_str()), (200, "1.1"));
    assert_eq!((head.header("transfer-encoding"), head.header("content-length")), ("chunked", ""));
    connection
}

#[test]
fn xhr_streaming_is_a_prelude_and_then_a_line_a_frame() {
    let server = EchoServer::start();
    let session = session("/echo");
    let mut stream = open(&server, &format!("POST {session}/xhr_streaming"));
    assert_eq!(stream.chunk().unwrap(), format!("{}\n", "h".repeat(2048)));
    assert_eq!(stream.chunk().unwrap(), "o\n");
    server.say(&session, r#"["x"]"#);
    assert_eq!(stream.chunk().unwrap(), "a[\"x\"]\n");
    server.say(&session, r#"["y","z"]"#);
    assert_eq!(stream.chunk().unwrap(), "a[\"y\",\"z\"]\n");
}

#[test]
fn eventsource_is_an_event_a_frame() {
    let server = EchoServer::start();
    let session = session("/echo");
    let mut stream = open(&server, &format!("GET {session}/eventsource"));
    assert_eq!(stream.chunk().unwrap(), "\r\n");
    assert_eq!(stream.chunk().unwrap(), "data: o\r\n\r\n");
    server.say(&session, r#"["  \u0000\n\r "]"#);
    assert_eq!(stream.chunk().unwrap(), "data: a[\"  \\u0000\\n\\r \"]\r\n\r\n");
}

#[test]
fn htmlfile_is_a_script_a_frame() {
    let server = EchoServer::start();
    let session = session("/echo");
    let mut stream = open(&server, &format!("GET {session}/htmlfile?c=%63allback"));
    let head = stream.chunk().unwrap();
    assert!(head.len() > 1024, "{} bytes are too few for a browser to begin", head.len());
    assert!(head.starts_with("<!doctype html>\n"));
    assert!(head.trim_end().ends_with("window.onload = function() {c.stop();};\n  </script>"), "{head}");
    assert!(head.contains("var c = parent.callback;\n"));
    assert_eq!(stream.chunk().unwrap(), "<script>\np(\"o\");\n</script>\r\n");
    server.say(&session, r#"["x</script>"]"#);
    let expected = "<script>\np(\"a[\\\"x\\u003c/script>\\\"]\");\n</script>\r\n";
    assert_eq!(stream.chunk().unwrap(), expected);
}

#[test]
fn an_answer_ends_when_it_has_enough_bytes_and_the_session_goes_on() {
    let server = EchoServer::start();
    let session = session("/echo");
    let mut stream = server.stream(&session);
    assert_eq!(stream.chunk().unwrap(), "o\n");
    let message = format!("[\"{}\"]", "x".repeat(128));
    // 2 bytes of `o`, then 134 each: the 31st passes 4096.
    for _ in 0..31 {
        server.say(&session, &message);
        assert_eq!(stream.chunk().unwrap(), format!("a{message}\n"));
    }
    assert_eq!(stream.chunk(), None);
    let mut stream = server.stream(&session);
    server.say(&session, r#"["on"]"#);
    assert_eq!(stream.chunk().unwrap(), "a[\"on\"]\n");
}

#[test]
fn every_streaming_answer_has_the_limit() {
    let server = EchoServer::start();
    let message = format!("[\"{}\"]", "x".repeat(4096));
    for endpoint in ["eventsource", "htmlfile?c=c"] {
        let session = session("/echo");
        let mut stream = open(&server, &format!("GET {session}/{endpoint}"));
        assert!(stream.chunk().is_some() && stream.chunk().is_some());
        server.say(&session, &message);
        assert!(stream.chunk().unwrap().len() > 4096);
        assert_eq!(stream.chunk(), None, "{endpoint}");
    }
}

#[test]
fn a_connection_serves_one_answer_after_the_other() {
    let server = EchoServer::start();
    let session = session("/echo");
    let mut connection = RawHttp::connect(server.address);
    assert_eq!(connection.ask(&format!("POST {session}/xhr"), &[], "").body, "o\n");
    for number in 0..3 {
        let sent = connection.ask(&format!("POST {session}/xhr_send"), &[], &format!("[\"{number}\"]"));
        assert_eq!(sent.head.status, 204);
        let poll = connection.ask(&format!("POST {session}/xhr"), &[], "");
        assert_eq!(poll.body, format!("a[\"{number}\"]\n"));
    }
}

#[test]
fn silence_is_broken_by_heartbeats() {
    let server = EchoServer::hasty();
    let session = session("/echo");
    let mut stream = server.stream(&session);
    assert_eq!(stream.chunk().unwrap(), "o\n");
    for _ in 0..3 {
        assert_eq!(stream.chunk().unwrap(), "h\n");
    }
    server.say(&session, r#"["x"]"#);
    assert_eq!(stream.chunk().unwrap(), "a[\"x\"]\n");
    assert_eq!(server.poll(&super::session("/echo")), "o\n");
}

#[test]
fn a_poll_that_waits_is_ended_by_a_heartbeat() {
    let server = EchoServer::hasty();
    let session = session("/echo");
    assert_eq!(server.poll(&session), "o\n");
    assert_eq!(server.poll(&session), "h\n");
    server.say(&session, r#"["x"]"#);
    assert_eq!(server.poll(&session), "a[\"x\"]\n");
}

#[test]
fn a_stream_of_http_1_0_has_no_chunks_and_ends_with_its_connection() {
    let server = EchoServer::start();
    let session = session("/close");
    let mut stream = RawHttp::connect(server.address);
    let start = format!("POST {session}/xhr_streaming HTTP/1.0");
    stream.send(&start, &[("Connection", "Keep-Alive")], "");
    let head = stream.head();
    assert_eq!((head.header("transfer-encoding"), head.header("content-length")), ("", ""));
    assert_ne!(head.header("connection").to_lowercase(), "keep-alive");
    let expected = format!("{}\no\nc[3000,\"Go away!\"]\n", "h".repeat(2048));
    assert_eq!(stream.until_the_end(), expected);
}
