//! CONNECT: version and heart-beats.

use std::time::Duration;

use bytes::Bytes;

use super::{Settings, violation::Violation};
use crate::stomp::{Frame, FrameBuilder, HeartBeat, Version};

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    /// What is spoken from here on.
    pub(super) version: Version,
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
    let offered = frame.headers.get("accept-version");
    let Some(version) = Version::highest_in(offered) else {
        let offered = offered.unwrap_or_default();
        let detail = format!("accept-version {offered:.100?} has none of {}", Version::LIST);
        return Err(Violation::new("unsupported version", detail).telling_versions(Version::LIST));
    };
    let client = match frame.headers.get("heart-beat") {
        // 1.0 has no heart-beats, and the header there no meaning.
        Some(_) if version == Version::V1_0 => HeartBeat::default(),
        None => HeartBeat::default(),
        Some(text) => HeartBeat::parse(text).ok_or_else(|| {
            let detail = format!("heart-beat {text:.100?} isn't two whole numbers of milliseconds, x,y");
            Violation::new("wrong header value", detail)
        })?,
    };
    let server = settings.heart_beat;
    let agreed = Agreed {
        version,
        beat_to_client: server.interval_towards(client),
        beat_from_client: client.interval_towards(server),
    };
    let beats = (version > Version::V1_0).then(|| server.to_string());
    let connected = FrameBuilder::new("CONNECTED", version)
        .header("version", version.name())
        .optional("heart-beat", beats.as_deref())
        .header("session", session_id)
        .header("server", concat!("tickcast/", env!("CARGO_PKG_VERSION")))
        .end();
    Ok((agreed, connected))
}
