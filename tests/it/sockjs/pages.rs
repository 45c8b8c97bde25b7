//! What a base says of itself: greeting, `/info`, the iframe page; and what is nowhere.

use std::collections::HashSet;

use super::{EchoServer, ask};
use crate::support::{RawHttp, Server};

#[test]
fn a_base_greets_and_other_paths_are_not_found() {
    let server = EchoServer::start();
    for path in ["/echo", "/echo/"] {
        let answer = server.get(path);
        assert_eq!((answer.head.status, answer.body.as_str()), (200, "Welcome to SockJS!\n"), "{path}");
        assert_eq!(answer.head.content_type(), "text/plain;charset=UTF-8");
        assert_eq!(answer.head.header("set-cookie"), "");
    }
    for path in ["/a", "/a.html", "//", "///", "/a/a", "/a/a/", "/a/", "es", "/iframe.htm", "/iframe"] {
        assert_eq!(server.get(&format!("/echo{path}")).head.status, 404, "{path}");
    }
    assert_eq!(server.get("/cookie_needed_echo").head.header("set-cookie"), "");
}

#[test]
fn a_sessions_path_has_three_names_without_dots() {
    let server = EchoServer::start();
    for path in ["//xhr", "/a./a/xhr", "/a/a./xhr", "/./././xhr", "///xhr", "/a/%2e/xhr", "/a/a;b/xhr"] {
        for method in ["GET", "POST"] {
            let answer = ask(server.address, &format!("{method} /echo{path}"), &[], "");
            assert_eq!(answer.head.status, 404, "{method} {path}");
        }
    }
    for path in ["/_/_/xhr", "/1/2/xhr", "/abcdefgh_i-j%20/abcdefg_i-j%20/xhr"] {
        assert_eq!(server.post(&format!("/echo{path}"), "").body, "o\n", "{path}");
    }
}

#[test]
fn info_tells_what_there_is_and_is_kept_by_nobody() {
    let server = EchoServer::start();
    let info = |base: &str| {
        let answer = server.get(&format!("{base}/info"));
        assert_eq!(answer.head.status, 200);
        assert_eq!(answer.head.content_type(), "application/json;charset=UTF-8");
        assert_eq!(
            answer.head.header("cache-control"),
            "no-store, no-cache, no-transform, must-revalidate, max-age=0"
        );
        for absent in ["expires", "last-modified", "set-cookie"] {
            assert_eq!(answer.head.header(absent), "", "{absent}");
        }
        serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()
    };
    let plain = info("/echo");
    assert_eq!(plain["websocket"], true);
    assert_eq!(plain["cookie_needed"], false);
    assert_eq!(plain["origins"], serde_json::json!(["*:*"]));
    let entropy = |info: &serde_json::Value| u32::try_from(info["entropy"].as_u64().unwrap()).unwrap();
    let told: HashSet<u32> = (0..4).map(|_| entropy(&info("/echo"))).collect();
    assert_eq!(told.len(), 4, "it's new each time");
    assert_eq!(info("/disabled_websocket_echo")["websocket"], false);
    assert_eq!(info("/cookie_needed_echo")["cookie_needed"], true);
}

#[test]
fn the_iframe_page_is_kept_for_good_and_framed_by_anybody() {
    let server = EchoServer::start();
    let page = server.get("/echo/iframe.html");
    for path in
        ["/iframe-a.html", "/iframe-.html", "/iframe-0.1.2abc-dirty.2144.html", "/iframe-a.html?t=1234"]
    {
        let answer = server.get(&format!("/echo{path}"));
        assert_eq!((answer.head.status, &answer.body), (200, &page.body), "{path}");
    }
    assert!(page.body.starts_with("<!DOCTYPE html>\n<html>\n<head>\n"), "{}", page.body);
    assert!(page.body.contains("    document.domain = document.domain;\n    SockJS.bootstrap_iframe();\n"));
    assert_eq!(page.head.content_type(), "text/html;charset=UTF-8");
    assert_eq!(page.head.header("cache-control"), "public, max-age=31536000");
    assert!(page.head.header("expires").ends_with(" GMT"));
    for absent in ["x-frame-options", "last-modified", "set-cookie"] {
        assert_eq!(page.head.header(absent), "", "{absent}");
    }
    assert!(page.head.header("content-security-policy").contains("script-src 'unsafe-inline'"));
    let tag = page.head.header("etag");
    assert!(tag.starts_with('"'));
    let held = ask(server.address, "GET /echo/iframe.html", &[("If-None-Match", tag)], "");
    assert_eq!((held.head.status, held.body.as_str()), (304, ""));
    assert_eq!((held.head.header("content-type"), held.head.header("etag")), ("", tag));
    for path in ["/IFRAME.HTML", "/iframe.HTML", "/iframe.xml", "/iframe-/.html"] {
        assert_eq!(server.get(&format!("/echo{path}")).head.status, 404, "{path}");
    }
}

#[test]
fn what_only_old_browsers_need_is_not_there_by_default() {
    let server = EchoServer::start();
    for (method, path) in [
        ("GET", "/iframe.html"),
        ("GET", "/0/a/htmlfile?c=c"),
        ("GET", "/0/a/jsonp?c=c"),
        ("POST", "/0/a/jsonp_send"),
    ] {
        let answer = ask(server.address, &format!("{method} /modern_echo{path}"), &[], "");
        assert_eq!(answer.head.status, 404, "{path}");
        assert_eq!(answer.head.header("x-frame-options"), "DENY", "{path}");
    }
    assert_eq!(server.post("/modern_echo/0/a/xhr", "").body, "o\n");
}

#[test]
fn a_method_that_is_not_for_a_path_is_told_which_are() {
    let server = EchoServer::start();
    for (start, allow) in [
        ("POST /echo/0/0/websocket", "GET"),
        ("POST /echo/websocket", "GET"),
        ("GET /echo/0/0/xhr", "OPTIONS, POST"),
        ("PUT /echo/0/0/xhr_streaming", "OPTIONS, POST"),
        ("DELETE /echo/0/0/xhr_send", "OPTIONS, POST"),
        ("POST /echo/0/0/eventsource", "OPTIONS, GET"),
        ("POST /echo/0/0/jsonp", "GET"),
        ("GET /echo/0/0/jsonp_send", "POST"),
        ("POST /echo/info", "OPTIONS, GET, HEAD"),
        ("POST /echo", "GET, HEAD"),
    ] {
        let answer = ask(server.address, start, &[], "");
        assert_eq!((answer.head.status, answer.body.as_str()), (405, ""), "{start}");
        assert_eq!((answer.head.header("allow"), answer.head.header("content-type")), (allow, ""), "{start}");
    }
}

#[test]
fn plain_answers_are_as_http_1_0_and_1_1_have_them() {
    let server = EchoServer::start();
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let mut connection = RawHttp::connect(server.address);
        for _ in 0..2 {
            let start = format!("GET /echo {version}");
            let answer = connection.ask(&start, &[("Connection", "Keep-Alive")], "");
            assert_eq!((answer.head.status, answer.body.as_str()), (200, "Welcome to SockJS!\n"));
            assert_eq!(answer.head.header("transfer-encoding"), "");
            assert_eq!(answer.head.header("content-length"), "19");
            assert_ne!(answer.head.header("connection"), "close");
        }
    }
}

#[test]
fn the_real_server_has_its_bases_where_they_are_configured() {
    let server = Server::ready(&[]);
    for base in ["/sockjs", "/portfolio"] {
        assert_eq!(server.get(base).body, "Welcome to SockJS!\n");
        assert_eq!(server.get(&format!("{base}/info")).json()["websocket"], true);
        assert_eq!(server.get(&format!("{base}/iframe.html")).status, 404);
    }
    assert_eq!(server.get("/sockjs/info").header("x-frame-options"), "DENY");

    let server = Server::ready(&[
        "--sockjs-bases",
        "/quotes/live",
        "--sockjs-cookie",
        "--sockjs-legacy-transports",
        "--sockjs-client-url",
        "/sockjs.min.js",
    ]);
    assert_eq!(server.get("/quotes/live/info").json()["cookie_needed"], true);
    let page = server.get("/quotes/live/iframe.html");
    assert!(page.body.contains("<script src=\"/sockjs.min.js\"></script>"), "{}", page.body);
    assert_eq!(page.header("x-frame-options"), "");
    assert_eq!(server.get("/sockjs/info").status, 404);

    let server = Server::ready(&["--sockjs-bases", "none"]);
    assert_eq!(server.get("/sockjs/info").status, 404);
}
