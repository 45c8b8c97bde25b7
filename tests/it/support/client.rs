//! A STOMP client over a WebSocket that shows everything: beats, closes, and the bytes underneath.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use socket2::{Domain, Socket, Type};
use tungstenite::{
    HandshakeError, Message, WebSocket,
    client::IntoClientRequest,
    handshake::client::Response,
    http::{HeaderName, HeaderValue},
};

use super::{frame::Frame, server::Server, transport::Transport, wait::PATIENCE};

/// One WebSocket to a server.
pub(crate) struct Client {
    socket: WebSocket<Transport>,
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Frame(Frame),
    Beat,
    Ping,
    Pong(Vec<u8>),
    /// The close frame's code and text.
    Closed(u16, String),
    /// The connection ended without a close frame.
    Lost,
}

/// Asks for the upgrade with further headers; the answer if it's refused.
pub(crate) fn upgrade(
    server: &Server,
    headers: &[(&'static str, &str)],
) -> Result<(Client, Response), Box<Response>> {
    upgrade_on(server.connect(), server.address, headers)
}

/// The answer to an upgrade that has to be refused.
pub(crate) fn refused(server: &Server, headers: &[(&'static str, &str)]) -> Response {
    match upgrade(server, headers) {
        Ok(_) => panic!("the upgrade with {headers:?} is let in"),
        Err(answer) => *answer,
    }
}

fn upgrade_on(
    stream: Transport,
    address: SocketAddr,
    headers: &[(&'static str, &str)],
) -> Result<(Client, Response), Box<Response>> {
    let tcp = stream.tcp();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    tcp.set_nodelay(true).unwrap();
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    match tungstenite::client(request, stream) {
        Ok((socket, response)) => Ok((Client { socket }, response)),
        Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer),
        Err(other) => panic!("the upgrade failed: {other}"),
    }
}

impl Client {
    /// A WebSocket on which nothing was said yet.
    pub(crate) fn open(server: &Server) -> Self {
        upgrade(server, &[("sec-websocket-protocol", "v12.stomp")]).expect("the upgrade is let in").0
    }

    /// A connected session without heart-beats.
    pub(crate) fn connect(server: &Server) -> Self {
        let mut client = Self::open(server);
        client.say_connect();
        client
    }

    /// A connected session whose client takes `bytes` before it has to read.
    pub(crate) fn with_receive_buffer(server: &Server, bytes: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Before the connection is made: afterwards the window that was offered stays.
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.connect(&server.address.into()).unwrap();
        let transport = server.speak_on(socket.into());
        let (mut client, _) = upgrade_on(transport, server.address, &[]).expect("the upgrade is let in");
        client.say_connect();
        client
    }

    /// Sends a text message.
    #[track_caller]
    pub(crate) fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// Sends any message.
    #[track_caller]
    pub(crate) fn send_message(&mut self, message: Message) {
        self.socket.send(message).unwrap();
    }

    /// Writes bytes to the connection, past the WebSocket's framing.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.get_mut().write_all(bytes)
    }

    /// The connection underneath.
    pub(crate) fn stream(&self) -> TcpStream {
        self.socket.get_ref().tcp().try_clone().unwrap()
    }

    /// Speaks CONNECT, which has to be answered.
    pub(crate) fn say_connect(&mut self) {
        self.send("CONNECT\naccept-version:1.2\nhost:localhost\nheart-beat:0,0\n\n\0");
        assert_eq!(self.frame().command, "CONNECTED");
    }

    /// What the client has under its WebSocket.
    pub(crate) fn transport(&mut self) -> &mut Transport {
        self.socket.get_mut()
    }

    /// What comes next, whatever it is.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Incoming {
        match self.socket.read() {
            Ok(Message::Text(text)) if text.as_str() == "\n" => Incoming::Beat,
            Ok(Message::Text(text)) => Incoming::Frame(Frame::parse(&text)),
            Ok(Message::Ping(_)) => Incoming::Ping,
            Ok(Message::Pong(payload)) => Incoming::Pong(payload.to_vec()),
            Ok(Message::Close(close)) => {
                // The answer to it; the server may be gone.
                let _ = self.socket.flush();
                let (code, text) =
                    close.map_or((1005, String::new()), |it| (it.code.into(), it.reason.to_string()));
                Incoming::Closed(code, text)
            }
            Ok(other) => panic!("the server sends {other:?}"),
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing came within {PATIENCE:?}")
            }
            Err(_) => Incoming::Lost,
        }
    }

    /// The next frame; beats and pings are skipped.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        match self.next_spoken() {
            Incoming::Frame(frame) => frame,
            other => panic!("{other:?} instead of a frame"),
        }
    }

    /// The code of the close that has to come next.
    #[track_caller]
    pub(crate) fn close_code(&mut self) -> u16 {
        match self.next_spoken() {
            Incoming::Closed(code, _) => code,
            other => panic!("{other:?} instead of a close"),
        }
    }

    #[track_caller]
    pub(crate) fn next_spoken(&mut self) -> Incoming {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next() {
                Incoming::Beat | Incoming::Ping => {
                    assert!(Instant::now() < deadline, "nothing but beats within {PATIENCE:?}");
                }
                spoken => return spoken,
            }
        }
    }

    /// Reads frames until one is as wanted; answers all of them.
    #[track_caller]
    pub(crate) fn frames_until(&mut self, mut is_last: impl FnMut(&Frame) -> bool) -> Vec<Frame> {
        let deadline = Instant::now() + PATIENCE;
        let mut frames = Vec::new();
        loop {
            let frame = self.frame();
            let done = is_last(&frame);
            frames.push(frame);
            if done {
                return frames;
            }
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}; last: {:?}", frames.last());
        }
    }

    /// Subscribes to prices and waits for the receipt: the live route stands.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, id: &str, symbol: &str) -> Frame {
        self.send(&format!(
            "SUBSCRIBE\nid:{id}\ndestination:/topic/price.stock.{symbol}\nreceipt:subscribed-{id}\n\n\0"
        ));
        let receipt = self.frame();
        assert_eq!(receipt.command, "RECEIPT", "{receipt:?}");
        assert_eq!(receipt.expect("receipt-id"), format!("subscribed-{id}"));
        receipt
    }
}

/// The header of a client's WebSocket frame; masked with zeros, so that the payload stays as it is.
pub(crate) fn masked_header(first: u8, declared: u64) -> Vec<u8> {
    let mut header = vec![first];
    match declared {
        0..126 => header.push(0x80 | declared as u8),
        126..0x1_0000 => {
            header.push(0x80 | 126);
            header.extend((declared as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend(declared.to_be_bytes());
        }
    }
    header.extend([0; 4]);
    header
}
