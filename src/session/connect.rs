//! CONNECT: version and heart-beats.

use std::time::Duration;

use bytes::Bytes;

use super::{Settings, violation::Violation};
use crate::stomp::{Frame, FrameBuilder, HeartBeat, VERSION};

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    /// How often the server has to be heard.
    pub(super) beat_to_client: Option<Duration>,
    /// How often the client has to be heard.
    pub(super) beat_from_client: Option<Duration>,
}

/// Answers a CONNECT or STOMP frame.
pub(super) fn negotiate(
    frame: &Frame,
    session_id: &str,
    settings: &Settings,
) -> Result<(Agreed, Bytes), Violation> {
    // "For the protocol 1.0 the header is missing."
    let offered = frame.headers.get("accept-version").unwrap_or("1.0");
    if !offered.split(',').any(|version| version.trim() == VERSION) {
        let detail = format!("accept-version {offered:.100?} doesn't have {VERSION}, which is spoken here");
        return Err(Violation::new("unsupported version", detail).telling_versions(VERSION));
    }
    let client = match frame.headers.get("heart-beat") {
        None => HeartBeat::default(),
        Some(text) => HeartBeat::parse(text).ok_or_else(|| {
            let detail = format!("heart-beat {text:.100?} isn't two whole numbers of milliseconds, x,y");
            Violation::new("wrong header value", detail)
        })?,
    };
    let server = settings.heart_beat;
    let agreed = Agreed {
        beat_to_client: server.interval_towards(client),
        beat_from_client: client.interval_towards(server),
    };
    let connected = FrameBuilder::new("CONNECTED")
        .header("version", VERSION)
        .header("heart-beat", &server.to_string())
        .header("session", session_id)
        .header("server", concat!("tickcast/", env!("CARGO_PKG_VERSION")))
        .end();
    Ok((agreed, connected))
}
