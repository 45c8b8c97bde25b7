//! What the engine counts, against what the server says of itself.

use std::time::Duration;

use tickcast::load::{Load, Plan, Symbols};

use super::{plan, sessions};
use crate::support::{Feed, Server, eventually};

const MESSAGES: &str = "tickcast_messages_sent_total{transport=\"websocket\"}";
const BYTES: &str = "tickcast_sent_bytes_total{transport=\"websocket\"}";
const CONFLATED: &str = "tickcast_ticks_conflated_total";
const SESSIONS: &str = "tickcast_sessions{transport=\"websocket\"}";

fn symbols(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("S{number}")).collect()
}

/// Measures until the engine has read as many messages as the server has written.
fn await_agreement(load: &mut Load, server: &Server, least: u64) -> tickcast::load::Report {
    eventually("the engine has read what the server wrote", || {
        let written = server.metric(MESSAGES) as u64;
        let report = load.measure(Duration::from_millis(20)).unwrap();
        let agrees = report.messages_in_all == written && written >= least;
        if agrees { Ok(report) } else { Err(format!("{} of {written}", report.messages_in_all)) }
    })
}

#[test]
fn every_message_is_counted_in_order_and_up_to_the_newest() {
    let server = Server::ready(&["--workers", "2"]);
    let feed = Feed::to(&server);
    let symbols = symbols(10);
    let last = feed.round(&symbols, 1);
    server.await_seq("S9", last);

    let mut load = Load::open(plan(&server, 8, 5)).unwrap();
    assert_eq!((load.sessions().open, load.sessions().refused), (8, 0));
    let opening = load.opening();
    assert!(opening.with_snapshots && opening.sessions == 8 && opening.seconds > 0.0, "{opening:?}");
    let snapshots = await_agreement(&mut load, &server, 40);
    assert_eq!(snapshots.messages_in_all, 40, "a snapshot for each subscription");

    for price in 2..40 {
        let last = feed.round(&symbols, price);
        server.await_seq("S9", last);
    }
    let report = await_agreement(&mut load, &server, 41);
    assert_eq!(sessions(&report), (8, 0, 0));
    assert_eq!((report.disorder, report.behind, report.held), (0, 0, 40));
    assert_eq!(server.metric(SESSIONS), 8.0);
    load.close().unwrap();
    server.await_metric(SESSIONS, 0.0);
    server.await_metric("tickcast_sessions_closed_total{reason=\"client_closed\"}", 8.0);
}

#[test]
fn one_measurement_has_all_that_was_written_in_it() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let symbols = symbols(4);
    let last = feed.round(&symbols, 1);
    server.await_seq("S3", last);
    let mut load = Load::open(plan(&server, 2, 4)).unwrap();
    await_agreement(&mut load, &server, 8);

    let (bytes, conflated) = (server.metric(BYTES), server.metric(CONFLATED));
    let measured = std::thread::scope(|scope| {
        let measuring = scope.spawn(|| load.measure(Duration::from_secs(2)).unwrap());
        let mut price = 1;
        while !measuring.is_finished() {
            price += 1;
            let last = feed.round(&symbols, price);
            server.await_seq("S3", last);
        }
        measuring.join().unwrap()
    });
    let at_end = await_agreement(&mut load, &server, 9);
    // What came before and after the measurement is a few rounds.
    assert!(measured.messages > 8 && measured.messages <= at_end.messages_in_all - 8, "{measured:?}");
    assert!(measured.bytes as f64 <= server.metric(BYTES) - bytes, "{measured:?}");
    assert!(measured.conflated as f64 <= server.metric(CONFLATED) - conflated, "{measured:?}");
    assert!((2.0..10.0).contains(&measured.seconds), "{measured:?}");
    let (of_all, rate) = (measured.messages as f64, measured.messages_per_s * measured.seconds);
    assert!((of_all / rate - 1.0).abs() < 1e-9);
    assert!(measured.messages_of_a_session_min + measured.messages_of_a_session_max == measured.messages);
    assert!(measured.frames_per_read >= 1.0 && (200.0..600.0).contains(&measured.bytes_per_message));
    assert!(measured.generator.cpu_s > 0.0 && measured.generator.busy < 1.0);
    let cost = measured.server.expect("the server is found by its port");
    assert!(cost.name == "tickcast" && cost.cpu_s > 0.0 && cost.rss_before_bytes > 1 << 20, "{cost:?}");
    assert!(cost.threads.contains_key("ingest"), "{cost:?}");
}

#[test]
fn ages_are_of_updates_and_by_the_time_in_their_bodies() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let now_us = || tickcast::clock::now_us();
    let hour_us = 3_600_000_000;
    let last = feed.tick("S0", &format!("\"price\":1,\"time_us\":{}", now_us() - 2 * hour_us));
    server.await_seq("S0", last);
    let mut load = Load::open(plan(&server, 3, 1)).unwrap();
    assert_eq!(load.measure(Duration::ZERO).unwrap().age, None, "a snapshot's age says nothing");

    let ages = std::thread::scope(|scope| {
        let measuring = scope.spawn(|| load.measure(Duration::from_secs(1)).unwrap());
        while !measuring.is_finished() {
            let last = feed.tick("S0", &format!("\"price\":2,\"time_us\":{}", now_us() - 500_000));
            server.await_seq("S0", last);
        }
        measuring.join().unwrap().age.expect("updates tell their time")
    });
    assert!(ages.count > 0 && ages.ahead == 0 && ages.p50_ms >= 500.0 && ages.p50_ms < 30_000.0, "{ages:?}");
    assert!(
        ages.p50_ms <= ages.p90_ms && ages.p99_ms <= ages.p999_ms && ages.p999_ms <= ages.max_ms,
        "{ages:?}"
    );
}

#[test]
fn wildcards_are_followed_by_destination() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let symbols = symbols(30);
    let last = feed.round(&symbols, 1);
    server.await_seq("S29", last);
    let named = Symbols::Named(vec!["*".to_owned()]);
    let mut load = Load::open(Plan { symbols: named, ..plan(&server, 3, 1) }).unwrap();
    let last = feed.round(&symbols, 2);
    server.await_seq("S29", last);
    let report = await_agreement(&mut load, &server, 91);
    assert_eq!((report.held, report.behind, report.disorder), (90, 0, 0));
}

#[test]
fn stalled_sessions_stop_reading_and_the_others_go_on() {
    let server = Server::ready(&["--send-deadline-s", "1"]);
    let feed = Feed::to(&server);
    let symbols = symbols(250);
    let last = feed.round(&symbols, 1);
    server.await_seq("S249", last);
    let mut load = Load::open(Plan { stalled: 1, ..plan(&server, 2, 250) }).unwrap();
    assert_eq!(load.sessions().open, 2);
    let mut price = 1;
    eventually("the stalled session is closed as slow", || {
        price += 1;
        let last = feed.round(&symbols, price);
        server.await_seq("S249", last);
        let slow = server.metric("tickcast_sessions_closed_total{reason=\"slow\"}");
        if slow == 1.0 { Ok(()) } else { Err(slow.to_string()) }
    });
    let report = eventually("the other session has everything", || {
        let report = load.measure(Duration::from_millis(20)).unwrap();
        if report.behind == 0 { Ok(report) } else { Err(format!("{} behind", report.behind)) }
    });
    assert_eq!((report.held, report.disorder), (250, 0));
    assert_eq!(report.sessions.lost, 0);
}

#[test]
fn sessions_beyond_the_servers_limit_are_refused_with_its_words() {
    let server = Server::ready(&["--max-connections", "3"]);
    let load = Load::open(plan(&server, 5, 0)).unwrap();
    let sessions = load.sessions();
    assert_eq!((sessions.open, sessions.refused), (3, 2), "{sessions:?}");
    let (reason, count) = sessions.refused_reasons.first_key_value().unwrap();
    assert!(*count == 2 && reason.starts_with("the upgrade is refused with 503: "), "{sessions:?}");
}
