//! Requests for a WebSocket: which get one, and what the others are told; RFC 6455 §4.2.

use crate::support::{RawHttp, Server, Whole, refused, upgrade};

const PATHS: [&str; 3] = ["/ws", "/portfolio/websocket", "/portfolio/0/0/websocket"];

const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
const VERSION: (&str, &str) = ("Sec-WebSocket-Version", "13");
const UPGRADE: (&str, &str) = ("Upgrade", "websocket");
const CONNECTION: (&str, &str) = ("Connection", "Upgrade");

#[test]
fn a_subprotocol_is_answered_only_if_it_is_asked_for_and_spoken() {
    let server = Server::ready(&[]);
    for (asked, answered) in [
        (&["v12.stomp"][..], "v12.stomp"),
        (&["v10.stomp, v11.stomp, v12.stomp"], "v12.stomp"),
        (&["soap, v11.stomp", "v10.stomp"], "v11.stomp"),
        // A browser then ends the connection by itself; others may do without.
        (&["mqtt"], ""),
        (&["v13.stomp, stomp", "v12.stomp.example"], ""),
        (&[], ""),
    ] {
        let offers = asked.iter().map(|asked| ("Sec-WebSocket-Protocol", *asked));
        let headers: Vec<_> = [UPGRADE, CONNECTION, VERSION, KEY].into_iter().chain(offers).collect();
        for path in ["GET /ws", "GET /portfolio/websocket"] {
            let head = RawHttp::connect(server.address).ask(path, &headers, "").head;
            assert_eq!(head.status, 101, "{path} with {asked:?}");
            assert_eq!(head.header("sec-websocket-protocol"), answered, "{path} with {asked:?}");
        }
        // SockJS has messages of its own.
        let framed = RawHttp::connect(server.address).ask("GET /portfolio/0/0/websocket", &headers, "").head;
        assert_eq!((framed.status, framed.header("sec-websocket-protocol")), (101, ""), "{asked:?}");
    }
}

/// The answer after which the server has ended the connection.
#[track_caller]
fn last_answer(server: &Server, start: &str, headers: &[(&str, &str)], body: &str) -> Whole {
    let mut connection = RawHttp::connect(server.address);
    let answer = connection.ask(start, headers, body);
    assert_eq!(connection.until_the_end(), "", "nothing follows {answer:?}");
    answer
}

#[test]
fn what_is_wrong_with_a_handshake_is_told_and_counted() {
    let server = Server::ready(&[]);
    let mut count = 0;
    for path in PATHS {
        for (headers, status, detail) in [
            (&[CONNECTION, VERSION, KEY][..], 400, "the header Upgrade has to be \"websocket\""),
            (
                &[("Upgrade", "h2c"), CONNECTION, VERSION, KEY],
                400,
                "the header Upgrade has to be \"websocket\"",
            ),
            (&[UPGRADE, VERSION, KEY], 400, "the header Connection has to be \"Upgrade\""),
            (
                &[UPGRADE, CONNECTION, KEY],
                400,
                "the header Sec-WebSocket-Version has to be there once, and 13",
            ),
            (
                &[UPGRADE, CONNECTION, VERSION],
                400,
                "the header Sec-WebSocket-Key has to be there once, and 16 bytes in base64",
            ),
            (
                &[UPGRADE, CONNECTION, VERSION, KEY, ("Sec-WebSocket-Key", "x3JJHMbDL1EzLkh9GBhXDw==")],
                400,
                "the header Sec-WebSocket-Key has to be there once, and 16 bytes in base64",
            ),
            (
                // 17 bytes, with as many characters as 16 have.
                &[UPGRADE, CONNECTION, VERSION, ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTE=")],
                400,
                "the header Sec-WebSocket-Key has to be there once, and 16 bytes in base64",
            ),
            (
                &[UPGRADE, CONNECTION, KEY, ("Sec-WebSocket-Version", "8")],
                426,
                "the WebSocket version asked for isn't spoken here; 13 is",
            ),
        ] {
            let answer = RawHttp::connect(server.address).ask(&format!("GET {path}"), headers, "");
            assert_eq!((answer.head.status, answer.body), (status, format!("{detail}\n")), "{path}");
            count += 1;
        }
    }
    assert_eq!(server.metric("tickcast_upgrades_refused_total{reason=\"handshake\"}"), f64::from(count));
    assert_eq!(server.metric("tickcast_sessions_opened_total"), 0.0);
}

#[test]
fn another_version_is_told_which_one_is_spoken() {
    let server = Server::ready(&[]);
    for path in PATHS {
        for version in ["0", "7", "8", "14", "8, 13"] {
            let headers = [UPGRADE, CONNECTION, KEY, ("Sec-WebSocket-Version", version)];
            let answer = last_answer(&server, &format!("GET {path}"), &headers, "");
            assert_eq!(answer.head.status, 426, "{path} with {version}");
            assert_eq!(answer.head.header("sec-websocket-version"), "13");
            assert_eq!(answer.head.header("upgrade"), "websocket");
            assert_eq!(answer.head.header("connection"), "close, upgrade");
        }
    }
}

#[test]
fn http_1_0_can_t_be_upgraded() {
    let server = Server::ready(&[]);
    for path in PATHS {
        let headers = [UPGRADE, CONNECTION, VERSION, KEY];
        let answer = last_answer(&server, &format!("GET {path} HTTP/1.0"), &headers, "");
        assert_eq!((answer.head.status, answer.body.as_str()), (400, "a WebSocket begins with HTTP/1.1\n"));
    }
    assert_eq!(server.metric("tickcast_upgrades_refused_total{reason=\"handshake\"}"), 3.0);
}

#[test]
fn a_body_is_not_taken_for_messages() {
    let server = Server::ready(&[]);
    for path in PATHS {
        for (header, body) in [
            (("Content-Length", "5"), "hello"),
            (("Transfer-Encoding", "chunked"), "5\r\nhello\r\n0\r\n\r\n"),
        ] {
            let headers = [UPGRADE, CONNECTION, VERSION, KEY, header];
            let answer = last_answer(&server, &format!("GET {path}"), &headers, body);
            assert_eq!(answer.head.status, 400, "{path} with {header:?}");
            assert_eq!(answer.body, "a request that becomes a WebSocket can't have a body\n");
        }
    }
    assert_eq!(server.metric("tickcast_upgrades_refused_total{reason=\"handshake\"}"), 6.0);
    // None is none, even if it's said.
    assert!(upgrade(&server, &[("content-length", "0")]).is_ok());
}

#[test]
fn a_foreign_page_learns_nothing_of_its_handshake() {
    let server = Server::ready(&[]);
    let foreign = [("origin", "https://evil.example"), ("sec-websocket-version", "8")];
    assert_eq!(refused(&server, &foreign).status(), 403);
    assert_eq!(server.metric("tickcast_upgrades_refused_total{reason=\"handshake\"}"), 0.0);
}
