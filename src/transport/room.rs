//! How much is handed to a socket at once.
//!
//! What was handed over is out of conflation's reach: it ages until the client takes it, and it takes memory. So a
//! chunk is large only if the kernel asks for more, and what it doesn't take, which waits beside it, is small.

use super::socket::Handle;
use crate::session::{FrameSink, TRANSMIT_BYTES_MAX};

/// Handed over without a question: eight prices, in a write that takes ten times as long as the question.
///
/// It's what waits in user space for a client that takes nothing, with the frame that goes beyond it: a price has some
/// 330 bytes, and at most 1.3 KiB with the longest id of a subscription. Under TLS it waits a second time, encrypted.
const UNASKED_BYTES: usize = 2560;

/// Handed over by way of actix, whose buffer of a connection begins with 8 KiB and keeps what it grows to. With the
/// last frame and a page's escapes, which are a fifth, it doesn't grow.
const BUFFERED_BYTES: usize = 6 * 1024;

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
    /// For what is written to the socket from one buffer that all connections of the thread share.
    pub(crate) const fn direct(socket: &'a Handle) -> Self {
        Self { socket: Some(socket), bytes_max: TRANSMIT_BYTES_MAX, wants_more: None }
    }

    /// For what actix writes from a buffer of the connection.
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
