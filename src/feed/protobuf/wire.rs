//! The types of proto/tick.proto, as `proto/generate.rs` makes them.

#![expect(unreachable_pub, reason = "prost writes pub everywhere")]

include!(concat!(env!("OUT_DIR"), "/tickcast.v1.rs"));
