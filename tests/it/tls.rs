//! `https` and `wss` without a proxy: the handshake, the certificate's exchange, and that a session is
//! the same as without.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, pki_types::CertificateDer};
use tungstenite::Message;

use crate::support::{
    Authority, Client, Feed, Incoming, PATIENCE, Server, Transport, eventually, eventually_is, run_to_the_end,
};

const HTTP_1_1: &[&str] = &["http/1.1"];

/// A server under TLS, and what its clients and its files are.
pub(crate) struct Secured {
    pub(crate) server: Server,
    authority: Authority,
    files: tempfile::TempDir,
}

impl Secured {
    pub(crate) fn start(flags: &[&str]) -> Self {
        let (authority, files) = (Authority::new(), tempfile::tempdir().unwrap());
        authority.issue(files.path());
        let pair = pair_flags(files.path());
        let pair: Vec<&str> = pair.iter().map(String::as_str).collect();
        let server = Server::ready_with_tls(&[&pair, flags].concat(), authority.client(HTTP_1_1));
        Self { server, authority, files }
    }

    /// Writes the authority's certificate to a file; its path.
    pub(crate) fn write_authority(&self) -> String {
        let path = self.files.path().join("authority.pem");
        fs::write(&path, self.authority.pem()).unwrap();
        path.display().to_string()
    }

    fn reloads(&self, result: &str) -> f64 {
        self.server.metric(&format!("tickcast_tls_reloads_total{{result=\"{result}\"}}"))
    }

    fn refused(&self, reason: &str) -> f64 {
        self.server.metric(&format!("tickcast_connections_refused_total{{reason=\"{reason}\"}}"))
    }
}

fn pair_flags(files: &Path) -> [String; 4] {
    let path = |name: &str| files.join(name).display().to_string();
    ["--tls-certificate".into(), path("certificate.pem"), "--tls-key".into(), path("key.pem")]
}

/// The certificate that a new connection is shown, and the protocol that is agreed upon.
fn shake_hands(
    server: &Server,
    config: Arc<ClientConfig>,
) -> Result<(CertificateDer<'static>, String), String> {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let Transport::Tls(mut tls) = Transport::tls(stream, config) else { unreachable!("it's TLS") };
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock).map_err(|error| error.to_string())?;
    }
    let shown = tls.conn.peer_certificates().expect("servers show one")[0].clone().into_owned();
    let protocol = tls.conn.alpn_protocol().unwrap_or_default();
    Ok((shown, String::from_utf8_lossy(protocol).into_owned()))
}

#[test]
fn a_session_over_wss_gets_its_prices_and_ends_at_once() {
    let secured = Secured::start(&[]);
    let feed = Feed::to(&secured.server);
    let mut client = Client::connect(&secured.server);
    client.subscribe("1", "A");
    let seq = feed.tick("A", r#""price":1"#);
    assert_eq!(client.frame().seq(), seq);
    let asked = Instant::now();
    client.send_message(Message::Close(None));
    assert_eq!(client.close_code(), 1000);
    // `close_notify`, then the connection's end: rustls takes an end without it for an attack.
    assert_eq!(client.transport().read(&mut [0; 16]).unwrap(), 0);
    assert_eq!(client.transport().tcp().read(&mut [0; 16]).unwrap(), 0);
    // actix would wait a second for the client.
    assert!(asked.elapsed() < Duration::from_millis(900), "{:?}", asked.elapsed());
    secured.server.await_metric("tickcast_sessions_closed_total{reason=\"client_closed\"}", 1.0);
    drop(client);
    // What asks is one itself.
    secured.server.await_metric("tickcast_connections", 1.0);
}

#[test]
fn only_http_1_1_is_agreed_upon() {
    let secured = Secured::start(&[]);
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], Some("http/1.1")),
        (HTTP_1_1, Some("http/1.1")),
        (&[], Some("")),
        (&["h2"], None),
    ] {
        let told = shake_hands(&secured.server, secured.authority.client(offered));
        assert_eq!(
            told.as_ref().ok().map(|(_, protocol)| protocol.as_str()),
            agreed,
            "{offered:?}: {told:?}"
        );
    }
    secured.server.await_metric("tickcast_connections_refused_total{reason=\"tls_handshake\"}", 1.0);
}

#[test]
fn a_stalled_client_is_told_only_the_newest_states_under_tls_too() {
    let secured = Secured::start(&["--send-deadline-s", "600"]);
    let server = &secured.server;
    let feed = Feed::to(server);
    let symbols: Vec<String> = (0..250).map(|number| format!("S{number:03}")).collect();
    let last = |price| {
        let last = feed.round(&symbols, price);
        server.await_seq("S249", last);
    };
    last(1);
    let mut client = Client::with_receive_buffer(server, 8 * 1024);
    client.subscribe("all", "*");
    (2..40).for_each(last);
    let sent = "tickcast_sent_bytes_total{transport=\"websocket\"}";
    server.await_metric("tickcast_slow_sessions", 1.0);
    let bytes = server.metric(sent);
    (40..=80).for_each(last);
    // As without TLS: a chunk in the kernel and one that waits for it. What TLS holds isn't done.
    assert!(bytes < 128.0 * 1024.0, "{bytes} bytes were accepted for a client that doesn't read");
    assert_eq!(server.metric(sent), bytes, "a full socket takes nothing more");
    let mut current = 0;
    let frames = client.frames_until(|frame| {
        current += usize::from(frame.json()["price"] == 80);
        current == symbols.len()
    });
    assert!(frames.len() < 1000, "{} messages for {} symbols", frames.len(), symbols.len());
    let conflated: u64 = frames.iter().map(crate::support::Frame::conflated).sum();
    assert!(conflated > 0);
}

#[test]
fn a_renewed_pair_is_shown_after_a_hang_up_and_sessions_stay() {
    let secured = Secured::start(&[]);
    let feed = Feed::to(&secured.server);
    let mut client = Client::connect(&secured.server);
    client.subscribe("1", "A");
    let shown = || shake_hands(&secured.server, secured.authority.client(HTTP_1_1)).unwrap().0;
    let renewed = secured.authority.issue(secured.files.path());
    assert_ne!(shown(), renewed);
    secured.server.process.signal("HUP");
    eventually_is("the new certificate is shown", &renewed, shown);
    assert!(secured.reloads("ok") >= 1.0);
    let seq = feed.tick("A", r#""price":1"#);
    assert_eq!(client.frame().seq(), seq);
}

#[test]
fn a_pair_that_changes_on_disk_is_shown_without_being_asked() {
    let (authority, files) = (Authority::new(), tempfile::tempdir().unwrap());
    let directory = |name: &str| {
        let path = files.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    // As Kubernetes mounts a secret: files are links into `..data`, which is a link to what is current.
    let (old, new) = (directory("old"), directory("new"));
    authority.issue(&old);
    let renewed = authority.issue(&new);
    symlink("old", files.path().join("..data")).unwrap();
    for name in ["certificate.pem", "key.pem"] {
        symlink(Path::new("..data").join(name), files.path().join(name)).unwrap();
    }
    let pair = pair_flags(files.path());
    let pair: Vec<&str> = pair.iter().map(String::as_str).collect();
    let server = Server::ready_with_tls(&pair, authority.client(HTTP_1_1));
    let shown = || shake_hands(&server, authority.client(HTTP_1_1)).unwrap().0;
    assert_ne!(shown(), renewed);
    symlink("new", files.path().join("..tmp")).unwrap();
    fs::rename(files.path().join("..tmp"), files.path().join("..data")).unwrap();
    eventually_is("the new certificate is shown", &renewed, shown);

    // As an ACME client does: one file after the other is renamed over.
    let third = directory("third");
    let renewed = authority.issue(&third);
    for name in ["certificate.pem", "key.pem"] {
        fs::rename(third.join(name), new.join(name)).unwrap();
    }
    eventually_is("the third certificate is shown", &renewed, shown);
    assert_eq!(server.metric("tickcast_tls_reloads_total{result=\"failed\"}"), 0.0);
}

#[test]
fn a_bad_pair_is_told_of_and_the_old_one_stays() {
    let secured = Secured::start(&[]);
    let shown = || shake_hands(&secured.server, secured.authority.client(HTTP_1_1)).unwrap().0;
    let good = shown();
    fs::write(secured.files.path().join("certificate.pem"), "no certificate\n").unwrap();
    eventually("the failure is counted", || match secured.reloads("failed") {
        1.0 => Ok(()),
        other => Err(other.to_string()),
    });
    let log = secured.server.process.log().join("\n");
    assert!(
        log.contains("the TLS certificate in use stays") && log.contains("certificate.pem holds no"),
        "{log}"
    );
    assert_eq!(shown(), good);
    let renewed = secured.authority.issue(secured.files.path());
    eventually_is("the next good one is shown", &renewed, shown);
}

#[test]
fn plain_http_to_the_tls_port_is_told_what_to_do() {
    let secured = Secured::start(&[]);
    let mut stream = TcpStream::connect(secured.server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nthis port speaks TLS: ask for https:\n"), "{answer}");
    assert_eq!(secured.refused("tls_handshake"), 1.0);
}

#[test]
fn a_handshake_that_is_not_made_ends_at_its_deadline() {
    let secured = Secured::start(&["--request-deadline-s", "1"]);
    let silent = TcpStream::connect(secured.server.address).unwrap();
    let mut halfway = TcpStream::connect(secured.server.address).unwrap();
    halfway.write_all(&[22, 3, 1, 2, 0]).unwrap();
    for mut stream in [silent, halfway] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
    }
    assert_eq!(secured.refused("tls_deadline"), 2.0);
}

/// What a client says first: its ClientHello.
fn hello(authority: &Authority) -> Vec<u8> {
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(authority.client(HTTP_1_1), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// A connection from an address of loopback.
fn saying_from(address: [u8; 4], server: &Server, bytes: &[u8]) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(bytes).unwrap();
    stream
}

#[test]
fn who_only_begins_a_handshake_or_leaves_it_takes_nobodys_turn() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    // With a turn for each a handshake would have to wait for 3 s, which is longer than it may.
    let secured = Secured::start(&["--request-deadline-s", "4"]);
    let hello = hello(&secured.authority);
    let client = || secured.authority.client(HTTP_1_1);
    for _ in 0..3000 {
        drop(saying_from([127, 0, 0, 1], &secured.server, &hello));
    }
    shake_hands(&secured.server, client()).unwrap();
    let _begun: Vec<_> = (0..3000).map(|_| saying_from([127, 0, 0, 1], &secured.server, &[22])).collect();
    shake_hands(&secured.server, client()).unwrap();
    assert_eq!(secured.refused("crowded_out"), 0.0);
}

#[test]
fn an_address_that_makes_many_handshakes_does_not_keep_others_from_theirs() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let secured = Secured::start(&["--request-deadline-s", "60"]);
    let hello = hello(&secured.authority);
    let many: Vec<_> = (0..3000).map(|_| saying_from([127, 0, 0, 2], &secured.server, &hello)).collect();
    shake_hands(&secured.server, secured.authority.client(HTTP_1_1)).unwrap();
    let is_answered = |stream: &&TcpStream| {
        stream.set_nonblocking(true).unwrap();
        stream.peek(&mut [0]).is_ok_and(|bytes| bytes > 0)
    };
    let answered = many.iter().filter(is_answered).count();
    assert!(answered < many.len(), "the handshake came after all of the {answered} before it");
    // They have theirs all the same.
    eventually("all are answered", || match many.iter().filter(is_answered).count() {
        3000 => Ok(()),
        answered => Err(answered.to_string()),
    });
}

#[test]
fn a_first_message_that_is_too_long_ends_the_handshake() {
    let secured = Secured::start(&[]);
    // A ClientHello of 48 KiB, in records of 16 KiB.
    let record = |begin: &[u8]| [&[22, 3, 1, 0x40, 0], begin, &vec![0; 0x4000 - begin.len()]].concat();
    let mut stream = TcpStream::connect(secured.server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&record(&[1, 0, 0xc0, 0])).unwrap();
    // It may be reset while that's written.
    let _ = stream.write_all(&record(&[]));
    assert!(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)));
    assert_eq!(secured.refused("tls_handshake"), 1.0);
}

#[test]
fn a_client_that_leaves_without_close_notify_has_left() {
    let secured = Secured::start(&[]);
    let client = Client::connect(&secured.server);
    // Under TLS dropping the stream says nothing, as a killed browser.
    drop(client);
    secured.server.await_metric("tickcast_sessions_closed_total{reason=\"connection_lost\"}", 1.0);
}

#[test]
fn a_signal_closes_sessions_under_tls_with_1001() {
    let mut secured = Secured::start(&[]);
    let mut client = Client::connect(&secured.server);
    secured.server.process.signal("TERM");
    assert_eq!(client.next(), Incoming::Closed(1001, "server shuts down".to_owned()));
    assert_eq!(client.next(), Incoming::Lost);
    assert_eq!(secured.server.process.await_exit().code(), Some(0));
}

#[test]
fn a_pair_that_can_not_be_used_ends_the_start_with_code_1_and_its_file() {
    let (authority, files) = (Authority::new(), tempfile::tempdir().unwrap());
    let path = |name: &str| files.path().join(name).display().to_string();
    authority.issue(files.path());
    fs::rename(path("key.pem"), path("other-key.pem")).unwrap();
    authority.issue(files.path());
    fs::write(path("text.pem"), "no certificate\n").unwrap();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    for (pair, told) in [
        (
            (Some(&certificate), None),
            "flag --tls-certificate: a certificate is of use together with its key only",
        ),
        ((None, Some(&key)), "flag --tls-key: a key is of use together with its certificate only"),
        (
            (Some(&path("absent.pem")), Some(&key)),
            "flag --tls-certificate: ABSENT: can't be read: No such file",
        ),
        (
            (Some(&certificate), Some(&path("absent.pem"))),
            "flag --tls-key: ABSENT: can't be read: No such file",
        ),
        ((Some(&path("text.pem")), Some(&key)), "text.pem holds no certificate"),
        ((Some(&certificate), Some(&path("text.pem"))), "text.pem holds no private key"),
        (
            (Some(&certificate), Some(&path("other-key.pem"))),
            "other-key.pem is not that of the certificate in",
        ),
    ] {
        let told = told.replace("ABSENT", &path("absent.pem"));
        for command in ["serve", "check-config"] {
            let mut arguments = vec![command, "--log-level", "error"];
            pair.0.iter().for_each(|file| arguments.extend(["--tls-certificate", file]));
            pair.1.iter().for_each(|file| arguments.extend(["--tls-key", file]));
            let (code, log) = run_to_the_end(&arguments);
            assert_eq!(code, Some(1), "{arguments:?}: {log:#?}");
            let [line] = log.as_slice() else { panic!("one line: {log:#?}") };
            assert!(line.contains(&told), "{told:?}: {line}");
        }
    }
}

#[test]
fn a_key_that_everybody_can_read_looks_unwise() {
    let (authority, files) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.issue(files.path());
    let key = files.path().join("key.pem");
    for (mode, told) in [(0o644, 1), (0o640, 0)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let pair = pair_flags(files.path());
        let arguments: Vec<&str> =
            ["check-config"].into_iter().chain(pair.iter().map(String::as_str)).collect();
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_tickcast")).args(arguments).output().unwrap();
        let table = String::from_utf8(output.stdout).unwrap();
        let found = table.matches("unwise: tls_key: every user of this machine can read ").count();
        assert_eq!(found, told, "{mode:o}: {table}");
    }
}
