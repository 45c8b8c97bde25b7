//! What the kernel holds of a server's connections on loopback, as it tells itself.

use std::{fs, net::SocketAddr};

/// Bytes that the server wrote and nobody has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queues {
    /// On the server's side: not acknowledged.
    pub(crate) unsent: u64,
    /// On the clients' side: not read.
    pub(crate) unread: u64,
}

impl Queues {
    /// Those of all connections to a server. What is on its way may be counted on both sides, for a moment.
    pub(crate) fn of(server: SocketAddr) -> Self {
        const LISTENS: &str = "0A";
        let port = format!(":{:04X}", server.port());
        let mut sum = Self::default();
        for line in fs::read_to_string("/proc/net/tcp").expect("Linux tells its sockets").lines().skip(1) {
            let [_, local, remote, state, queues, ..] = line.split_whitespace().collect::<Vec<_>>()[..]
            else {
                panic!("{line:?} is no socket")
            };
            let (sends, receives) = queues.split_once(':').expect("there are two queues");
            let bytes = |queue| u64::from_str_radix(queue, 16).expect("a queue has a length");
            if state != LISTENS && local.ends_with(&port) {
                sum.unsent += bytes(sends);
            } else if remote.ends_with(&port) {
                sum.unread += bytes(receives);
            }
        }
        sum
    }

    pub(crate) const fn bytes(self) -> u64 {
        self.unsent + self.unread
    }
}
