//! For tests: a sink that remembers what was said, as text.

use super::FrameSink;

/// What a session said, one entry a frame.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// Frames as text; `PING`, `PONG payload` and `CLOSE code text` for the transport's own.
    pub(crate) said: Vec<String>,
    /// What each frame pretends to be long, beyond its own bytes.
    padding_bytes: usize,
    bytes: usize,
}

impl Recorder {
    /// A recorder to which each frame is so much longer.
    pub(crate) fn with_padding(padding_bytes: usize) -> Self {
        Self { padding_bytes, ..Self::default() }
    }

    fn note(&mut self, text: String) {
        self.bytes += text.len() + self.padding_bytes;
        self.said.push(text);
    }
}

impl FrameSink for Recorder {
    fn frame(&mut self, parts: &[&[u8]]) {
        self.note(String::from_utf8(parts.concat()).expect("frames are text"));
    }

    fn ping(&mut self) {
        self.note("PING".to_owned());
    }

    fn pong(&mut self, payload: &[u8]) {
        self.note(format!("PONG {}", String::from_utf8_lossy(payload)));
    }

    fn close(&mut self, code: u16, text: &str) {
        self.note(format!("CLOSE {code} {text}").trim_end().to_owned());
    }

    fn len(&self) -> usize {
        self.bytes
    }
}

/// A frame in short: its command, and what tells it from others of the command.
pub(crate) fn brief(frame: &str) -> String {
    let header = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
    match frame.lines().next() {
        Some("") => "beat".to_owned(),
        Some("ERROR") => format!("ERROR {}", header("message:").unwrap_or_default()),
        Some("RECEIPT") => format!("RECEIPT {}", header("receipt-id:").unwrap_or_default()),
        Some(command) => command.to_owned(),
        None => String::new(),
    }
}
