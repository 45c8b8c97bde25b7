//! The connections of a worker thread that have no session, and who of them has to go when they are too
//! many: those that have waited longest. So a flood of connections that say nothing makes room for
//! itself, and who connects and asks is answered.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use super::socket::{Phase, Socket};

/// The connections without a session, oldest first.
#[derive(Debug)]
pub struct Waiting {
    max: usize,
    sockets: RefCell<VecDeque<Socket>>,
    sweep_at: Cell<usize>,
}

impl Waiting {
    /// Room for `max` connections.
    pub const fn new(max: usize) -> Self {
        Self { max, sockets: RefCell::new(VecDeque::new()), sweep_at: Cell::new(max) }
    }

    /// Notes a new connection, and ends others if there is no room for it; answers how many.
    ///
    /// Then half of the room is made free, so that a connection costs two looks, however many come.
    /// Those that are being answered stay.
    pub fn enter(&self, socket: Socket) -> u64 {
        let mut sockets = self.sockets.borrow_mut();
        let mut ended = 0;
        if sockets.len() >= self.sweep_at.get() {
            sockets.retain(|socket| !matches!(socket.phase(), None | Some(Phase::Session | Phase::Stream)));
            let mut surplus = sockets.len().saturating_sub(self.max / 2);
            sockets.retain(|socket| {
                let goes = surplus > 0 && socket.phase() != Some(Phase::Answer);
                if goes {
                    surplus -= 1;
                    ended += 1;
                    socket.abort();
                }
                !goes
            });
            self.sweep_at.set(self.max.max(2 * sockets.len()));
        }
        sockets.push_back(socket);
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        net::{TcpListener, TcpStream},
        time::Duration,
    };

    use super::*;
    use crate::transport::socket::Ownership;

    /// Connections as a server accepts them, with their other ends.
    fn connections(count: usize) -> Vec<(tokio::net::TcpStream, Ownership, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connection = |_| {
            let client = TcpStream::connect(address).unwrap();
            let (stream, _) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let ownership = Socket::prepare(&stream, 16_384, Duration::from_secs(10));
            (stream, ownership, client)
        };
        (0..count).map(connection).collect()
    }

    #[actix_web::test]
    async fn who_waited_longest_goes_unless_it_is_answered_or_has_a_session() {
        let mut connections = connections(9);
        connections[0].1.socket().leave_to_session();
        connections[1].1.socket().note_request();
        let waiting = Waiting::new(8);
        let enter = |at: usize| waiting.enter(connections[at].1.socket().clone());
        assert_eq!((0..8).map(enter).sum::<u64>(), 0);
        // Seven have no session; four may stay.
        assert_eq!(enter(8), 3);
        for (at, (_, _, client)) in connections.iter_mut().enumerate() {
            client.set_nonblocking(true).unwrap();
            let is_ended = !matches!(
                client.read(&mut [0]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock
            );
            assert_eq!(is_ended, (2..5).contains(&at), "connection {at}");
        }
    }

    #[actix_web::test]
    async fn those_that_are_gone_take_no_room() {
        let waiting = Waiting::new(4);
        for (stream, ownership, _client) in connections(100) {
            assert_eq!(waiting.enter(ownership.socket().clone()), 0);
            drop(ownership);
            drop(stream);
        }
        assert!(waiting.sockets.borrow().len() <= 4);
    }
}
