//! Records on the wire: a Kafka record's payload to a tick and back.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric.

pub mod json;
mod rejection;
pub mod replay;

pub use rejection::Rejection;
