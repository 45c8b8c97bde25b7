//! Transports: how a session's output becomes bytes on a socket, and a socket's bytes input.

pub mod connection;
pub mod socket;
pub mod tls;
pub mod turns;
pub mod waiting;
pub mod websocket;
