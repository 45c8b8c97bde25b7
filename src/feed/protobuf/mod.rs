//! Ticks as Protobuf, contract §3.2: the message `Tick` of proto/tick.proto.

mod decode;
mod encode;
mod wire;

pub use decode::ProtobufDecoder;
pub use encode::ProtobufEncoder;
