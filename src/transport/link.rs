//! A client's connection apart from whoever reads and writes it: first actix, for its requests; then, if one of them
//! becomes a WebSocket, its session alone. actix keeps two buffers of 8 KiB and a dispatcher for each connection, which
//! a session needs nothing of: it reads into a buffer and writes from one that all sessions of its thread share.

use prometheus::IntGauge;
use tokio::sync::oneshot;

use super::{
    socket::{Ownership, Socket},
    stream::Stream,
};

/// A client's connection.
#[derive(Debug)]
pub struct Link {
    // Before the stream, which it has to be dropped before.
    presence: Presence,
    /// What is said and heard on it.
    pub(crate) stream: Stream,
}

/// Who is told when a connection leaves actix.
pub type Departure = oneshot::Sender<Link>;

/// Where a connection comes out that has left actix; an error if it's lost on the way.
pub type Arrival = oneshot::Receiver<Link>;

/// A socket that is open, and counted.
#[derive(Debug)]
pub(super) struct Presence {
    ownership: Ownership,
    open: IntGauge,
}

impl Link {
    pub(super) const fn new(presence: Presence, stream: Stream) -> Self {
        Self { presence, stream }
    }

    /// The socket underneath.
    pub(crate) const fn socket(&self) -> &Socket {
        self.presence.socket()
    }
}

impl Presence {
    pub(super) fn new(ownership: Ownership, open: IntGauge) -> Self {
        open.inc();
        Self { ownership, open }
    }

    pub(super) const fn socket(&self) -> &Socket {
        self.ownership.socket()
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// A way out of actix.
pub fn departure() -> (Departure, Arrival) {
    oneshot::channel()
}
