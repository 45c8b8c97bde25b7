//! What is at which path below a base; protocol "Base URL" to "Session URLs".

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// The base itself.
    Greeting,
    /// `/info`.
    Info,
    /// `/iframe*.html`.
    Iframe,
    /// `/websocket`: without SockJS's framing.
    RawWebsocket,
    /// `/{server}/{session}/…`. The server's name is for load balancers, and ignored.
    Session {
        /// The session's name, the client's choice.
        session: &'a str,
        /// What is asked of it.
        endpoint: Endpoint,
    },
}

/// What is asked of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A session over a WebSocket.
    Websocket,
    /// One frame.
    Xhr,
    /// Frames until the limit.
    XhrStreaming,
    /// Takes messages.
    XhrSend,
    /// Frames as events.
    EventSource,
    /// Frames as scripts of a page.
    HtmlFile,
    /// One frame as a script.
    Jsonp,
    /// Takes messages of a form.
    JsonpSend,
}

/// Clients' names have 3 and 8 characters (sockjs-client) or are UUIDs (Spring).
const NAME_BYTES_MAX: usize = 128;

impl<'a> Route<'a> {
    /// Reads the decoded path behind `base/`; empty for the base with or without its slash.
    pub fn parse(tail: &'a str) -> Option<Self> {
        match tail {
            "" => return Some(Self::Greeting),
            "info" => return Some(Self::Info),
            "websocket" => return Some(Self::RawWebsocket),
            _ => {}
        }
        let mut segments = tail.split('/');
        match (segments.next(), segments.next(), segments.next(), segments.next()) {
            (Some(page), None, ..) => is_iframe(page).then_some(Self::Iframe),
            (Some(server), Some(session), Some(endpoint), None) => {
                let endpoint = Endpoint::parse(endpoint)?;
                (is_name(server) && is_name(session)).then_some(Self::Session { session, endpoint })
            }
            _ => None,
        }
    }

    /// Whether it serves browsers that are gone: it widens what foreign pages can reach, and is off by default.
    pub const fn is_legacy(self) -> bool {
        match self {
            Self::Iframe => true,
            Self::Session { endpoint, .. } => {
                matches!(endpoint, Endpoint::HtmlFile | Endpoint::Jsonp | Endpoint::JsonpSend)
            }
            Self::Greeting | Self::Info | Self::RawWebsocket => false,
        }
    }

    /// Whether it's a WebSocket.
    pub const fn is_websocket(self) -> bool {
        matches!(self, Self::RawWebsocket | Self::Session { endpoint: Endpoint::Websocket, .. })
    }

    /// The methods that are answered, as `Allow` has them.
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Greeting | Self::Iframe => &["GET", "HEAD"],
            Self::Info => &["OPTIONS", "GET", "HEAD"],
            Self::RawWebsocket => &["GET"],
            Self::Session { endpoint, .. } => match endpoint {
                Endpoint::Websocket | Endpoint::HtmlFile | Endpoint::Jsonp => &["GET"],
                Endpoint::EventSource => &["OPTIONS", "GET"],
                Endpoint::Xhr | Endpoint::XhrStreaming | Endpoint::XhrSend => &["OPTIONS", "POST"],
                Endpoint::JsonpSend => &["POST"],
            },
        }
    }
}

impl Endpoint {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "websocket" => Self::Websocket,
            "xhr" => Self::Xhr,
            "xhr_streaming" => Self::XhrStreaming,
            "xhr_send" => Self::XhrSend,
            "eventsource" => Self::EventSource,
            "htmlfile" => Self::HtmlFile,
            "jsonp" => Self::Jsonp,
            "jsonp_send" => Self::JsonpSend,
            _ => return None,
        })
    }
}

/// Neither empty nor with a dot, says the protocol; without a semicolon, behind which some servers hide parameters.
fn is_name(segment: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&segment.len()) && !segment.contains(['.', ';'])
}

fn is_iframe(page: &str) -> bool {
    let version = page.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html"));
    let is_version = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"-._".contains(&byte);
    version.is_some_and(|version| version.bytes().all(is_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_one_thing() {
        for (tail, route) in [
            ("", Route::Greeting),
            ("info", Route::Info),
            ("websocket", Route::RawWebsocket),
            ("iframe.html", Route::Iframe),
            ("iframe-.html", Route::Iframe),
            ("iframe-0.1.2abc-dirty.2144.html", Route::Iframe),
            ("000/abc/xhr", Route::Session { session: "abc", endpoint: Endpoint::Xhr }),
            ("_/a b/websocket", Route::Session { session: "a b", endpoint: Endpoint::Websocket }),
            ("1/s/jsonp_send", Route::Session { session: "s", endpoint: Endpoint::JsonpSend }),
        ] {
            assert_eq!(Route::parse(tail), Some(route), "{tail}");
        }
    }

    #[test]
    fn other_paths_are_nothing() {
        let long = format!("a/{}/xhr", "s".repeat(129));
        for tail in [
            "a",
            "a.html",
            "/",
            "//",
            "a/a",
            "a/a/",
            "a/",
            "//xhr",
            "a./a/xhr",
            "a/a./xhr",
            "./././xhr",
            "/a/xhr",
            "a//xhr",
            "a/a/xhr/",
            "a/a/xhr/b",
            "a/a/XHR",
            "a/a;b/xhr",
            "iframe.htm",
            "iframe",
            "IFRAME.HTML",
            "iframe.HTML",
            "iframe.xml",
            "iframe-/.html",
            "info/",
            "websocket/",
            &long,
        ] {
            assert_eq!(Route::parse(tail), None, "{tail}");
        }
    }
}
