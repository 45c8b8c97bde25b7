//! The session: one client's conversation, from the upgrade to the close.
//!
//! It decides and never acts: bytes and time go in, requests to the shard and output for the socket
//! come out. The calls, in the order in which a shard makes them:
//!
//! - [`Session::receive`] takes what the client sent; [`Session::next_request`] then gives, one at a
//!   time, what the shard has to do for it;
//! - [`Session::handle_timeout`] lets what is due happen; [`Session::poll_timeout`] tells when that
//!   is;
//! - [`Session::poll_transmit`] fills a buffer when, and only when, the socket can take more.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric.

mod acknowledgement;
mod budget;
mod close_reason;
mod connect;
mod control;
mod deadlines;
mod flow;
mod machine;
mod preamble;
#[cfg(test)]
pub(crate) mod recorder;
mod settings;
mod subscription;
#[cfg(test)]
mod tests;
mod traffic;
mod transactions;
mod violation;

pub use budget::FrameRate;
pub use close_reason::{CloseReason, Severity};
pub use control::{FrameSink, TRANSMIT_BYTES_MAX};
pub use machine::Session;
pub use settings::Settings;
pub use subscription::{Delivery, Wanted};
pub use traffic::{Inbound, Request, SubscriptionCounts, Supplies, Transmitted};
