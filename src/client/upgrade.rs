//! How a connection becomes a WebSocket; RFC 6455 §4.1, the client's side.

use actix_http::ws::hash_key;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::stomp::Version;

/// A request for a WebSocket that speaks STOMP 1.2, and what its answer has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    request: Vec<u8>,
    accept: [u8; 28],
}

/// Why there is no WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// The answer isn't HTTP.
    #[error("the server's answer isn't HTTP")]
    NotHttp,
    /// The answer isn't 101: its status, and what it says about it.
    #[error("the upgrade is refused with {status}{}{detail}", if detail.is_empty() { "" } else { ": " })]
    Refused {
        /// The status code.
        status: u16,
        /// The first line of the answer's text, or the status's name.
        detail: String,
    },
    /// The answer is 101, and wrong.
    #[error("the server's answer to the upgrade is wrong: {0}")]
    Wrong(&'static str),
}

impl Upgrade {
    /// Asks for `path` of `host`, which is `host:port`; a page's server would be told an `origin`. `nonce` is to be
    /// random.
    pub fn new(host: &str, path: &str, origin: Option<&str>, nonce: [u8; 16]) -> Self {
        let key = BASE64_STANDARD.encode(nonce);
        let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let subprotocol = Version::V1_2.subprotocol();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n{origin}\r\n"
        );
        Self { request: request.into_bytes(), accept: hash_key(key.as_bytes()) }
    }

    /// The request's bytes.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Judges the answer's bytes so far: where its head ends and the WebSocket begins, or `None` while the head isn't
    /// whole.
    ///
    /// # Errors
    /// There is no WebSocket.
    pub fn judge(&self, answer: &[u8]) -> Result<Option<usize>, UpgradeError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let head_bytes = match response.parse(answer).map_err(|_| UpgradeError::NotHttp)? {
            httparse::Status::Complete(head_bytes) => head_bytes,
            httparse::Status::Partial if answer.len() > HEAD_BYTES_MAX => return Err(UpgradeError::NotHttp),
            httparse::Status::Partial => return Ok(None),
        };
        let status = response.code.unwrap_or_default();
        if status != 101 {
            let told = value_of(response.headers, "content-length")
                .and_then(|it| str::from_utf8(it).ok()?.parse().ok());
            let body_bytes = told.unwrap_or(0).min(DETAIL_CHARACTERS_MAX);
            if answer.len() < head_bytes + body_bytes {
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&answer[head_bytes..]);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty());
            let is_page = line.is_some_and(|line| line.starts_with('<'));
            let detail = line.filter(|_| !is_page).or(response.reason).unwrap_or_default();
            let detail = detail.chars().take(DETAIL_CHARACTERS_MAX).collect();
            return Err(UpgradeError::Refused { status, detail });
        }
        self.check(response.headers).map(|()| Some(head_bytes))
    }

    fn check(&self, headers: &[httparse::Header<'_>]) -> Result<(), UpgradeError> {
        let value = |name| value_of(headers, name);
        if !value("upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
            return Err(UpgradeError::Wrong("its header Upgrade isn't \"websocket\""));
        }
        if value("sec-websocket-accept") != Some(&self.accept[..]) {
            return Err(UpgradeError::Wrong(
                "its header Sec-WebSocket-Accept doesn't answer the request's key",
            ));
        }
        // "The absence of such a field is equivalent to the null value": some servers speak without agreeing.
        if value("sec-websocket-protocol").is_some_and(|it| it != Version::V1_2.subprotocol().as_bytes()) {
            return Err(UpgradeError::Wrong("its header Sec-WebSocket-Protocol isn't \"v12.stomp\""));
        }
        if value("sec-websocket-extensions").is_some_and(|it| !it.is_empty()) {
            return Err(UpgradeError::Wrong("it has an extension that wasn't asked for"));
        }
        Ok(())
    }
}

fn value_of<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a [u8]> {
    let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    found.map(|header| header.value.trim_ascii())
}

/// Some ten headers come; a proxy adds as many.
const HEADERS_MAX: usize = 64;

/// What is taken for the head of an answer, at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// As much of a refusal's text as fits on a line.
const DETAIL_CHARACTERS_MAX: usize = 200;
