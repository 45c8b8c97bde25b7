//! Whose pages may connect, and who is sent away before the upgrade; contract §6, §5.5.

use crate::support::{Client, Server, eventually, refused, upgrade};

fn refusals(server: &Server, reason: &str) -> f64 {
    server.metric(&format!("tickcast_upgrades_refused_total{{reason=\"{reason}\"}}"))
}

#[test]
fn a_foreign_page_is_refused_before_the_upgrade_and_counted() {
    let server = Server::ready(&[]);
    let foreign = ["http://evil.example", "null", "https://127.0.0.1.evil.example"];
    for origin in foreign {
        let answer = refused(&server, &[("origin", origin)]);
        assert_eq!(answer.status(), 403, "{origin}");
        let told = server.get_with("/ws", &[("origin", origin)]).body;
        assert!(told.contains(origin), "{told}");
    }
    assert_eq!(refusals(&server, "origin"), 2.0 * foreign.len() as f64);
    assert_eq!(server.metric("tickcast_sessions_opened_total"), 0.0);
    eventually("it's logged", || {
        let log = server.process.log().join("\n");
        if log.contains("session refused") && log.contains("evil.example") { Ok(()) } else { Err(log) }
    });
}

#[test]
fn the_servers_own_page_and_clients_that_are_no_browsers_are_let_in() {
    let server = Server::ready(&[]);
    let own = format!("http://{}", server.address);
    assert!(upgrade(&server, &[("origin", &own)]).is_ok());
    assert!(upgrade(&server, &[]).is_ok());
    assert_eq!(refusals(&server, "origin"), 0.0);
}

#[test]
fn listed_origins_are_let_in_and_a_missing_one_only_if_it_may() {
    let server = Server::ready(&[
        "--allowed-origins",
        "https://a.example,https://*.b.example",
        "--allow-missing-origin",
        "false",
    ]);
    for (origin, is_let_in) in [
        ("https://a.example", true),
        ("https://desk.b.example", true),
        ("https://b.example", false),
        ("http://a.example", false),
        ("https://c.example", false),
    ] {
        assert_eq!(upgrade(&server, &[("origin", origin)]).is_ok(), is_let_in, "{origin}");
    }
    assert_eq!(refused(&server, &[]).status(), 403);
    assert_eq!(server.get("/ws").body, "a request without an origin is not allowed here\n");
}

#[test]
fn null_is_an_origin_like_any_other_and_a_star_is_all_of_them() {
    let named = Server::ready(&["--allowed-origins", "null"]);
    assert!(upgrade(&named, &[("origin", "null")]).is_ok());
    assert_eq!(refused(&named, &[("origin", "https://a.example")]).status(), 403);
    let any = Server::ready(&["--allowed-origins", "*", "--allow-missing-origin", "false"]);
    assert!(upgrade(&any, &[("origin", "null")]).is_ok());
    assert!(upgrade(&any, &[("origin", "https://a.example")]).is_ok());
    assert_eq!(refused(&any, &[]).status(), 403, "none is no origin");
}

#[test]
fn behind_a_proxy_that_ends_tls_the_own_page_is_https() {
    let server = Server::ready(&[]);
    let own = format!("https://{}", server.address);
    assert!(upgrade(&server, &[("origin", &own), ("x-forwarded-proto", "https")]).is_ok());
    // Whom a header calls the host counts for nothing: `Host` is what the browser asked.
    let foreign = [("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")];
    assert_eq!(refused(&server, &foreign).status(), 403);
}

#[test]
fn nobody_is_let_in_before_the_log_was_read() {
    // Nothing answers on port 1; the deadline is far away.
    let server = Server::starting(&["--kafka", "127.0.0.1:1", "--kafka-deadline-s", "600"]);
    let answer = refused(&server, &[]);
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(refusals(&server, "not_ready"), 1.0);
    let ready = server.get("/readyz");
    assert_eq!((ready.status, ready.header("retry-after")), (503, "1"));
    assert_eq!(ready.json()["ready"], false);
    assert_eq!(server.get("/livez").status, 200);
    // The origin first: a foreign page learns nothing of the server's state.
    assert_eq!(refused(&server, &[("origin", "http://evil.example")]).status(), 403);
}

#[test]
fn no_more_are_let_in_than_there_may_be() {
    let server = Server::ready(&["--max-connections", "1"]);
    let first = Client::connect(&server);
    let answer = refused(&server, &[]);
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(refusals(&server, "connections"), 1.0);
    // The origin first here too.
    assert_eq!(refused(&server, &[("origin", "http://evil.example")]).status(), 403);
    drop(first);
    eventually("the place is free again", || {
        upgrade(&server, &[]).map(drop).map_err(|answer| answer.status().to_string())
    });
}

#[test]
fn a_plain_request_is_no_upgrade() {
    let server = Server::ready(&[]);
    assert_eq!(server.get("/ws").status, 400);
    assert_eq!(refusals(&server, "handshake"), 1.0);
}
