//! What the tests share: a server that is the real binary, clients, a producer, and patience.

mod client;
mod feed;
mod frame;
mod process;
mod queues;
mod raw_http;
mod server;
mod tls;
mod transport;
mod wait;

pub(crate) use client::{Client, Incoming, masked_header, refused, upgrade};
pub(crate) use feed::Feed;
pub(crate) use frame::Frame;
pub(crate) use process::{Process, run_to_the_end};
pub(crate) use queues::Queues;
pub(crate) use raw_http::{From, Head, RawHttp, Whole, ask};
pub(crate) use server::Server;
pub(crate) use tls::Authority;
pub(crate) use transport::Transport;
pub(crate) use wait::{PATIENCE, eventually, eventually_is};
