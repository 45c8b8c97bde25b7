//! What a client says: STOMP frames as masked WebSocket messages, one a frame.

use crate::stomp::{FrameBuilder, HeartBeat, Version};

/// What a client says first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connect<'a> {
    /// The virtual host; some brokers hold several.
    pub host: &'a str,
    /// Who connects.
    pub login: Option<&'a str>,
    /// The password.
    pub passcode: Option<&'a str>,
    /// Which beats the client can send and wants.
    pub heart_beat: HeartBeat,
}

/// A wish for a destination's messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subscribe<'a> {
    /// Unique among the client's subscriptions.
    pub id: &'a str,
    /// What is subscribed to.
    pub destination: &'a str,
    /// The server's own headers, such as `max-rate`.
    pub headers: &'a [(String, String)],
    /// The name of the receipt that is asked for.
    pub receipt: Option<&'a str>,
}

/// Appends a client's frames to what it sends next.
///
/// "The masking key needs to be unpredictable" (RFC 6455 §5.3) where a page's script may choose what is sent; one key
/// for several frames is enough for a program that chooses by itself.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    mask: [u8; 4],
}

impl<'a> Writer<'a> {
    /// Writes to `out` with this masking key.
    pub const fn new(out: &'a mut Vec<u8>, mask: [u8; 4]) -> Self {
        Self { out, mask }
    }

    /// Speaks CONNECT, for STOMP 1.2.
    pub fn connect(&mut self, connect: &Connect<'_>) {
        let frame = FrameBuilder::new("CONNECT", Version::V1_2)
            .header("accept-version", Version::V1_2.name())
            .header("host", connect.host)
            .header("heart-beat", &connect.heart_beat.to_string())
            .optional("login", connect.login)
            .optional("passcode", connect.passcode);
        self.text(&frame.end());
    }

    /// Subscribes.
    pub fn subscribe(&mut self, subscribe: &Subscribe<'_>) {
        let frame = FrameBuilder::new("SUBSCRIBE", Version::V1_2)
            .header("id", subscribe.id)
            .header("destination", subscribe.destination);
        let further = subscribe.headers.iter().fold(frame, |frame, (name, value)| frame.header(name, value));
        self.text(&further.optional("receipt", subscribe.receipt).end());
    }

    /// Ends a subscription.
    pub fn unsubscribe(&mut self, id: &str, receipt: Option<&str>) {
        let frame = FrameBuilder::new("UNSUBSCRIBE", Version::V1_2).header("id", id);
        self.text(&frame.optional("receipt", receipt).end());
    }

    /// Sends JSON to a destination.
    pub fn send_json(&mut self, destination: &str, body: &[u8]) {
        let frame = FrameBuilder::new("SEND", Version::V1_2)
            .header("destination", destination)
            .header("content-type", "application/json");
        self.text(&frame.body(body));
    }

    /// Acknowledges the message whose header `ack` this is.
    pub fn ack(&mut self, id: &str) {
        self.text(&FrameBuilder::new("ACK", Version::V1_2).header("id", id).end());
    }

    /// Says that no further frame comes.
    pub fn disconnect(&mut self, receipt: Option<&str>) {
        self.text(&FrameBuilder::new("DISCONNECT", Version::V1_2).optional("receipt", receipt).end());
    }

    /// A heart-beat.
    pub fn beat(&mut self) {
        self.text(b"\n");
    }

    /// Answers a PING with its payload.
    pub fn pong(&mut self, payload: &[u8]) {
        self.message(PONG, payload);
    }

    /// Closes the WebSocket with a status code.
    pub fn close(&mut self, code: u16) {
        self.message(CLOSE, &code.to_be_bytes());
    }

    fn text(&mut self, frame: &[u8]) {
        self.message(TEXT, frame);
    }

    fn message(&mut self, first: u8, payload: &[u8]) {
        self.out.push(first);
        match payload.len() {
            length @ 0..126 => self.out.push(MASKED | length as u8),
            length @ 126..0x1_0000 => {
                self.out.push(MASKED | 126);
                self.out.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                self.out.push(MASKED | 127);
                self.out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        self.out.extend_from_slice(&self.mask);
        let masked = payload.iter().zip(self.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        self.out.extend(masked);
    }
}

// The bit of a final fragment, and opcodes.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8a;

const MASKED: u8 = 0x80;
