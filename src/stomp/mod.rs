//! STOMP 1.2, the codec: bytes to frames and back.
//!
//! <https://stomp.github.io/stomp-specification-1.2.html>. This room is pure: it knows no socket,
//! no clock, no runtime and no metric. What a frame means for a session is the session's matter.

mod decode;
mod encode;
mod escape;
mod frame;
mod heart_beat;

pub use decode::{DecodeError, Decoder, Fault, Limits};
pub use encode::FrameBuilder;
pub use escape::escape_into;
pub use frame::{Command, Frame, Headers};
pub use heart_beat::HeartBeat;

/// What this server speaks, as it stands in `version` and `accept-version`.
pub const VERSION: &str = "1.2";

/// The WebSocket subprotocol of [`VERSION`].
pub const SUBPROTOCOL: &str = "v12.stomp";
