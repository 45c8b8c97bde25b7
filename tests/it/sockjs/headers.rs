//! CORS, caches, cookies.

use super::{EchoServer, ask, session};
use crate::support::{Head, RawHttp, Server};

#[track_caller]
fn assert_not_cached(head: &Head) {
    assert_eq!(head.header("cache-control"), "no-store, no-cache, no-transform, must-revalidate, max-age=0");
    assert_eq!((head.header("expires"), head.header("last-modified")), ("", ""));
}

/// Whether a page of `origin` may read the answer; without one: whoever is no page.
#[track_caller]
fn assert_readable(head: &Head, origin: Option<&str>) {
    assert_allows(head, origin);
    assert_eq!(head.header("vary"), "Origin");
}

#[track_caller]
fn assert_allows(head: &Head, origin: Option<&str>) {
    assert_eq!(head.header("access-control-allow-origin"), origin.unwrap_or("*"));
    let credentials = if origin.is_some() { "true" } else { "" };
    assert_eq!(head.header("access-control-allow-credentials"), credentials);
}

#[test]
fn a_preflight_is_answered_for_a_year() {
    let server = EchoServer::start();
    for (path, methods) in [
        ("/echo/info", ["OPTIONS", "GET"]),
        ("/echo/abc/abc/xhr", ["OPTIONS", "POST"]),
        ("/echo/abc/abc/xhr_send", ["OPTIONS", "POST"]),
        ("/echo/abc/abc/xhr_streaming", ["OPTIONS", "POST"]),
        ("/echo/abc/abc/eventsource", ["OPTIONS", "GET"]),
    ] {
        for origin in ["https://desk.example", "null"] {
            let asked = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
            let answer = ask(server.address, &format!("OPTIONS {path}"), &asked, "");
            assert_eq!((answer.head.status, answer.body.as_str()), (204, ""), "{path}");
            assert_eq!(answer.head.header("cache-control"), "public, max-age=31536000");
            assert!(answer.head.header("expires").ends_with(" GMT"));
            assert_eq!(answer.head.header("access-control-max-age"), "31536000");
            let allowed = answer.head.header("access-control-allow-methods");
            assert!(methods.iter().all(|method| allowed.contains(method)), "{path}: {allowed}");
            assert_allows(&answer.head, Some(origin));
            assert_eq!(answer.head.header("vary"), "Origin, Access-Control-Request-Headers");
        }
    }
}

#[test]
fn whatever_depends_on_the_page_says_so_to_caches() {
    let server = Server::ready(&["--sockjs-legacy-transports"]);
    for (start, status) in [
        ("GET /sockjs", 200),
        ("GET /sockjs/iframe.html", 200),
        ("GET /sockjs/nothing", 404),
        ("POST /sockjs/info", 405),
        ("POST /sockjs/0/nobody/xhr_send", 404),
    ] {
        let own = format!("http://{}", server.address);
        for (origin, status) in [(own.as_str(), status), ("https://evil.example", 403)] {
            let answer = ask(server.address, start, &[("Origin", origin)], "");
            assert_eq!(answer.head.status, status, "{start}");
            assert_eq!(answer.head.header("vary"), "Origin", "{start} of {origin}");
        }
    }
}

#[test]
fn a_preflight_allows_the_headers_that_are_asked_for() {
    let server = EchoServer::start();
    for (asked, allowed) in [(Some("a, b, c"), "a, b, c"), (Some(""), ""), (None, "")] {
        let mut headers = vec![("Origin", "test"), ("Access-Control-Request-Method", "POST")];
        headers.extend(asked.map(|asked| ("Access-Control-Request-Headers", asked)));
        let answer = ask(server.address, "OPTIONS /echo/0/a/xhr", &headers, "");
        assert_eq!(answer.head.header("access-control-allow-headers"), allowed, "for {asked:?}");
    }
}

#[test]
fn every_answer_of_a_session_may_be_read_by_its_page_and_kept_by_nobody() {
    let server = EchoServer::start();
    for origin in [Some("https://desk.example"), Some("null"), None] {
        let session = session("/echo");
        let headers: Vec<_> = origin.map(|origin| ("Origin", origin)).into_iter().collect();
        let ask = |start: &str, body: &str| ask(server.address, start, &headers, body);
        let poll = ask(&format!("POST {session}/xhr"), "");
        assert_eq!(poll.body, "o\n");
        assert_eq!(poll.head.content_type(), "application/javascript;charset=UTF-8");
        let sent = ask(&format!("POST {session}/xhr_send"), "[\"x\"]");
        assert_eq!(sent.head.status, 204);
        assert_eq!(sent.head.content_type(), "text/plain;charset=UTF-8");
        let broken = ask(&format!("POST {session}/xhr_send"), "");
        let unknown = ask("POST /echo/0/nobody/xhr_send", "[]");
        assert_eq!((broken.head.status, unknown.head.status), (500, 404));
        for answer in [&poll, &sent, &broken] {
            assert_readable(&answer.head, origin);
            assert_not_cached(&answer.head);
        }
        assert_readable(&unknown.head, origin);
        for (path, content_type) in [
            (
                format!("POST {}/xhr_streaming", super::session("/echo")),
                "application/javascript;charset=UTF-8",
            ),
            (format!("GET {}/eventsource", super::session("/echo")), "text/event-stream"),
            (format!("GET {}/htmlfile?c=c", super::session("/echo")), "text/html;charset=UTF-8"),
            (format!("GET {}/jsonp?c=c", super::session("/echo")), "application/javascript;charset=UTF-8"),
        ] {
            let mut connection = RawHttp::connect(server.address);
            connection.send(&path, &headers, "");
            let head = connection.head();
            assert_eq!((head.status, head.content_type().as_str()), (200, content_type), "{path}");
            assert_readable(&head, origin);
            assert_not_cached(&head);
        }
    }
}

#[test]
fn load_balancers_get_their_cookie_on_what_belongs_to_a_session() {
    let server = EchoServer::start();
    for (held, expected) in [(None, "dummy"), (Some("a=b; JSESSIONID=abcdef"), "abcdef")] {
        let headers: Vec<_> = held.map(|held| ("Cookie", held)).into_iter().collect();
        let check = |start: &str, body: &str| {
            let mut connection = RawHttp::connect(server.address);
            connection.send(start, &headers, body);
            let cookie = connection.head().header("set-cookie").to_owned();
            assert_eq!(cookie, format!("JSESSIONID={expected}; path=/"), "{start}");
        };
        let polled = session("/cookie_needed_echo");
        check(&format!("POST {polled}/xhr"), "");
        check(&format!("POST {polled}/xhr_send"), "[]");
        check(&format!("POST {polled}/jsonp_send"), "[]");
        check(&format!("OPTIONS {polled}/xhr"), "");
        check(&format!("POST {}/xhr_streaming", session("/cookie_needed_echo")), "");
        for endpoint in ["eventsource", "htmlfile?c=c", "jsonp?c=c"] {
            check(&format!("GET {}/{endpoint}", session("/cookie_needed_echo")), "");
        }
    }
    assert_eq!(server.post(&format!("{}/xhr", session("/echo")), "").head.header("set-cookie"), "");
}

#[test]
fn foreign_pages_are_refused_everything_and_told_nothing() {
    let server = Server::ready(&["--allowed-origins", "https://desk.example"]);
    let paths = [
        "GET /sockjs",
        "GET /sockjs/info",
        "OPTIONS /sockjs/info",
        "OPTIONS /sockjs/0/a/xhr",
        "POST /sockjs/0/a/xhr",
        "POST /sockjs/0/a/xhr_streaming",
        "POST /sockjs/0/a/xhr_send",
        "GET /sockjs/0/a/eventsource",
        "GET /sockjs/0/a/websocket",
        "GET /sockjs/websocket",
        "GET /sockjs/nothing",
    ];
    for origin in ["https://evil.example", "null", "http://desk.example"] {
        for start in paths {
            let answer = ask(server.address, start, &[("Origin", origin)], "");
            assert_eq!(answer.head.status, 403, "{start}");
            for header in
                ["access-control-allow-origin", "access-control-allow-credentials", "access-control-max-age"]
            {
                assert_eq!(answer.head.header(header), "", "{start}: {header}");
            }
        }
    }
    let refused = server.metric("tickcast_upgrades_refused_total{reason=\"origin\"}");
    assert_eq!(refused, 3.0 * paths.len() as f64);
    assert_eq!(server.metric("tickcast_sessions_opened_total"), 0.0);

    let own = format!("http://{}", server.address);
    for origin in ["https://desk.example", &own] {
        let answer = ask(server.address, "GET /sockjs/info", &[("Origin", origin)], "");
        assert_eq!(answer.head.status, 200);
        assert_readable(&answer.head, Some(origin));
    }
    let server = Server::ready(&["--allow-missing-origin", "false"]);
    assert_eq!(ask(server.address, "POST /sockjs/0/a/xhr", &[], "").head.status, 403);
}
