//! The smallest STOMP 1.2 client over a WebSocket: connect, subscribe, read frames.

use std::{collections::HashMap, io::ErrorKind, net::TcpStream, time::Duration};

use tungstenite::{Error, Message, WebSocket, client::IntoClientRequest, http::HeaderValue};

use crate::{harness::PATIENCE, server::Server};

/// A connected session.
pub(crate) struct Session {
    socket: WebSocket<TcpStream>,
}

/// A frame of the server.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Its first line.
    pub(crate) command: String,
    /// Its headers; the first of a name counts.
    pub(crate) headers: HashMap<String, String>,
    /// What follows the empty line.
    pub(crate) body: String,
}

impl Session {
    /// Upgrades, says CONNECT and waits for CONNECTED.
    pub(crate) fn connect(server: &Server) -> Self {
        Self::open(server.port()).unwrap()
    }

    /// The same at a port where maybe nobody listens.
    pub(crate) fn open(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("ws://127.0.0.1:{port}/ws").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("v12.stomp"));
        let (socket, _) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
        let mut session = Self { socket };
        session.send("CONNECT\naccept-version:1.2\nhost:localhost\nheart-beat:0,0\n\n\0")?;
        match session.next()? {
            Some(frame) if frame.command == "CONNECTED" => Ok(session),
            other => Err(format!("{other:?}")),
        }
    }

    /// Subscribes and waits for the receipt: the live route stands.
    pub(crate) fn subscribe(&mut self, destination: &str) {
        self.ask("s", destination).unwrap();
        let receipt = self.frame();
        assert_eq!((receipt.command.as_str(), receipt.headers["receipt-id"].as_str()), ("RECEIPT", "s"));
    }

    /// Subscribes by this id, and asks for a receipt of the same.
    pub(crate) fn ask(&mut self, id: &str, destination: &str) -> Result<(), String> {
        self.send(&format!("SUBSCRIBE\nid:{id}\ndestination:{destination}\nreceipt:{id}\n\n\0"))
    }

    /// How long [`Session::next`] waits.
    pub(crate) fn wait_for(&self, duration: Duration) {
        self.socket.get_ref().set_read_timeout(Some(duration)).unwrap();
    }

    /// The next frame; heart-beats are skipped.
    pub(crate) fn frame(&mut self) -> Frame {
        self.next().unwrap().unwrap_or_else(|| panic!("no frame within {PATIENCE:?}"))
    }

    /// The same; nothing when none came in time, an error when none will come any more.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, String> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let text = text.trim_start_matches(['\n', '\r']);
                    if !text.is_empty() {
                        return Ok(Some(parse(text)));
                    }
                }
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn send(&mut self, frame: &str) -> Result<(), String> {
        self.socket.send(Message::text(frame)).map_err(|error| error.to_string())
    }
}

fn parse(text: &str) -> Frame {
    let (head, body) = text.split_once("\n\n").expect("a frame has an empty line after its headers");
    let mut lines = head.lines();
    let command = lines.next().expect("a frame has a command").to_owned();
    let mut headers = HashMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        headers.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    Frame { command, headers, body: body.trim_end_matches('\0').to_owned() }
}
