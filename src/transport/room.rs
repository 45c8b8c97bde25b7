//! How much is handed to a socket at once.
//!
//! What was handed over is out of conflation's reach: it ages until the client takes it, and it takes memory. So a
//! chunk is large only if the kernel asks for more, and what it doesn't take, which waits beside it, is small.

use super::socket::Handle;
use crate::session::{FrameSink, TRANSMIT_BYTES_MAX};

/// Handed over without a question: twelve prices, in a write that takes twelve times as long as the question.
///
/// It's what waits in user space for a client that takes nothing, with the frame that goes beyond it: a price has some
/// 330 bytes, and at most 1.3 KiB with the longest id of a subscription. Under TLS it waits a second time, encrypted.
const UNASKED_BYTES: usize = 4096;

/// Handed over by way of actix, whose buffer of a connection begins with 8 KiB and keeps what it grows to. With the
/// last frame and a page's escapes, which are a fifth, it doesn't grow.
pub(crate) const BUFFERED_BYTES: usize = 6 * 1024;

/// How much may be put into a chunk.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    socket: Option<&'a Handle>,
    bytes_max: usize,
    /// What the kernel answered: it's asked at most once a chunk.
    wants_more: Option<bool>,
}

/// A sink that has as much room as its socket.
#[derive(Debug)]
pub(crate) struct Bounded<'a, S> {
    pub(crate) sink: S,
    room: Room<'a>,
}

impl<'a> Room<'a> {
    /// For what nobody keeps room for when it's written.
    pub(crate) const fn whole(socket: Option<&'a Handle>) -> Self {
        Self { socket, bytes_max: TRANSMIT_BYTES_MAX, wants_more: None }
    }

    /// For what actix writes at once, from its buffer of the connection.
    pub(crate) const fn buffered(socket: Option<&'a Handle>) -> Self {
        Self { socket, bytes_max: BUFFERED_BYTES, wants_more: None }
    }

    /// Whether more fits to so many bytes.
    fn is_left(&mut self, bytes: usize) -> bool {
        bytes < UNASKED_BYTES || bytes < self.bytes_max && self.is_wanted()
    }

    fn is_wanted(&mut self) -> bool {
        let ask = || self.socket.is_some_and(Handle::wants_more);
        *self.wants_more.get_or_insert_with(ask)
    }
}

impl<'a, S> Bounded<'a, S> {
    pub(crate) const fn new(sink: S, room: Room<'a>) -> Self {
        Self { sink, room }
    }
}

impl<S: FrameSink> FrameSink for Bounded<'_, S> {
    fn frame(&mut self, parts: &[&[u8]]) {
        self.sink.frame(parts);
    }

    fn ping(&mut self) {
        self.sink.ping();
    }

    fn pong(&mut self, payload: &[u8]) {
        self.sink.pong(payload);
    }

    fn close(&mut self, code: u16, text: &str) {
        self.sink.close(code, text);
    }

    fn len(&self) -> usize {
        self.sink.len()
    }

    fn has_room(&mut self) -> bool {
        self.room.is_left(self.sink.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::transport::{
        socket::{Ownership, Socket},
        websocket::Writer,
    };

    const FRAME: [u8; 330] = [b'.'; 330];

    /// A connection whose client takes nothing but what its kernel does.
    async fn connection() -> (TcpStream, Ownership, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let ownership = Socket::prepare(&stream, 16 * 1024, Duration::from_secs(30));
        (stream, ownership, client)
    }

    /// As many frames as there is room for.
    fn chunk(room: Room<'_>) -> BytesMut {
        let mut bytes = BytesMut::new();
        let mut sink = Bounded::new(Writer(&mut bytes), room);
        while sink.has_room() {
            sink.frame(&[&FRAME]);
        }
        bytes
    }

    #[track_caller]
    fn check_length(chunk: &BytesMut, bytes_max: usize) {
        assert!((bytes_max..bytes_max + FRAME.len() + 4).contains(&chunk.len()), "{} bytes", chunk.len());
    }

    #[tokio::test]
    async fn a_chunk_is_large_only_while_the_kernel_asks_for_more() {
        let (stream, ownership, _client) = connection().await;
        let send = |bytes: &[u8]| stream.try_write(bytes).unwrap_or(0);
        let socket = ownership.socket();
        check_length(&chunk(Room::whole(Some(socket.as_handle()))), TRANSMIT_BYTES_MAX);
        check_length(&chunk(Room::buffered(Some(socket.as_handle()))), BUFFERED_BYTES);
        // What it takes, until it takes nothing.
        let waiting = loop {
            let chunk = chunk(Room::whole(Some(socket.as_handle())));
            let taken = send(&chunk);
            if taken < chunk.len() {
                break chunk.len() - taken;
            }
        };
        assert!(waiting < UNASKED_BYTES + FRAME.len() + 4, "{waiting} bytes wait");
        check_length(&chunk(Room::whole(Some(socket.as_handle()))), UNASKED_BYTES);
        check_length(&chunk(Room::buffered(Some(socket.as_handle()))), UNASKED_BYTES);
        assert_eq!(send(&FRAME), 0);
    }

    #[tokio::test]
    async fn nothing_large_goes_to_a_connection_that_is_gone() {
        let (stream, ownership, _client) = connection().await;
        let handle = ownership.socket().handle();
        drop((ownership, stream));
        check_length(&chunk(Room::whole(Some(&handle))), UNASKED_BYTES);
        check_length(&chunk(Room::buffered(None)), UNASKED_BYTES);
    }
}
