//! STOMP 1.0, 1.1 and 1.2, the codec: bytes to frames and back.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric. What a frame means for
//! a session is the session's matter.

mod decode;
mod encode;
mod escape;
mod frame;
mod heart_beat;
mod version;

pub use decode::{DecodeError, Decoder, Fault, Limits};
pub use encode::FrameBuilder;
pub use escape::{escape_into, unescape};
pub use frame::{Command, Frame, Headers};
pub use heart_beat::HeartBeat;
pub use version::Version;
