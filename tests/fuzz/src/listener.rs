//! A client's ears: judges everything that a session says to it.

use std::collections::HashMap;

use tickcast::{session::FrameSink, stomp::Version};

/// What a client has heard so far.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    stage: Stage,
    /// The version that CONNECTED told.
    version: Option<Version>,
    /// The `seq` of the last MESSAGE for each subscription and destination.
    seen: HashMap<(Option<String>, String), u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
enum Stage {
    #[default]
    Begun,
    Connected,
    /// After an ERROR.
    Refused,
    Closed,
}

/// One chunk that is being filled.
pub(crate) struct Chunk<'a> {
    listener: &'a mut Listener,
    bytes: usize,
}

impl Listener {
    pub(crate) fn begin(&mut self) -> Chunk<'_> {
        Chunk { listener: self, bytes: 0 }
    }

    fn frame(&mut self, text: &str) {
        let frame = Frame::parse(text, self.version);
        match frame.command {
            "CONNECTED" => {
                let version = frame.header("version").expect("CONNECTED tells the version");
                self.version = Version::ALL.into_iter().find(|it| it.name() == version);
                assert!(self.version.is_some(), "{version:?} is a version");
                assert_eq!(self.stage, Stage::Begun, "one CONNECTED, and first");
                self.stage = Stage::Connected;
            }
            "ERROR" => {
                assert!(self.stage < Stage::Refused, "one ERROR");
                assert!(frame.header("message").is_some_and(|message| !message.is_empty()));
                self.stage = Stage::Refused;
            }
            "RECEIPT" => {
                assert_eq!(self.stage, Stage::Connected, "receipts are for connected clients");
                assert!(frame.header("receipt-id").is_some());
            }
            "MESSAGE" => {
                assert_eq!(self.stage, Stage::Connected, "prices are for connected clients");
                self.message(&frame);
            }
            other => panic!("a server sends no {other:?}"),
        }
    }

    /// "For a symbol, `seq` only rises within a subscription"; an id that is used again begins with
    /// a snapshot of what may have been sent before. Subscriptions of 1.0 may have none.
    fn message(&mut self, frame: &Frame<'_>) {
        let header = |name| frame.header(name).unwrap_or_else(|| panic!("a MESSAGE without {name}"));
        if !header("destination").starts_with("/topic/price.stock.") {
            // A notice tells a status, which has no history.
            header("message-id");
            return;
        }
        let seq: u64 = header("seq").parse().expect("seq is a number");
        let subscription = frame.header("subscription");
        assert!(subscription.is_some() || self.version == Some(Version::V1_0));
        // An id may be empty, which isn't the same as none.
        let key = (subscription.map(str::to_owned), header("destination").to_owned());
        let may_repeat = header("type") == "snapshot" || subscription.is_none();
        let last = self.seen.insert(key, seq);
        let least = last.map_or(0, |last| if may_repeat { last } else { last + 1 });
        assert!(seq >= least, "{seq} after {last:?}");
    }
}

impl FrameSink for Chunk<'_> {
    fn frame(&mut self, parts: &[&[u8]]) {
        let bytes = parts.concat();
        self.bytes += bytes.len();
        let text = str::from_utf8(&bytes).expect("a text message is UTF-8");
        assert!(self.listener.stage < Stage::Closed, "{text:?} after the close");
        if text == "\n" {
            assert_eq!(self.listener.stage, Stage::Connected, "beats are for connected clients");
        } else {
            self.listener.frame(text);
        }
    }

    fn ping(&mut self) {
        assert!(self.listener.stage < Stage::Refused, "a PING after the end");
        self.bytes += 2;
    }

    fn pong(&mut self, payload: &[u8]) {
        assert!(self.listener.stage < Stage::Refused, "a PONG after the end");
        assert!(payload.len() <= 125);
        self.bytes += 2 + payload.len();
    }

    fn close(&mut self, code: u16, text: &str) {
        assert!(self.listener.stage < Stage::Closed, "a second close");
        assert!((1000..5000).contains(&code) && !matches!(code, 1004..=1006 | 1015), "{code}");
        assert!(text.len() <= 123);
        self.listener.stage = Stage::Closed;
        self.bytes += 4 + text.len();
    }

    fn len(&self) -> usize {
        self.bytes
    }
}

/// A server's frame, read by the letter of its version.
struct Frame<'a> {
    command: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Frame<'a> {
    fn parse(text: &'a str, version: Option<Version>) -> Self {
        let (head, rest) = text.split_once("\n\n").expect("a head ends with an empty line");
        let mut lines = head.split('\n');
        let command = lines.next().expect("there is a first line");
        let headers: Vec<_> =
            lines.map(|line| line.split_once(':').expect("a header is name:value")).collect();
        for (name, value) in &headers {
            assert!(!name.is_empty());
            // Neither is escaped in CONNECTED, nor before it.
            for text in [name, value].iter().filter(|_| command != "CONNECTED") {
                check_escapes(text, version.unwrap_or(Version::V1_0));
            }
        }
        let frame = Self { command, headers };
        let body = rest.strip_suffix('\0').expect("a frame ends with NUL");
        match frame.header("content-length") {
            Some(length) => assert_eq!(length.parse(), Ok(body.len())),
            None => assert_eq!(body, "", "a body has a length"),
        }
        frame
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

fn check_escapes(text: &str, version: Version) {
    assert!(!text.contains('\r'), "{text:?} isn't escaped");
    if version == Version::V1_0 {
        return;
    }
    assert!(!text.contains(':'), "{text:?} isn't escaped");
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('\\') {
        let is_known =
            after.starts_with(['n', 'c', '\\']) || (after.starts_with('r') && version == Version::V1_2);
        assert!(is_known, "{text:?} has an undefined escape");
        rest = &after[1..];
    }
}
