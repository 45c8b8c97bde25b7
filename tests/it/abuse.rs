//! What a hostile client costs: a bounded amount of memory for a bounded time, and a counter. All the
//! while somebody honest goes on getting prices.

mod honest;

use std::{
    cell::Cell,
    io::{Read, Write},
    net::TcpStream,
    sync::Mutex,
};

use socket2::{Domain, SockRef, Socket, Type};

use self::honest::Honest;
use crate::support::{Authority, Client, PATIENCE, Server, eventually, masked_header, refused, upgrade};

/// These load the machine; together they would disturb each other, and what they measure.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What a server takes whatever happens to it: buffers that grow with the feed, requests for its metrics.
const SLACK_KIB: u64 = 8 * 1024;

/// A server, somebody honest on it, and what it took before it's attacked.
struct Attacked {
    server: Server,
    honest: Honest,
    before_kib: u64,
    allowed_kib: Cell<u64>,
}

impl Attacked {
    fn start(server: Server) -> Self {
        let honest = Honest::start(&server);
        let before_kib = server.process.rss_kib();
        Self { server, honest, before_kib, allowed_kib: Cell::new(0) }
    }

    fn plain(flags: &[&str]) -> Self {
        Self::start(Server::ready(flags))
    }

    fn refused(&self, reason: &str) -> f64 {
        self.server.metric(&format!("tickcast_connections_refused_total{{reason=\"{reason}\"}}"))
    }

    fn closed(&self, reason: &str) -> f64 {
        self.server.metric(&format!("tickcast_sessions_closed_total{{reason=\"{reason}\"}}"))
    }

    fn silent(&self) -> TcpStream {
        TcpStream::connect(self.server.address).unwrap()
    }

    /// A connection on which these bytes were sent.
    fn saying(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = self.silent();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    }

    /// Waits until so many connections are open beside the honest one and the one that asks.
    #[track_caller]
    fn await_connections(&self, others: f64) {
        self.server.await_metric("tickcast_connections", 2.0 + others);
    }

    /// While it's attacked.
    #[track_caller]
    fn assert_grown_below(&self, kib: u64) {
        self.allowed_kib.set(kib.max(self.allowed_kib.get()));
        let grown_kib = self.server.process.rss_kib().saturating_sub(self.before_kib);
        assert!(grown_kib < kib + SLACK_KIB, "{grown_kib} KiB more, {kib} KiB and the slack are allowed");
    }

    /// Nobody is left, no memory came on top (the allocator keeps what it has for the next ones), and the
    /// honest one noticed nothing.
    #[track_caller]
    fn assert_over(self) {
        eventually("only the honest one is left", || match self.server.metric("tickcast_connections") {
            2.0 => Ok(()),
            other => Err(other.to_string()),
        });
        self.assert_grown_below(self.allowed_kib.get());
        self.honest.assert_undisturbed();
    }
}

fn one_at_a_time() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn slow_handshakes_and_half_open_connections_end_at_their_deadline() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&["--request-deadline-s", "2"]);
    let silent: Vec<_> = (0..500).map(|_| attacked.silent()).collect();
    let slow: Vec<_> = (0..500).map(|_| attacked.saying(b"GET /ws HTTP/1.1\r\nHost: a\r\n")).collect();
    attacked.await_connections(1000.0);
    // A task for each that says nothing, and two buffers of 8 KiB for each that says something.
    attacked.assert_grown_below(500 * 4 + 500 * 32);
    for mut stream in silent.into_iter().chain(slow) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    assert_eq!(attacked.refused("request_deadline"), 1000.0);
    attacked.assert_over();
}

#[test]
fn half_open_tls_handshakes_end_at_their_deadline() {
    let _alone = one_at_a_time();
    let (authority, files) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.issue(files.path());
    let path = |name: &str| files.path().join(name).display().to_string();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let flags = ["--tls-certificate", &certificate, "--tls-key", &key, "--request-deadline-s", "2"];
    let attacked = Attacked::start(Server::ready_with_tls(&flags, authority.client(&[])));
    let silent: Vec<_> = (0..250).map(|_| attacked.silent()).collect();
    // The record of a ClientHello of 16 KiB, of which the half comes.
    let half: Vec<_> = (0..250)
        .map(|_| attacked.saying(&[&[22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc][..], &[0; 8192]].concat()))
        .collect();
    attacked.await_connections(500.0);
    attacked.assert_grown_below(250 * 4 + 250 * 48);
    for mut stream in silent.into_iter().chain(half) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)));
    }
    assert_eq!(attacked.refused("tls_deadline"), 500.0);
    attacked.assert_over();
}

#[test]
fn every_request_of_a_connection_has_a_deadline() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&["--request-deadline-s", "1"]);
    let first = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut streams: Vec<_> = (0..100).map(|_| attacked.saying(first)).collect();
    for stream in &mut streams {
        let mut answer = Vec::new();
        while !answer.ends_with(b"{\"alive\":true}") {
            let mut chunk = [0; 1024];
            let length = stream.read(&mut chunk).unwrap();
            answer.extend(&chunk[..length]);
        }
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost").unwrap();
    }
    for stream in &mut streams {
        assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
    }
    assert_eq!(attacked.refused("request_deadline"), 100.0);
    attacked.assert_over();
}

#[test]
fn sessions_without_connect_end_at_their_deadline() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&["--connect-deadline-s", "1"]);
    let sessions: Vec<_> = (0..500).map(|_| Client::open(&attacked.server)).collect();
    attacked.assert_grown_below(500 * 48);
    for mut session in sessions {
        assert_eq!(session.frame().command, "ERROR");
        assert_eq!(session.close_code(), 4408);
    }
    attacked.server.await_metric("tickcast_sessions_closed_total{reason=\"connect_deadline\"}", 500.0);
    attacked.assert_over();
}

#[test]
fn a_flood_of_connections_makes_room_for_itself() {
    const FLOOD: usize = 6000;
    let _alone = one_at_a_time();
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let attacked = Attacked::plain(&["--request-deadline-s", "600"]);
    let mut flood = Vec::new();
    for at in 0..FLOOD {
        flood.push(attacked.silent());
        if at % 1000 == 999 {
            // Who asks is answered, whoever else waits.
            assert_eq!(attacked.server.get("/livez").status, 200);
            assert!(upgrade(&attacked.server, &[]).is_ok());
        }
    }
    let crowded_out = attacked.refused("crowded_out");
    assert!(crowded_out >= (FLOOD - 4096) as f64, "{crowded_out} made room");
    attacked.assert_grown_below(4096 * 4);
    drop(flood);
    attacked.assert_over();
}

#[test]
fn header_bombs_are_refused() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&["--request-deadline-s", "600"]);
    let head = |bytes: usize| {
        let header = format!("x-a: {}\r\n", "a".repeat(990));
        let headers = header.repeat(bytes / header.len() + 1);
        format!("GET /livez HTTP/1.1\r\nHost: a\r\n{}", &headers[..bytes - 31])
    };
    // Just what a head may have, and no end.
    let waiting: Vec<_> = (0..200).map(|_| attacked.saying(head(32 * 1024).as_bytes())).collect();
    attacked.await_connections(200.0);
    attacked.assert_grown_below(200 * (64 + 16));
    drop(waiting);
    for bytes in [33 * 1024, 200 * 1024] {
        let mut answer = [0; 12];
        attacked.saying(head(bytes).as_bytes()).read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431", "for {bytes} bytes");
    }
    let mut answer = [0; 12];
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(97));
    attacked.saying(many.as_bytes()).read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
    attacked.server.await_metric("tickcast_connections_refused_total{reason=\"head_too_big\"}", 3.0);
    attacked.saying(b"GET /livez\r\n\x01: \r\n\r\n").read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    attacked.server.await_metric("tickcast_connections_refused_total{reason=\"malformed\"}", 1.0);
    // And a body that comes with its head isn't one.
    let post =
        format!("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{}", "b".repeat(60_000));
    attacked.saying(post.as_bytes()).read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
    attacked.assert_over();
}

#[test]
fn declared_terabytes_cost_nothing() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&[]);
    let mut frame = Client::connect(&attacked.server);
    frame.write(&masked_header(0x82, 1 << 40)).unwrap();
    assert_eq!(frame.frame().expect("message"), "frame too big");
    assert_eq!(frame.close_code(), 1009);
    let mut stomp = Client::connect(&attacked.server);
    stomp.send("SEND\ndestination:/x\ncontent-length:1099511627776\n\n");
    assert_eq!(stomp.frame().expect("message"), "frame too big");
    assert_eq!(stomp.close_code(), 1009);
    attacked.server.await_metric("tickcast_sessions_closed_total{reason=\"too_big\"}", 2.0);
    let mut body = attacked.saying(b"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 1099511627776\r\n\r\n");
    let mut answer = [0; 12];
    body.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 405");
    drop((frame, stomp, body));
    attacked.assert_over();
}

#[test]
fn a_flood_of_frames_is_read_at_its_rate() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&["--ping-interval-s", "1"]);
    let clients: Vec<_> = (0..8).map(|_| Client::connect(&attacked.server)).collect();
    let frame = "UNSUBSCRIBE\nid:1\n\n\0";
    let flood = [masked_header(0x81, frame.len() as u64), frame.as_bytes().to_vec()].concat().repeat(1000);
    let streams: Vec<_> = clients.iter().map(Client::stream).collect();
    for stream in &streams {
        stream.set_nonblocking(true).unwrap();
        // They vanish: what isn't sent yet never will be.
        SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
    // As fast as they are taken, while the honest one gets a hundred prices.
    attacked.honest.while_it_gets(100, || {
        for mut stream in &streams {
            // Full: it isn't read from.
            let _ = stream.write(&flood);
        }
    });
    // What isn't read stands in the kernel.
    attacked.assert_grown_below(8 * 256);
    assert_eq!(attacked.closed("connection_lost"), 0.0, "they are slowed down, not cut off");
    drop((clients, streams));
    eventually("they are gone", || match attacked.closed("connection_lost") {
        8.0 => Ok(()),
        other => Err(other.to_string()),
    });
    attacked.assert_over();
}

#[test]
fn a_flood_of_subscriptions_ends_at_their_limit() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&["--frame-rate", "1000000", "--frame-burst", "1000000"]);
    let mut clients: Vec<_> = (0..8).map(|_| Client::connect(&attacked.server)).collect();
    for client in &mut clients {
        for number in 0..1025 {
            client.send(&format!("SUBSCRIBE\nid:{number}\ndestination:/topic/price.stock.S{number}\n\n\0"));
        }
    }
    attacked.assert_grown_below(8 * 1024);
    for client in &mut clients {
        assert_eq!(client.frame().expect("message"), "too many subscriptions");
        assert_eq!(client.close_code(), 4005);
    }
    attacked.server.await_metric("tickcast_sessions_closed_total{reason=\"too_many_subscriptions\"}", 8.0);
    drop(clients);
    attacked.assert_over();
}

#[test]
fn who_never_reads_is_cut_off() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&["--send-deadline-s", "1", "--request-deadline-s", "600"]);
    // More than the client's window and the kernel take of answers.
    let asks = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8);
    let streams: Vec<_> = (0..8)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_recv_buffer_size(8 * 1024).unwrap();
            socket.connect(&attacked.server.address.into()).unwrap();
            let stream: TcpStream = socket.into();
            SockRef::from(&stream).set_nonblocking(true).unwrap();
            let _ = (&stream).write(asks.as_bytes());
            stream
        })
        .collect();
    attacked.await_connections(8.0);
    attacked.assert_grown_below(8 * 512);
    attacked.assert_over();
    drop(streams);
}

#[test]
fn requests_do_not_pile_up_before_their_answers() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&[]);
    let eight = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8);
    let mut stream = attacked.saying(eight.as_bytes());
    let mut answers = Vec::new();
    while String::from_utf8_lossy(&answers).matches("{\"alive\":true}").count() < 8 {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).unwrap();
        assert_ne!(length, 0);
        answers.extend(&chunk[..length]);
    }
    let flood: Vec<_> = (0..100).map(|_| attacked.saying(eight.repeat(500).as_bytes())).collect();
    attacked.server.await_metric("tickcast_connections_refused_total{reason=\"requests_ahead\"}", 100.0);
    drop((stream, flood));
    attacked.assert_over();
}

#[test]
fn a_flood_of_sessions_is_let_in_at_its_rate() {
    let _alone = one_at_a_time();
    let attacked = Attacked::plain(&["--accept-rate", "1", "--accept-burst", "100"]);
    let sessions: Vec<_> = (0..500).filter_map(|_| upgrade(&attacked.server, &[]).ok()).collect();
    assert!((99..200).contains(&sessions.len()), "{} were let in", sessions.len());
    let answer = refused(&attacked.server, &[]);
    assert_eq!(answer.status(), 503);
    assert!(attacked.server.metric("tickcast_upgrades_refused_total{reason=\"accept_rate\"}") >= 300.0);
    drop(sessions);
    attacked.assert_over();
}
