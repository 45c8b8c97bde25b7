//! xhr, xhr_send, jsonp, jsonp_send.

use super::{EchoServer, ask, session};
use crate::support::RawHttp;

#[test]
fn a_poll_opens_a_session_and_the_next_ones_get_what_was_said() {
    let server = EchoServer::start();
    let session = session("/echo");
    assert_eq!(server.poll(&session), "o\n");
    server.say(&session, r#"["a"]"#);
    assert_eq!(server.poll(&session), "a[\"a\"]\n");
    // All that is due is one frame.
    server.say(&session, r#"["b","c"]"#);
    server.say(&session, r#"["d"]"#);
    assert_eq!(server.poll(&session), "a[\"b\",\"c\",\"d\"]\n");
}

#[test]
fn a_poll_waits_until_something_is_said() {
    let server = EchoServer::start();
    let session = session("/echo");
    assert_eq!(server.poll(&session), "o\n");
    let mut waiting = RawHttp::connect(server.address);
    waiting.send(&format!("POST {session}/xhr"), &[], "");
    server.say(&session, r#"["late"]"#);
    assert_eq!(waiting.whole().body, "a[\"late\"]\n");
}

#[test]
fn the_servers_part_of_a_sessions_path_is_ignored() {
    let server = EchoServer::start();
    assert_eq!(server.poll("/echo/000/sticky"), "o\n");
    server.say("/echo/111/sticky", r#"["a"]"#);
    assert_eq!(server.poll("/echo/999/sticky"), "a[\"a\"]\n");
}

#[test]
fn nothing_can_be_sent_to_a_session_that_nobody_opened() {
    let server = EchoServer::start();
    let answer = server.post(&format!("{}/xhr_send", session("/echo")), r#"["a"]"#);
    assert_eq!(answer.head.status, 404);
    let answer = server.post(&format!("{}/jsonp_send", session("/echo")), r#"["a"]"#);
    assert_eq!(answer.head.status, 404);
}

#[test]
fn what_is_not_json_strings_is_refused_and_the_session_goes_on() {
    let server = EchoServer::start();
    let session = session("/echo");
    assert_eq!(server.poll(&session), "o\n");
    for (body, expected) in [
        ("[\"x", "Broken JSON encoding.\n"),
        ("", "Payload expected.\n"),
        ("\"x\"", "Broken JSON encoding.\n"),
        ("[1]", "Broken JSON encoding.\n"),
    ] {
        let answer = server.post(&format!("{session}/xhr_send"), body);
        assert_eq!((answer.head.status, answer.body.as_str()), (500, expected), "{body}");
    }
    server.say(&session, r#"["a"]"#);
    assert_eq!(server.poll(&session), "a[\"a\"]\n");
}

#[test]
fn messages_come_with_any_content_type_and_an_empty_array_is_none() {
    let server = EchoServer::start();
    let session = session("/echo");
    assert_eq!(server.poll(&session), "o\n");
    server.say(&session, "[]");
    let types = [
        "text/plain",
        "T",
        "application/json",
        "application/xml",
        "",
        "application/json; charset=utf-8",
        "text/xml; charset=utf-8",
        "text/xml",
    ];
    for content_type in types {
        let start = format!("POST {session}/xhr_send");
        let answer = ask(server.address, &start, &[("Content-Type", content_type)], r#"["a"]"#);
        assert_eq!((answer.head.status, answer.body.as_str()), (204, ""), "{content_type}");
    }
    assert_eq!(server.poll(&session), format!("a[{}]\n", ["\"a\""; 8].join(",")));
}

#[test]
fn characters_that_browsers_mangle_are_escaped_and_escaped_ones_are_read() {
    let server = EchoServer::start();
    let session = session("/echo");
    assert_eq!(server.poll(&session), "o\n");
    let mangled = (0x200c..=0x200f).chain(0x2028..=0x202f).chain(0x2060..=0x206f).chain(0xfff0..=0xffff_u32);
    let numbers: Vec<u32> = mangled.collect();
    let raw: String = numbers.iter().map(|number| char::from_u32(*number).unwrap()).collect();
    let escaped: String = numbers.iter().map(|number| format!("\\u{number:04x}")).collect();
    server.say(&session, &format!("[\"{raw}\"]"));
    assert_eq!(server.poll(&session), format!("a[\"{escaped}\"]\n"));
    server.say(&session, &format!("[\"{escaped}\\u0000\\ud83d\\ude00 \\ud83d\"]"));
    let answer = server.poll(&session);
    let told: Vec<String> = serde_json::from_str(answer.trim_end().strip_prefix('a').unwrap()).unwrap();
    assert_eq!(told, [format!("{raw}\0\u{1f600} \u{fffd}")]);
}

#[test]
fn jsonp_calls_the_function_that_is_named() {
    let server = EchoServer::start();
    let session = session("/echo");
    let poll = || server.get(&format!("{session}/jsonp?c=%63allback"));
    assert_eq!(poll().body, "/**/callback(\"o\");\r\n");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let send = |headers: &[(&str, &str)], body: &str| {
        ask(server.address, &format!("POST {session}/jsonp_send"), headers, body)
    };
    let sent = send(&form, "d=%5B%22x%22%5D");
    assert_eq!((sent.head.status, sent.body.as_str()), (200, "ok"));
    assert_eq!(sent.head.content_type(), "text/plain;charset=UTF-8");
    assert_eq!(send(&[("Content-Type", "text/plain")], r#"["%61bc"]"#).body, "ok");
    assert_eq!(send(&form, "d=%5B%5D").body, "ok");
    assert_eq!(poll().body, "/**/callback(\"a[\\\"x\\\",\\\"%61bc\\\"]\");\r\n");
    for (body, expected) in [
        ("d=%5B%22x", "Broken JSON encoding.\n"),
        ("", "Payload expected.\n"),
        ("d=", "Payload expected.\n"),
        ("p=p", "Payload expected.\n"),
    ] {
        let answer = send(&form, body);
        assert_eq!((answer.head.status, answer.body.as_str()), (500, expected), "{body}");
    }
}

#[test]
fn a_callback_has_to_be_a_name() {
    let server = EchoServer::start();
    for endpoint in ["htmlfile", "jsonp"] {
        let answer = server.get(&format!("/echo/a/a/{endpoint}"));
        assert_eq!(answer.head.status, 500);
        assert_eq!(answer.body, "\"callback\" parameter required\n");
        for callback in ["%20", "*", "abc(", "abc%28", "a%3Cscript"] {
            let answer = server.get(&format!("/echo/a/a/{endpoint}?c={callback}"));
            assert_eq!(answer.head.status, 500, "{callback}");
            assert_eq!(answer.body, "invalid \"callback\" parameter\n");
        }
    }
}

#[test]
fn a_poll_of_http_1_0_has_its_length() {
    let server = EchoServer::start();
    let session = session("/echo");
    let start = format!("POST {session}/xhr HTTP/1.0");
    let answer = ask(server.address, &start, &[], "");
    assert_eq!((answer.head.status, answer.body.as_str()), (200, "o\n"));
    assert_eq!(answer.head.header("transfer-encoding"), "");
}
