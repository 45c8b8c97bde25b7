//! SockJS 0.3.3: a WebSocket's conversation for browsers whose network lets none through.
//!
//! What a session says goes out as frames (`o`, `a[…]`, `h`, `c[…]`), over a WebSocket or as the answers to
//! requests that the client keeps asking; what the client says comes in as JSON arrays of strings.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric.
//!
//! Source: <https://sockjs.github.io/sockjs-protocol/sockjs-protocol-0.3.3.html>.

mod batch;
mod callback;
mod escape;
mod frame;
mod framing;
mod link;
mod messages;
mod path;

pub use batch::Batch;
pub use callback::{Callback, CallbackError};
pub use escape::escape_into;
pub use frame::{Close, Frame};
pub use framing::Framing;
pub use link::{Due, Lasting, Link, Next, Timing};
pub use messages::{Assembler, Malformed, Messages, TooLong};
pub use path::{Endpoint, Route};
