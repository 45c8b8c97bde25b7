//! A client's frame, decoded.

/// The commands that a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the specification's own names")]
pub enum Command {
    Connect,
    Stomp,
    Send,
    Subscribe,
    Unsubscribe,
    Ack,
    Nack,
    Begin,
    Commit,
    Abort,
    Disconnect,
}

/// The longest command, `UNSUBSCRIBE`, has 11 bytes; contract §5.5 allows 16 before giving up.
pub(super) const COMMAND_BYTES_MAX: usize = 16;

const COMMANDS: [(&str, Command); 11] = [
    ("CONNECT", Command::Connect),
    ("STOMP", Command::Stomp),
    ("SEND", Command::Send),
    ("SUBSCRIBE", Command::Subscribe),
    ("UNSUBSCRIBE", Command::Unsubscribe),
    ("ACK", Command::Ack),
    ("NACK", Command::Nack),
    ("BEGIN", Command::Begin),
    ("COMMIT", Command::Commit),
    ("ABORT", Command::Abort),
    ("DISCONNECT", Command::Disconnect),
];

impl Command {
    /// Reads a command; they are case-sensitive.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        COMMANDS.iter().find(|(name, _)| name.as_bytes() == text).map(|(_, command)| *command)
    }

    /// The command as it stands on the wire.
    pub fn name(self) -> &'static str {
        COMMANDS.iter().find(|(_, command)| *command == self).map_or("", |(name, _)| name)
    }

    /// "Only the SEND, MESSAGE, and ERROR frames MAY have a body."
    pub(super) fn may_have_body(self) -> bool {
        self == Self::Send
    }

    /// Whether header escapes apply.
    pub(super) fn is_escaped(self) -> bool {
        !matches!(self, Self::Connect | Self::Stomp)
    }
}

/// A frame's headers in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The value of a header: of repeated ones the first, as the specification says.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn push(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// All of them, as they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many there are, repeated ones included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(headers: I) -> Self {
        Self(headers.into_iter().collect())
    }
}

/// A client's frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it asks for.
    pub command: Command,
    /// Its headers, unescaped.
    pub headers: Headers,
    /// Its body; empty on anything but SEND.
    pub body: Vec<u8>,
}
