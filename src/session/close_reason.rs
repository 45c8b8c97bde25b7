//! Why sessions end: one table of code, text, metric label and log level; contract §5.6.

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client sent DISCONNECT.
    Disconnected,
    /// The client closed the WebSocket.
    ClientClosed,
    /// The connection broke.
    ConnectionLost,
    /// The server shuts down.
    Shutdown,
    /// The client broke STOMP or WebSocket.
    Protocol,
    /// The client sent text that isn't UTF-8.
    NotUtf8,
    /// The client sent something too big.
    TooBig,
    /// Nothing could be written within the send time limit.
    Slow,
    /// Ticks came faster than the client read them, and it wanted them all.
    TicksOverflow,
    /// No CONNECT in time.
    ConnectDeadline,
    /// Nothing came from the client, answers to PING included.
    Silent,
    /// The client wants more subscriptions than a session may have.
    TooManySubscriptions,
}

/// Who has to look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Sessions end like that.
    Expected,
    /// Somebody may want to mend a client or a network.
    Notable,
}

/// A row of the table.
struct Row {
    code: u16,
    text: &'static str,
    label: &'static str,
    severity: Severity,
}

impl CloseReason {
    /// Every reason there is.
    pub const ALL: [Self; 12] = [
        Self::Disconnected,
        Self::ClientClosed,
        Self::ConnectionLost,
        Self::Shutdown,
        Self::Protocol,
        Self::NotUtf8,
        Self::TooBig,
        Self::Slow,
        Self::TicksOverflow,
        Self::ConnectDeadline,
        Self::Silent,
        Self::TooManySubscriptions,
    ];

    const fn row(self) -> Row {
        use Severity::{Expected, Notable};
        let (code, text, label, severity) = match self {
            Self::Disconnected => (1000, "", "disconnected", Expected),
            Self::ClientClosed => (1000, "", "client_closed", Expected),
            // Never sent: there is nothing to send it on.
            Self::ConnectionLost => (1006, "", "connection_lost", Expected),
            Self::Shutdown => (1001, "server shuts down", "shutdown", Expected),
            Self::Protocol => (1002, "protocol error", "protocol_error", Notable),
            Self::NotUtf8 => (1007, "not UTF-8", "not_utf8", Notable),
            Self::TooBig => (1009, "too big", "too_big", Notable),
            Self::Slow => (4500, "nothing could be sent within the send time limit", "slow", Notable),
            Self::TicksOverflow => {
                (4500, "mode every: more ticks wait than can be held", "ticks_overflow", Notable)
            }
            Self::ConnectDeadline => (4408, "no CONNECT in time", "connect_deadline", Notable),
            // The peer is gone: nobody will read it.
            Self::Silent => (1001, "client is silent", "silent", Expected),
            Self::TooManySubscriptions => (4005, "too many subscriptions", "too_many_subscriptions", Notable),
        };
        Row { code, text, label, severity }
    }

    /// The WebSocket close code.
    pub const fn code(self) -> u16 {
        self.row().code
    }

    /// The close frame's text.
    pub const fn text(self) -> &'static str {
        self.row().text
    }

    /// The metric's `reason` label: one of a closed set.
    pub const fn label(self) -> &'static str {
        self.row().label
    }

    /// How loud the log has to be.
    pub const fn severity(self) -> Severity {
        self.row().severity
    }
}
