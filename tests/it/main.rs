//! The one integration crate: the real binary with its embedded broker, raw STOMP clients, and a
//! look at the sources. It needs nothing but the Rust tool chain.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "helpers of tests, outside of any #[test]")]

mod support;

mod abuse;
mod admission;
mod backpressure;
mod bench;
mod broker_errors;
mod checkpoints;
mod every;
mod feed_status;
mod feeds;
mod formats;
mod http;
mod layering;
mod lifecycle;
mod origin;
mod quarantine;
mod recordings;
mod rollover;
mod sim;
mod size_guard;
mod sockjs;
mod subscriptions;
mod ticks;
mod tls;
mod transcripts;
mod watch;
mod websocket;
mod writes;
