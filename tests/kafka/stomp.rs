//! The smallest STOMP 1.2 client over a WebSocket: connect, subscribe, read frames.

use std::{collections::HashMap, net::TcpStream};

use tungstenite::{Message, WebSocket, client::IntoClientRequest, http::HeaderValue};

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
        let stream = server.connect();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = stream.peer_addr().unwrap();
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("v12.stomp"));
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        let mut session = Self { socket };
        session.send("CONNECT\naccept-version:1.2\nhost:localhost\nheart-beat:0,0\n\n\0");
        assert_eq!(session.frame().command, "CONNECTED");
        session
    }

    /// Subscribes and waits for the receipt: the live route stands.
    pub(crate) fn subscribe(&mut self, destination: &str) {
        self.send(&format!("SUBSCRIBE\nid:s\ndestination:{destination}\nreceipt:r\n\n\0"));
        let receipt = self.frame();
        assert_eq!((receipt.command.as_str(), receipt.headers["receipt-id"].as_str()), ("RECEIPT", "r"));
    }

    /// The next frame; heart-beats are skipped.
    pub(crate) fn frame(&mut self) -> Frame {
        loop {
            if let Message::Text(text) = self.socket.read().unwrap()
                && let text = text.trim_start_matches(['\n', '\r'])
                && !text.is_empty()
            {
                return parse(text);
            }
        }
    }

    fn send(&mut self, frame: &str) {
        self.socket.send(Message::text(frame)).unwrap();
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
