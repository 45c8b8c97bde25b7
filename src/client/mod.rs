//! The client's side of STOMP 1.2 over WebSocket, for the commands that are clients of a server.
//!
//! Three parts, each without I/O: [`Upgrade`] writes the request that opens a WebSocket and judges the answer;
//! [`Reader`] takes the server's bytes, however the connection cuts them, and gives STOMP frames; [`Writer`] writes
//! what a client says as masked WebSocket messages. A MESSAGE is found in one pass over its bytes and handed out as it
//! stands in them: a reader that keeps up copies and allocates nothing.
//!
//! Any STOMP server will do: one that puts several frames into a message, or one frame into several messages, too.
//! This room is pure: it knows no socket, no clock, no runtime and no metric.

mod frame;
mod reader;
#[cfg(test)]
mod tests;
mod upgrade;
mod writer;

pub use frame::{Command, Frame};
pub use reader::{Event, FRAME_BYTES_MAX, Reader};
pub use upgrade::{Upgrade, UpgradeError};
pub use writer::{Connect, Subscribe, Writer};

/// What the server sent that is neither WebSocket nor STOMP. Nothing that follows it has a meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Against RFC 6455.
    #[error("the server breaks the WebSocket protocol: {0}")]
    Websocket(&'static str),
    /// Against the STOMP specification.
    #[error("the server breaks the STOMP protocol: {0}")]
    Stomp(&'static str),
    /// Longer than anything that is read here.
    #[error("the server sends a frame of more than {FRAME_BYTES_MAX} bytes")]
    TooBig,
}
