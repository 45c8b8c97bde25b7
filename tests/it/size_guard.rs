//! What a client sends is refused by its declared length, before it is buffered; contract §5.5.

use crate::support::{Client, Server, eventually_is, masked_header};

const BEFORE_CONNECT: usize = 16 * 1024;
const CONNECTED: usize = 64 * 1024;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// A frame of exactly so many bytes: headers of 8,000 make up the length.
fn frame_of(length: usize, command: &str, headers: &str) -> String {
    let mut frame = format!("{command}\n{headers}\n");
    let mut left = length - frame.len() - "\n\0".len();
    while left > 0 {
        // No line shorter than `x:` and its end.
        let line = if left > 8_100 { 8_000 } else { left };
        frame.push_str(&format!("x:{}\n", "x".repeat(line - 3)));
        left -= line;
    }
    frame.push_str("\n\0");
    assert_eq!(frame.len(), length);
    frame
}

#[track_caller]
fn assert_too_big(client: &mut Client) {
    let error = client.frame();
    assert_eq!((error.command.as_str(), error.expect("message")), ("ERROR", "frame too big"));
    assert_eq!(client.close_code(), 1009);
}

#[test]
fn a_declared_terabyte_is_refused_before_memory_grows() {
    let server = Server::ready(&[]);
    let before_kib = server.process.rss_kib();
    let mut client = Client::open(&server);
    client.write(&masked_header(BINARY, 1 << 40)).unwrap();
    // The rest is sent nevertheless, until the server hangs up.
    let mut stream = client.stream();
    let flood = std::thread::spawn(move || {
        let megabyte = vec![b'x'; 1 << 20];
        (0..64).take_while(|_| std::io::Write::write_all(&mut stream, &megabyte).is_ok()).count()
    });
    assert_too_big(&mut client);
    let sent_mib = flood.join().unwrap();
    eventually_is("the session is gone", &0.0, || {
        server.metric("tickcast_sessions{transport=\"websocket\"}")
    });
    let grown_kib = server.process.rss_kib().saturating_sub(before_kib);
    assert!(grown_kib < 8 * 1024, "{grown_kib} KiB more after {sent_mib} MiB were sent");
    assert_eq!(server.metric("tickcast_sessions_closed_total{reason=\"too_big\"}"), 1.0);
}

#[test]
fn a_frame_may_have_16_kib_before_connect_and_64_kib_after() {
    let server = Server::ready(&[]);
    let connect = |length| frame_of(length, "CONNECT", "accept-version:1.2\nheart-beat:0,0");
    let unsubscribe = |length| frame_of(length, "UNSUBSCRIBE", "id:1\nreceipt:r");

    let mut client = Client::open(&server);
    client.send(&connect(BEFORE_CONNECT));
    assert_eq!(client.frame().command, "CONNECTED");
    client.send(&unsubscribe(CONNECTED));
    assert_eq!(client.frame().command, "RECEIPT");
    client.send(&unsubscribe(CONNECTED + 1));
    assert_too_big(&mut client);

    let mut client = Client::open(&server);
    client.send(&connect(BEFORE_CONNECT + 1));
    assert_too_big(&mut client);
}

#[test]
fn a_frame_that_comes_in_single_bytes_has_the_same_limit() {
    // So many messages cost as much as a thousand frames.
    let server = Server::ready(&["--frame-burst", "2000"]);
    let trickle = |frame: &str| -> Vec<u8> {
        let mut bytes = Vec::new();
        for byte in frame.bytes() {
            bytes.extend(masked_header(TEXT, 1));
            bytes.push(byte);
        }
        bytes
    };
    let frame = |length| frame_of(length, "CONNECT", "accept-version:1.2\nheart-beat:0,0");
    let mut client = Client::open(&server);
    client.write(&trickle(&frame(BEFORE_CONNECT))).unwrap();
    assert_eq!(client.frame().command, "CONNECTED");

    let mut client = Client::open(&server);
    client.write(&trickle(&frame(BEFORE_CONNECT + 1))).unwrap();
    assert_too_big(&mut client);
}

#[test]
fn fragments_of_one_message_have_the_same_limit() {
    let server = Server::ready(&[]);
    let mut client = Client::open(&server);
    let frame = frame_of(BEFORE_CONNECT + 1, "CONNECT", "accept-version:1.2");
    let mut bytes = Vec::new();
    for (at, piece) in frame.as_bytes().chunks(1000).enumerate() {
        let opcode = if at == 0 { 0x01 } else { 0x00 };
        bytes.extend(masked_header(opcode, piece.len() as u64));
        bytes.extend(piece);
    }
    client.write(&bytes).unwrap();
    assert_too_big(&mut client);
}
