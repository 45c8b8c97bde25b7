//! Records on the wire: a Kafka record's payload to a tick and back.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric.

pub mod json;
mod rejection;
pub mod replay;
pub mod simulate;
pub mod symbol_list;

pub use rejection::Rejection;
