//! How it starts, how it ends, and what it says when it can't start; contract §2.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use crate::support::{Client, Feed, Incoming, Process, Server, eventually, run_to_the_end};

/// The one line that tells a user why the command failed.
fn the_reason<'a>(log: &'a [String], part: &str) -> &'a str {
    let told: Vec<&String> = log.iter().filter(|line| line.contains(part)).collect();
    assert_eq!(told.len(), 1, "one line names {part}: {log:#?}");
    told[0]
}

#[test]
fn a_port_in_use_ends_the_start_with_code_2_and_its_address() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let (code, log) = run_to_the_end(&["serve", "--listen", &address]);
    assert_eq!(code, Some(2), "{log:#?}");
    assert!(the_reason(&log, &address).contains("in use"), "{log:#?}");
}

#[test]
fn a_brokers_port_in_use_ends_the_start_with_code_2_and_its_address() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let port = address.port().to_string();
    let (code, log) = run_to_the_end(&["serve", "--listen", "127.0.0.1:0", "--embedded-kafka-port", &port]);
    assert_eq!(code, Some(2), "{log:#?}");
    assert!(the_reason(&log, &address.to_string()).contains("in use"), "{log:#?}");
}

#[test]
fn an_unreachable_broker_ends_the_start_with_code_2_and_its_address() {
    // Bound and not listening: nobody else takes the port, and nobody answers.
    let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    held.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let address = held.local_addr().unwrap().as_socket().unwrap().to_string();
    let (code, log) =
        run_to_the_end(&["serve", "--listen", "127.0.0.1:0", "--kafka", &address, "--kafka-deadline-s", "1"]);
    assert_eq!(code, Some(2), "{log:#?}");
    let told = format!("error: no Kafka broker answers at {address} within 1 s: ");
    assert!(the_reason(&log, &told).contains("Connection refused"), "{log:#?}");
}

#[test]
fn a_wrong_flag_ends_the_start_with_code_1_and_its_name() {
    for (flags, name) in [
        (["--listen", "nowhere"], "--listen"),
        (["--max-symbols", "many"], "--max-symbols"),
        (["--allowed-origins", "https://a/path"], "--allowed-origins"),
    ] {
        let (code, log) = run_to_the_end(&["serve", flags[0], flags[1]]);
        assert_eq!(code, Some(1), "{flags:?}: {log:#?}");
        assert!(log.iter().any(|line| line.contains(name) && line.contains(flags[1])), "{log:#?}");
    }
}

#[test]
fn what_serve_refuses_check_config_refuses_too_and_neither_tells_a_value() {
    for property in ["sasl.pasword=hunter2", "security.protocol=hunter2"] {
        let refuse =
            |command| run_to_the_end(&[command, "--log-level", "error", "--kafka-property", property]);
        let (code, log) = refuse("serve");
        assert_eq!(code, Some(1), "{log:#?}");
        let name = property.split('=').next().unwrap();
        assert!(the_reason(&log, name).starts_with("error: flag --kafka-property: "), "{log:#?}");
        assert!(!log.join("\n").contains("hunter2"), "{log:#?}");
        assert_eq!(refuse("demo"), (code, log.clone()));
        assert_eq!(refuse("check-config"), (code, log));
    }
}

#[test]
fn the_reason_is_an_event_where_the_log_is_for_machines() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    for (flags, part) in
        [(["--listen", &address], "in use"), (["--config", "/no/such.toml"], "/no/such.toml")]
    {
        let arguments = [&["serve", "--log-format", "json", "--log-level", "off"][..], &flags].concat();
        let (_, log) = run_to_the_end(&arguments);
        let [line] = log.as_slice() else { panic!("one line: {log:#?}") };
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["level"], "ERROR", "{line}");
        assert!(event["message"].as_str().unwrap().contains(part), "{line}");
    }
}

#[test]
fn the_start_tells_where_everything_is_and_that_the_broker_keeps_nothing() {
    let process = Process::start(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(process.line().starts_with("page    http://127.0.0.1:"));
    let kafka = process.line();
    assert!(kafka.starts_with("kafka   127.0.0.1:") && kafka.ends_with(" topic ticks"), "{kafka}");
    assert!(process.line().contains("embedded: for development only, it keeps nothing"));
}

#[test]
fn a_signal_closes_every_session_with_1001_and_the_process_with_code_0() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::ready(&["--workers", "2"]);
        let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(&server)).collect();
        for client in &mut clients {
            client.subscribe("1", "*");
        }
        // Not even connected.
        clients.push(Client::open(&server));
        server.process.signal(signal);
        for client in &mut clients {
            assert_eq!(client.next(), Incoming::Closed(1001, "server shuts down".to_owned()), "SIG{signal}");
            assert_eq!(client.next(), Incoming::Lost);
        }
        assert_eq!(server.process.await_exit().code(), Some(0), "SIG{signal}");
        let log = server.process.log().join("\n");
        assert!(log.contains(&format!("SIG{signal}")) && log.contains(r#""sessions_left":0"#), "{log}");
    }
}

#[test]
fn a_stalled_client_does_not_keep_the_process() {
    let mut server = Server::ready(&["--shutdown-grace-s", "1", "--send-deadline-s", "600"]);
    let feed = Feed::to(&server);
    let mut stalled = Client::with_receive_buffer(&server, 8 * 1024);
    stalled.subscribe("all", "*");
    let symbols: Vec<String> = (0..300).map(|number| format!("S{number}")).collect();
    for price in 1..=10 {
        let last = feed.round(&symbols, price);
        server.await_seq(symbols.last().expect("there are symbols"), last);
    }
    server.await_metric("tickcast_slow_sessions", 1.0);
    let told = Instant::now();
    server.process.signal("TERM");
    assert_eq!(server.process.await_exit().code(), Some(0));
    // A grace of a second, and what a busy machine adds.
    assert!(told.elapsed() < Duration::from_secs(15), "{:?}", told.elapsed());
    drop(stalled);
}

#[test]
fn a_signal_during_the_start_ends_it_with_code_0() {
    let mut server = Server::starting(&["--kafka", "127.0.0.1:1", "--kafka-deadline-s", "600"]);
    assert_eq!(server.get("/livez").status, 200);
    server.process.signal("TERM");
    assert_eq!(server.process.await_exit().code(), Some(0));
}

#[test]
fn a_hang_up_during_the_start_ends_nothing() {
    let mut server = Server::starting(&["--kafka", "127.0.0.1:1", "--kafka-deadline-s", "600"]);
    server.process.signal("HUP");
    eventually("it says that there is nothing to reload", || {
        let log = server.process.log().join("\n");
        if log.contains("there is no TLS certificate to reload") { Ok(()) } else { Err(log) }
    });
    assert_eq!(server.get("/livez").status, 200);
    server.process.signal("TERM");
    assert_eq!(server.process.await_exit().code(), Some(0));
}

#[test]
fn signals_are_answered_as_soon_as_the_start_tells_anything() {
    // Its address is told before the embedded broker is caught up with.
    let mut process = Process::start(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(process.line().starts_with("page "));
    for signal in ["HUP", "TERM"] {
        process.signal(signal);
    }
    assert_eq!(process.await_exit().code(), Some(0), "{:?}", process.log());
}
