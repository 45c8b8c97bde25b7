//! A STOMP client of the real server over any of SockJS's transports.

use std::{
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use serde_json::Value;
use tungstenite::{Message, WebSocket};

use super::session;
use crate::support::{Frame, From, PATIENCE, RawHttp, Server, Whole};

pub(super) const TRANSPORTS: [&str; 7] =
    ["websocket", "sockjs_websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp"];

/// One session.
pub(super) struct StompClient {
    address: SocketAddr,
    pub(super) session: String,
    path: String,
    receiver: Receiver,
    sender: Option<RawHttp>,
    /// What came and wasn't asked for yet.
    heard: std::collections::VecDeque<Heard>,
}

enum Receiver {
    Raw(WebSocket<TcpStream>),
    Framed(WebSocket<TcpStream>),
    /// The answer that is going on, if one is.
    Stream(Option<RawHttp>, From),
    Poll(RawHttp),
}

/// What a client hears.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Open,
    Heartbeat,
    Beat,
    Frame(Frame),
    Close(u16, String),
}

impl StompClient {
    /// A session of which nothing was heard yet.
    pub(super) fn open(server: &Server, transport: &str) -> Self {
        Self::open_from(server, transport, From::default())
    }

    pub(super) fn open_from(server: &Server, transport: &str, from: From) -> Self {
        let address = server.address;
        let session = session("/portfolio");
        let websocket = |path: &str| {
            tungstenite::client(format!("ws://{address}{path}"), from.connect(address)).unwrap().0
        };
        let (receiver, path) = match transport {
            "websocket" => (Receiver::Raw(websocket("/portfolio/websocket")), String::new()),
            "sockjs_websocket" => {
                (Receiver::Framed(websocket(&format!("{session}/websocket"))), String::new())
            }
            "xhr" => (Receiver::Poll(RawHttp::connect_from(address, from)), format!("POST {session}/xhr")),
            "jsonp" => {
                (Receiver::Poll(RawHttp::connect_from(address, from)), format!("GET {session}/jsonp?c=c"))
            }
            "xhr_streaming" => (Receiver::Stream(None, from), format!("POST {session}/xhr_streaming")),
            "eventsource" => (Receiver::Stream(None, from), format!("GET {session}/eventsource")),
            "htmlfile" => (Receiver::Stream(None, from), format!("GET {session}/htmlfile?c=c")),
            other => panic!("{other} is no transport"),
        };
        Self { address, session, path, receiver, sender: None, heard: std::collections::VecDeque::new() }
    }

    /// A connected session without heart-beats.
    pub(super) fn connect(server: &Server, transport: &str) -> Self {
        Self::connect_from(server, transport, From::default())
    }

    pub(super) fn connect_from(server: &Server, transport: &str, from: From) -> Self {
        let mut client = Self::open_from(server, transport, from);
        if !matches!(client.receiver, Receiver::Raw(_)) {
            assert_eq!(client.next(), Heard::Open, "{transport}");
        }
        client.send("CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0");
        assert_eq!(client.frame().command, "CONNECTED", "{transport}");
        client
    }

    /// Sends a frame, or frames.
    #[track_caller]
    pub(super) fn send(&mut self, text: &str) {
        let json = serde_json::to_string(&[text]).unwrap();
        match &mut self.receiver {
            Receiver::Raw(socket) => socket.send(Message::text(text)).unwrap(),
            Receiver::Framed(socket) => socket.send(Message::text(json)).unwrap(),
            Receiver::Stream(..) | Receiver::Poll(_) => {
                let answer = self.post(&json);
                assert_eq!(answer.head.status, 204, "{}", answer.body);
            }
        }
    }

    /// Sends the body of an `xhr_send`; the answer.
    pub(super) fn post(&mut self, body: &str) -> Whole {
        let sender = self.sender.get_or_insert_with(|| RawHttp::connect(self.address));
        sender.ask(&format!("POST {}/xhr_send", self.session), &[], body)
    }

    /// What comes next.
    #[track_caller]
    pub(super) fn next(&mut self) -> Heard {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "nothing is said within {PATIENCE:?}");
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            self.receive();
        }
    }

    /// The next frame; heart-beats of either kind are skipped.
    #[track_caller]
    pub(super) fn frame(&mut self) -> Frame {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "nothing but heart-beats within {PATIENCE:?}");
            match self.next() {
                Heard::Frame(frame) => return frame,
                Heard::Beat | Heard::Heartbeat => {}
                other => panic!("{other:?} instead of a frame"),
            }
        }
    }

    /// Reads frames until one is as wanted; all of them.
    #[track_caller]
    pub(super) fn frames_until(&mut self, mut is_last: impl FnMut(&Frame) -> bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame();
            let done = is_last(&frame);
            frames.push(frame);
            if done {
                return frames;
            }
        }
    }

    /// Subscribes to prices and waits for the receipt.
    #[track_caller]
    pub(super) fn subscribe(&mut self, symbol: &str) {
        self.send(&format!(
            "SUBSCRIBE\nid:1\ndestination:/topic/price.stock.{symbol}\nreceipt:subscribed\n\n\0"
        ));
        assert_eq!(self.frame().expect("receipt-id"), "subscribed");
    }

    /// All that is heard by one poll.
    #[track_caller]
    pub(super) fn poll(&mut self) -> Vec<Heard> {
        assert!(self.heard.is_empty() && matches!(self.receiver, Receiver::Poll(_)));
        self.receive();
        self.heard.drain(..).collect()
    }

    #[track_caller]
    fn receive(&mut self) {
        let text = match &mut self.receiver {
            Receiver::Raw(socket) => {
                if let Message::Text(text) = socket.read().unwrap() {
                    self.heard.push_back(heard_of(&text));
                }
                return;
            }
            Receiver::Framed(socket) => match socket.read().unwrap() {
                Message::Text(text) => text.to_string(),
                Message::Close(close) => panic!("{close:?} comes after SockJS's own"),
                _ => return,
            },
            Receiver::Poll(connection) => {
                let answer = connection.ask(&self.path, &[], "");
                assert_eq!(answer.head.status, 200, "{}", answer.body);
                answer.body
            }
            Receiver::Stream(answer, from) => {
                let connection = answer.get_or_insert_with(|| {
                    let mut connection = RawHttp::connect_from(self.address, *from);
                    connection.send(&self.path, &[], "");
                    connection
                });
                if connection.is_before_head() {
                    assert_eq!(connection.head().status, 200);
                    connection.chunk().expect("a stream begins with its prelude");
                }
                match connection.chunk() {
                    Some(chunk) => chunk,
                    None => {
                        *answer = None;
                        return;
                    }
                }
            }
        };
        self.take(&text);
    }

    /// Takes a SockJS frame as it stands in any of the transports.
    fn take(&mut self, text: &str) {
        let text = text.trim().trim_start_matches("data: ");
        let script = text
            .strip_prefix("/**/c(")
            .and_then(|rest| rest.strip_suffix(");"))
            .or_else(|| text.strip_prefix("<script>\np(")?.strip_suffix(");\n</script>"));
        let frame = match script {
            Some(string) => serde_json::from_str(string).unwrap(),
            None => text.to_owned(),
        };
        let json = || serde_json::from_str::<Value>(&frame[1..]).unwrap();
        match frame.as_bytes()[0] {
            b'o' => self.heard.push_back(Heard::Open),
            b'h' => self.heard.push_back(Heard::Heartbeat),
            b'a' => {
                let messages: Vec<String> = serde_json::from_value(json()).unwrap();
                assert!(!messages.is_empty(), "no frame says nothing");
                self.heard.extend(messages.iter().map(|message| heard_of(message)));
            }
            b'c' => {
                let (code, reason) = serde_json::from_value(json()).unwrap();
                self.heard.push_back(Heard::Close(code, reason));
            }
            _ => panic!("{frame:?} is no frame"),
        }
    }
}

fn heard_of(message: &str) -> Heard {
    if message == "\n" { Heard::Beat } else { Heard::Frame(Frame::parse(message)) }
}
