//! Which server is watched.

use std::{fmt, str::FromStr};

use actix_web::http::Uri;

use crate::config::HostPort;

/// Where a server's WebSocket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) server: HostPort,
    pub(super) is_tls: bool,
    pub(super) path: String,
}

impl Target {
    /// The WebSocket of a server without TLS, where tickcast has it.
    pub(super) fn plain(server: HostPort) -> Self {
        Self { server, is_tls: false, path: PATH.to_owned() }
    }

    /// The header Host: without the port that its scheme has anyway.
    pub(super) fn host(&self) -> String {
        if self.server.port == default_port(self.is_tls) {
            return self
                .server
                .to_string()
                .trim_end_matches(|it: char| it.is_ascii_digit())
                .trim_end_matches(':')
                .to_owned();
        }
        self.server.to_string()
    }
}

/// Where tickcast serves STOMP over WebSocket.
const PATH: &str = "/ws";

impl FromStr for Target {
    type Err = String;

    /// A page's address will do: its WebSocket is meant.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || "expected ws:, wss:, http: or https:, such as wss://prices.example.com/ws".to_owned();
        let uri: Uri = text.parse().map_err(|_| expected())?;
        let is_tls = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(expected()),
        };
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(expected)?;
        let server = if authority.as_str() == authority.host() {
            format!("{authority}:{}", default_port(is_tls)).parse()?
        } else {
            authority.as_str().parse()?
        };
        let path = match uri.path_and_query().map_or("/", |it| it.as_str()) {
            "/" => PATH,
            path => path,
        };
        Ok(Self { server, is_tls, path: path.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}

const fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tells_server_scheme_and_path() {
        for (text, expected) in [
            ("ws://localhost:8080/ws", ("localhost:8080", false, "/ws", "localhost:8080")),
            ("wss://prices.example.com", ("prices.example.com:443", true, "/ws", "prices.example.com")),
            (
                "https://prices.example.com/feed/ws?a=b",
                ("prices.example.com:443", true, "/feed/ws?a=b", "prices.example.com"),
            ),
            ("http://[::1]:80/", ("[::1]:80", false, "/ws", "[::1]")),
        ] {
            let target: Target = text.parse().unwrap();
            let told = (target.server.to_string(), target.is_tls, target.path.as_str(), target.host());
            assert_eq!((told.0.as_str(), told.1, told.2, told.3.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "localhost:8080", "ftp://a/", "ws://", "ws://user@a/", "ws://a:99999/"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
