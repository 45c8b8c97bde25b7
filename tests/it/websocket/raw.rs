//! A client that writes frames byte by byte as it's told, and notes all that the server says until
//! the connection ends.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

use crate::support::{Frame, PATIENCE, Server};

// First bytes of frames.
pub(super) const TEXT: u8 = 0x81;
pub(super) const TEXT_BEGINS: u8 = 0x01;
pub(super) const BINARY: u8 = 0x82;
pub(super) const BINARY_BEGINS: u8 = 0x02;
pub(super) const CONTINUES: u8 = 0x00;
pub(super) const ENDS: u8 = 0x80;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;

/// A client's frame, masked, its length in the shortest form.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = header(first, payload.len() as u64);
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A header as far as its length.
pub(super) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = crate::support::masked_header(first, length);
    header.truncate(header.len() - 4);
    header
}

pub(super) fn close(code: u16) -> Vec<u8> {
    frame(CLOSE, &code.to_be_bytes())
}

/// A STOMP frame whose receipt comes back.
pub(super) fn echo(text: &str) -> String {
    format!("UNSUBSCRIBE\nid:none\nreceipt:{text}\n\n\0")
}

/// A message whose receipt comes back.
pub(super) fn echo_frame(text: &str) -> Vec<u8> {
    frame(TEXT, echo(text).as_bytes())
}

/// Writes the frames on a connected session, whole and octet by octet, and compares what the server
/// says until it has ended the connection: `RECEIPT x`, `PONG x`, `CLOSE code`.
#[track_caller]
pub(super) fn check(server: &Server, case: &str, frames: &[Vec<u8>], expected: &[&str]) {
    let bytes = frames.concat();
    for chunk in [1, usize::MAX] {
        if chunk == 1 && bytes.len() > 1000 {
            continue;
        }
        let mut client = RawClient::connect(server);
        client.write(&bytes, chunk);
        assert_eq!(client.read_to_end(), expected, "{case}, written in pieces of {chunk}");
    }
}

/// The server goes along with it to the client's close.
#[track_caller]
pub(super) fn passes(server: &Server, case: &str, frames: &[Vec<u8>], expected: &[&str]) {
    let frames = [frames, &[close(1000)]].concat();
    check(server, case, &frames, &[expected, &["CLOSE 1000"]].concat());
}

/// The server fails the connection, and doesn't answer what follows.
#[track_caller]
pub(super) fn fails(server: &Server, case: &str, frames: &[Vec<u8>], expected: &[&str]) {
    check(server, case, frames, &[expected, &["CLOSE 1002"]].concat());
}

/// A connected session on a socket.
pub(super) struct RawClient {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl RawClient {
    pub(super) fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self { stream, buffer: Vec::new() };
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        );
        let connect = frame(TEXT, b"CONNECT\naccept-version:1.2\nhost:x\nheart-beat:0,0\n\n\0");
        client.write(&[request.as_bytes(), &connect].concat(), usize::MAX);
        let end = loop {
            if let Some(at) = client.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(client.receive(), "the connection ended in the handshake");
        };
        assert!(client.buffer.starts_with(b"HTTP/1.1 101 "), "the upgrade is let in");
        client.buffer.drain(..end);
        assert_eq!(client.next().as_deref(), Some("CONNECTED"));
        client
    }

    /// Writes the bytes in pieces. The server may hang up meanwhile.
    pub(super) fn write(&mut self, bytes: &[u8], chunk: usize) {
        for piece in bytes.chunks(chunk) {
            if self.stream.write_all(piece).is_err() {
                return;
            }
        }
    }

    /// What the server says up to the end of the connection. A client's close is followed by that
    /// end; the server's own close is answered by an end of this side.
    pub(super) fn read_to_end(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(next) = self.next() {
            if next.starts_with("CLOSE") && next != "CLOSE 1000" {
                // It may be gone already.
                let _ = self.stream.shutdown(Shutdown::Write);
            }
            said.push(next);
        }
        said
    }

    /// The next frame in short; `None` at the end of the connection.
    pub(super) fn next(&mut self) -> Option<String> {
        loop {
            if let Some((first, payload)) = self.take_frame() {
                return Some(brief(first, &payload));
            }
            if !self.receive() {
                assert_eq!(self.buffer, b"", "the connection ended within a frame");
                return None;
            }
        }
    }

    /// False at the end of the connection.
    fn receive(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let length = self.stream.read(&mut chunk).expect("the connection ends in order, and in time");
        self.buffer.extend(&chunk[..length]);
        length > 0
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, second, rest @ ..] = &self.buffer[..] else { return None };
        assert_eq!(second & 0x80, 0, "a server's frames aren't masked");
        let (length, begin) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
            127 => panic!("the server has nothing so long to say here"),
            length => (usize::from(length), 2),
        };
        let first = *first;
        let payload = self.buffer.get(begin..begin + length)?.to_vec();
        self.buffer.drain(..begin + length);
        Some((first, payload))
    }
}

fn brief(first: u8, payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    match first {
        TEXT => {
            let frame = Frame::parse(&text);
            match frame.command.as_str() {
                "RECEIPT" => format!("RECEIPT {}", frame.expect("receipt-id")),
                "ERROR" => format!("ERROR {}", frame.expect("message")),
                command => command.to_owned(),
            }
        }
        PONG => format!("PONG {text}"),
        CLOSE => match payload.first_chunk() {
            Some(code) => format!("CLOSE {}", u16::from_be_bytes(*code)),
            None => "CLOSE".to_owned(),
        },
        other => panic!("the server sends {other:#x}"),
    }
}
