//! Ticks as JSON, contract §3.1.

mod decode;
mod digits;
mod encode;

pub use decode::{JsonDecoder, PAYLOAD_BYTES_MAX};
pub use encode::encode;
