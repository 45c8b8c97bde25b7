//! HTTP as it stands on the wire: chunk by chunk, in old versions, from chosen addresses.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

use super::wait::PATIENCE;

/// One connection to a server.
pub(crate) struct RawHttp {
    reader: BufReader<TcpStream>,
    host: SocketAddr,
    /// Whether the head of the last request's answer is still to be read.
    is_before_head: bool,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) version: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

/// An answer that ended.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) head: Head,
    pub(crate) body: String,
}

/// Where a connection comes from, and how much it takes before somebody reads.
#[derive(Clone, Copy, Default)]
pub(crate) struct From {
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) receive_buffer: Option<usize>,
}

impl From {
    /// A connection from there.
    pub(crate) fn connect(self, host: SocketAddr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if let Some(bytes) = self.receive_buffer {
            // Before the connection is made: afterwards the window that was offered stays.
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        if let Some(address) = self.address {
            socket.bind(&SocketAddr::new(IpAddr::V4(address), 0).into()).unwrap();
        }
        socket.connect(&host.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

impl Head {
    /// A header's value; empty if it isn't there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The content type without spaces, in which servers differ.
    pub(crate) fn content_type(&self) -> String {
        self.header("content-type").replace(' ', "")
    }
}

impl RawHttp {
    pub(crate) fn connect(host: SocketAddr) -> Self {
        Self::connect_from(host, From::default())
    }

    pub(crate) fn connect_from(host: SocketAddr, from: From) -> Self {
        Self { reader: BufReader::new(from.connect(host)), host, is_before_head: false }
    }

    /// Sends a request; `start` is such as `POST /echo/0/a/xhr` or has its own version at its end.
    pub(crate) fn send(&mut self, start: &str, headers: &[(&str, &str)], body: &str) {
        let version = if start.contains(" HTTP/") { "" } else { " HTTP/1.1" };
        let mut text = format!("{start}{version}\r\nHost: {}\r\n", self.host);
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let declares = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if start.starts_with("POST") && !declares {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.write(text.as_bytes());
        self.is_before_head = true;
    }

    pub(crate) const fn is_before_head(&self) -> bool {
        self.is_before_head
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// The next answer's head.
    #[track_caller]
    pub(crate) fn head(&mut self) -> Head {
        self.is_before_head = false;
        let start = self.line();
        let mut parts = start.splitn(3, ' ');
        let version = parts.next().and_then(|text| text.strip_prefix("HTTP/")).unwrap_or_else(|| {
            panic!("{start:?} is no answer's first line");
        });
        let (version, status) = (version.to_owned(), parts.next().unwrap().parse().unwrap());
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return Head { version, status, headers };
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// The next chunk of an answer in chunks; `None` at its end.
    #[track_caller]
    pub(crate) fn chunk(&mut self) -> Option<String> {
        let length = self.line();
        let length = usize::from_str_radix(&length, 16).unwrap_or_else(|_| panic!("{length:?} is no length"));
        let text = self.exactly(length);
        assert_eq!(self.line(), "", "a chunk ends with a line end");
        (length > 0).then_some(text)
    }

    /// So many bytes.
    #[track_caller]
    pub(crate) fn exactly(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// All that comes until the connection's end.
    #[track_caller]
    pub(crate) fn until_the_end(&mut self) -> String {
        let mut text = String::new();
        self.reader.read_to_string(&mut text).unwrap();
        text
    }

    /// A whole answer, whatever tells its length.
    #[track_caller]
    pub(crate) fn whole(&mut self) -> Whole {
        let head = self.head();
        let has_body = !matches!(head.status, 101 | 204 | 304);
        let body = if head.header("transfer-encoding") == "chunked" {
            std::iter::from_fn(|| self.chunk()).collect()
        } else if has_body && !head.header("content-length").is_empty() {
            self.exactly(head.header("content-length").parse().unwrap())
        } else if has_body {
            self.until_the_end()
        } else {
            String::new()
        };
        Whole { head, body }
    }

    /// A request and its whole answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, start: &str, headers: &[(&str, &str)], body: &str) -> Whole {
        self.send(start, headers, body);
        self.whole()
    }

    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the connection ended after {line:?}");
        line.trim_end_matches(['\r', '\n']).to_owned()
    }
}

/// A request on a connection of its own, and its whole answer.
#[track_caller]
pub(crate) fn ask(host: SocketAddr, start: &str, headers: &[(&str, &str)], body: &str) -> Whole {
    RawHttp::connect(host).ask(start, headers, body)
}
