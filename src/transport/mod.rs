//! Transports: how a session's output becomes bytes on a socket, and a socket's bytes input.

pub mod application;
pub mod connection;
pub mod exchange;
pub mod link;
pub(crate) mod room;
pub mod socket;
pub mod stream;
pub mod tls;
pub mod turns;
pub mod waiting;
pub mod websocket;

/// How a session reaches its client: that by which it was opened, since a SockJS client may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket, SockJS's raw one included.
    Websocket,
    /// A WebSocket with SockJS's framing.
    SockjsWebsocket,
    /// SockJS, streaming.
    XhrStreaming,
    /// SockJS, polling.
    Xhr,
    /// SockJS, server-sent events.
    EventSource,
    /// SockJS, scripts of a page.
    HtmlFile,
    /// SockJS, polling by scripts.
    Jsonp,
}

impl Transport {
    /// Every transport there is, in the order of their discriminants.
    pub const ALL: [Self; 7] = [
        Self::Websocket,
        Self::SockjsWebsocket,
        Self::XhrStreaming,
        Self::Xhr,
        Self::EventSource,
        Self::HtmlFile,
        Self::Jsonp,
    ];

    /// The metrics' `transport` label: one of a closed set.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::SockjsWebsocket => "sockjs_websocket",
            Self::XhrStreaming => "xhr_streaming",
            Self::Xhr => "xhr",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
            Self::Jsonp => "jsonp",
        }
    }
}
