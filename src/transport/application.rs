//! What a transport carries: one client's session, seen from its socket.

use std::{task::Waker, time::Instant};

use crate::{
    session::{FrameSink, Inbound},
    shard::Output,
    sockjs::Close,
};

/// One client's session. It's pulled: it says what is due when, and only when, everything that it said before is in
/// the kernel's hands, and it's given what the client says when, and only when, it takes it.
pub trait Application: Unpin + 'static {
    /// Whether more is taken from the client; if not, the reader is woken when it is. An ended session takes
    /// everything, and does nothing with it.
    fn accepts_input(&self, reader: &Waker) -> bool;

    /// How large a message from the client may be now; `None` after the session's end.
    fn message_bytes_max(&self) -> Option<usize>;

    /// Takes what came from the client.
    fn receive(&self, now: Instant, inbound: Inbound<'_>);

    /// Fills the sink with what is due. If nothing is, the writer is woken when something is.
    fn poll_transmit(&self, now: Instant, sink: &mut impl FrameSink, writer: &Waker) -> Output;

    /// Everything that was said is in the kernel's hands, while nobody asks for more.
    fn note_written(&self, now: Instant);

    /// Something that was said is taken, on a transport whose client can't answer a PING: it may be there.
    fn note_taken(&self, now: Instant);

    /// What was said had so many bytes on its transport.
    fn note_sent(&self, bytes: usize);

    /// So many writes to the kernel carried what was said; of an answer so many chunks.
    fn note_writes(&self, count: u32);

    /// Whether the client hears from the session by itself, so that no transport has to keep it alive.
    fn beats(&self) -> bool;

    /// Why the session is over, once there is nothing more to say or to hear.
    fn closed(&self) -> Option<Close>;

    /// The connection is gone, or everything was said on it: the session is forgotten. Nothing else is called
    /// afterwards, but for the reader's part.
    fn end(&self, now: Instant);
}
