//! Ticks as JSON, contract §3.1.

mod decode;
mod digits;
mod encode;

pub use decode::JsonDecoder;
pub use encode::encode;
