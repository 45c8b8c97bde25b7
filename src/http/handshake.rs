//! Whether a request may become a WebSocket; RFC 6455 §4.2.1.

use actix_http::{
    RequestHead,
    ws::{HandshakeError, verify_handshake},
};
use actix_web::http::{StatusCode, Version, header};

use super::upgrade::Refusal;

/// What is wrong with a request for a WebSocket, and what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a WebSocket begins with HTTP/1.1")]
    HttpVersion,
    #[error("a WebSocket begins with GET")]
    Method,
    #[error("the header Upgrade has to be \"websocket\"")]
    Upgrade,
    #[error("the header Connection has to be \"Upgrade\"")]
    Connection,
    #[error("the header Sec-WebSocket-Version has to be there once, and 13")]
    Version,
    #[error("the WebSocket version asked for isn't spoken here; 13 is")]
    OtherVersion,
    #[error("the header Sec-WebSocket-Key has to be there once, and 16 bytes in base64")]
    Key,
    #[error("a request that becomes a WebSocket can't have a body")]
    Body,
}

/// Checks what RFC 6455 demands, and what the connection needs to have no doubt where messages begin.
pub(super) fn verify(head: &RequestHead) -> Result<(), Malformed> {
    // "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request" (RFC 9110 §7.8).
    if head.version != Version::HTTP_11 {
        return Err(Malformed::HttpVersion);
    }
    verify_handshake(head)?;
    let headers = head.headers();
    // actix takes `websocket, x` for an upgrade here, but not where it decides what follows the head.
    if !headers.get_all(header::UPGRADE).any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Err(Malformed::Upgrade);
    }
    if headers.get_all(header::SEC_WEBSOCKET_VERSION).count() > 1 {
        return Err(Malformed::Version);
    }
    if headers.get_all(header::SEC_WEBSOCKET_KEY).count() > 1 {
        return Err(Malformed::Key);
    }
    // The bytes of a body would be read as WebSocket frames.
    let declares_body = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    if declares_body || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Malformed::Body);
    }
    Ok(())
}

impl From<HandshakeError> for Malformed {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::GetMethodRequired => Self::Method,
            HandshakeError::NoWebsocketUpgrade => Self::Upgrade,
            HandshakeError::NoConnectionUpgrade => Self::Connection,
            HandshakeError::NoVersionHeader => Self::Version,
            HandshakeError::UnsupportedVersion => Self::OtherVersion,
            HandshakeError::BadWebsocketKey => Self::Key,
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        let status = match malformed {
            Malformed::OtherVersion => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, "handshake", malformed.to_string())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{dev::ServiceRequest, test::TestRequest};

    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    const WELL_FORMED: [(&str, &str); 4] = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ];

    /// The well-formed request with a header more, or with another value of one that it has.
    fn request(header: (&str, &str)) -> TestRequest {
        let same = WELL_FORMED.into_iter().filter(|(name, _)| *name != header.0);
        same.chain([header]).fold(TestRequest::get(), TestRequest::append_header)
    }

    #[track_caller]
    fn check(request: TestRequest, expected: Result<(), Malformed>) {
        let request: ServiceRequest = request.to_srv_request();
        assert_eq!(verify(request.head()), expected, "{request:?}");
    }

    #[test]
    fn whoever_follows_the_rfc_is_let_in() {
        for header in [
            ("Upgrade", "WebSocket"),
            ("Connection", "keep-alive, upgrade"),
            ("Content-Length", "0"),
            ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ] {
            check(request(header), Ok(()));
        }
    }

    #[test]
    fn each_header_has_one_value_that_will_do() {
        for (header, expected) in [
            (("Upgrade", "h2c"), Malformed::Upgrade),
            (("Upgrade", "websocket, h2c"), Malformed::Upgrade),
            (("Connection", "keep-alive"), Malformed::Connection),
            (("Connection", "Upgrade, close"), Malformed::Connection),
            (("Sec-WebSocket-Version", "8"), Malformed::OtherVersion),
            (("Sec-WebSocket-Version", "14"), Malformed::OtherVersion),
            (("Sec-WebSocket-Version", "013"), Malformed::OtherVersion),
            (("Sec-WebSocket-Version", ""), Malformed::OtherVersion),
            (("Sec-WebSocket-Key", ""), Malformed::Key),
            (("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), Malformed::Key),
            // 15 bytes, 17 bytes, and as many characters that aren't base64.
            (("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"), Malformed::Key),
            (("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTE="), Malformed::Key),
            (("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!=="), Malformed::Key),
            (("Content-Length", "1"), Malformed::Body),
            (("Transfer-Encoding", "chunked"), Malformed::Body),
        ] {
            check(request(header), Err(expected));
        }
    }

    #[test]
    fn each_header_is_there_once() {
        for (name, value, missing, doubled) in [
            ("Upgrade", "websocket", Malformed::Upgrade, None),
            ("Connection", "Upgrade", Malformed::Connection, None),
            ("Sec-WebSocket-Version", "13", Malformed::Version, Some(Malformed::Version)),
            ("Sec-WebSocket-Key", KEY, Malformed::Key, Some(Malformed::Key)),
        ] {
            let others = WELL_FORMED.into_iter().filter(|(other, _)| *other != name);
            let without = others.fold(TestRequest::get(), TestRequest::append_header);
            check(without, Err(missing));
            check(request((name, value)).append_header((name, value)), doubled.map_or(Ok(()), Err));
        }
    }

    #[test]
    fn it_begins_with_get_and_http_1_1() {
        let ours = ("Upgrade", "websocket");
        check(request(ours).version(Version::HTTP_10), Err(Malformed::HttpVersion));
        check(request(ours).version(Version::HTTP_2), Err(Malformed::HttpVersion));
        check(request(ours).method(actix_web::http::Method::POST), Err(Malformed::Method));
    }
}
