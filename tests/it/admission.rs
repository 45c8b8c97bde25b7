//! How many are let in, from where, and how fast; contract §5.5.

use crate::support::{Client, Server, eventually, refused, upgrade};

/// Lets the tests say where a client is: they are the proxy.
const PROXY: [&str; 2] = ["--trusted-proxies", "127.0.0.1"];

fn server(flags: &[&str]) -> Server {
    Server::ready(&[&PROXY[..], flags].concat())
}

fn refusals(server: &Server, reason: &str) -> f64 {
    server.metric(&format!("tickcast_upgrades_refused_total{{reason=\"{reason}\"}}"))
}

#[track_caller]
fn await_log(server: &Server, part: &str) {
    eventually("it's logged", || {
        let log = server.process.log().join("\n");
        if log.contains(part) { Ok(()) } else { Err(log) }
    });
}

fn from(server: &Server, address: &str) -> Result<Client, (u16, u64)> {
    upgrade_with(server, "x-forwarded-for", address)
}

/// The status and `Retry-After` of who isn't let in.
fn upgrade_with(server: &Server, header: &'static str, value: &str) -> Result<Client, (u16, u64)> {
    upgrade(server, &[(header, value)]).map(|(client, _)| client).map_err(|answer| {
        let retry_after = answer.headers().get("retry-after").expect("it's told when to come again");
        (answer.status().as_u16(), retry_after.to_str().unwrap().parse().unwrap())
    })
}

#[test]
fn an_address_has_so_many_sessions_and_another_is_not_affected() {
    let server = server(&["--max-connections-per-ip", "2"]);
    let sessions = [from(&server, "198.51.100.1").unwrap(), from(&server, "198.51.100.1").unwrap()];
    let (status, retry_after) = from(&server, "198.51.100.1").err().expect("a third is refused");
    assert_eq!(status, 503);
    assert!((1..=30).contains(&retry_after), "{retry_after}");
    assert_eq!(refusals(&server, "connections_per_ip"), 1.0);
    await_log(&server, r#""client":"198.51.100.1","unknown_proxy":false"#);
    // What a client wrote before the proxy did counts for nothing.
    assert!(from(&server, "203.0.113.1, 198.51.100.1").is_err());
    let _others = [from(&server, "198.51.100.2").unwrap(), from(&server, "2001:db8:0:1::1").unwrap()];
    let _neighbour = from(&server, "2001:db8:0:1::2").unwrap();
    assert!(from(&server, "2001:db8:0:1:ff::3").is_err(), "one /64 is one address");
    drop(sessions);
    eventually("the place is free again", || {
        from(&server, "198.51.100.1").map(drop).map_err(|it| format!("{it:?}"))
    });
}

#[test]
fn the_standard_header_is_read_where_proxies_write_that_one() {
    let server = server(&["--max-connections-per-ip", "1", "--forwarded-header", "forwarded"]);
    let _first = upgrade_with(&server, "forwarded", r#"for="[2001:db8::1]:4711";proto=https"#).unwrap();
    assert!(upgrade_with(&server, "forwarded", r#"for="[2001:db8::2]""#).is_err());
    // Passed on as the client sent it.
    let _local = [from(&server, "198.51.100.1").unwrap(), from(&server, "198.51.100.1").unwrap()];
}

#[test]
fn nobody_believes_a_stranger() {
    let server = Server::ready(&["--max-connections-per-ip", "1", "--trusted-proxies", "192.0.2.0/24"]);
    let _sessions = [from(&server, "198.51.100.1").unwrap(), from(&server, "198.51.100.1").unwrap()];
    let foreign = refused(&server, &[("x-forwarded-for", "198.51.100.1"), ("origin", "http://evil.example")]);
    assert_eq!(foreign.status(), 403);
    await_log(&server, r#""client":"127.0.0.1","unknown_proxy":true"#);
}

#[test]
fn sessions_come_at_a_rate_from_an_address_and_in_all() {
    let slow = ["--accept-rate-per-ip", "0.001", "--accept-burst-per-ip", "2"];
    let server = server(&[&slow[..], &["--accept-rate", "0.001", "--accept-burst", "3"]].concat());
    let let_in: Vec<_> = (0..2).map(|_| from(&server, "198.51.100.1").unwrap()).collect();
    assert!(from(&server, "198.51.100.1").is_err());
    assert_eq!(refusals(&server, "accept_rate_per_ip"), 1.0);
    let _third = from(&server, "198.51.100.2").unwrap();
    // Those who come together are told to come again one after the other.
    let mut told: Vec<u64> = (3..9)
        .map(|last| from(&server, &format!("198.51.100.{last}")).err().expect("it's refused").1)
        .collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(refusals(&server, "accept_rate"), 6.0);
    // Sessions that are over give back their place, not their token.
    drop(let_in);
    assert!(from(&server, "198.51.100.1").is_err());
}

#[test]
fn a_thousand_sessions_from_this_machine_are_let_in_at_once() {
    let server = Server::ready(&["--max-connections-per-ip", "1", "--accept-rate-per-ip", "1"]);
    let sessions: Vec<Client> = (0..1000).map(|_| Client::open(&server)).collect();
    server.await_metric("tickcast_sessions{transport=\"websocket\"}", 1000.0);
    drop(sessions);
    server.await_metric("tickcast_sessions{transport=\"websocket\"}", 0.0);
}
