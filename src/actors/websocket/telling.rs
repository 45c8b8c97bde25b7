//! What a session tells its client on a WebSocket.
//!
//! A chunk is asked for when, and only when, everything before is in the kernel's hands, so nothing stands between the
//! session's outbox and the kernel. What the kernel doesn't take of a chunk waits here; it's small.

use std::{
    cell::RefCell,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes, BytesMut};

use super::{
    Framing,
    sockjs::{SockjsSink, say},
};
use crate::{
    shard::Output,
    sockjs::Frame,
    transport::{
        application::Application,
        link::Link,
        room::{Bounded, Room},
        websocket::Writer,
    },
};

/// Chunks written in one turn, 256 KiB at most; other sessions of the thread have theirs in between.
const CHUNKS_A_TURN: usize = 16;

thread_local! {
    /// What is about to be written, by whichever session of the thread; so the room is used again and again, and no
    /// session keeps any.
    static SCRATCH: RefCell<BytesMut> = RefCell::default();
}

/// The server's side of a WebSocket.
#[derive(Debug)]
pub(super) struct Telling {
    framing: Framing,
    /// `o` is owed.
    is_new: bool,
    /// What the kernel hasn't taken of the last chunk.
    rest: Bytes,
}

/// Nothing can be written any more.
pub(super) struct Broken;

impl Telling {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, is_new: framing == Framing::Sockjs, rest: Bytes::new() }
    }

    /// Writes what is due; answers when there will be no more.
    pub(super) fn poll_tell(
        &mut self,
        by: &impl Application,
        link: &mut Link,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        for _ in 0..CHUNKS_A_TURN {
            while !self.rest.is_empty() {
                let taken = ready!(write(by, link, context, &self.rest))?;
                self.rest.advance(taken);
            }
            let output = SCRATCH.with_borrow_mut(|scratch| {
                scratch.clear();
                let output = self.fill(scratch, by, link, context);
                if output == Output::Ready {
                    by.note_sent(scratch.len());
                    let taken = match write(by, link, context, scratch) {
                        Poll::Ready(taken) => taken?,
                        Poll::Pending => 0,
                    };
                    self.rest = Bytes::copy_from_slice(&scratch[taken..]);
                }
                Ok(output)
            })?;
            match output {
                Output::Ready => {}
                Output::Pending => return Poll::Pending,
                Output::Finished => return Poll::Ready(Ok(())),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn fill(
        &mut self,
        scratch: &mut BytesMut,
        by: &impl Application,
        link: &Link,
        context: &Context<'_>,
    ) -> Output {
        let (now, waker) = (Instant::now(), context.waker());
        let socket = Some(link.socket().as_handle());
        let room = if link.stream.is_plain() { Room::whole(socket) } else { Room::buffered(socket) };
        if self.framing == Framing::Plain {
            return by.poll_transmit(now, &mut Bounded::new(Writer(scratch), room), waker);
        }
        if std::mem::take(&mut self.is_new) {
            say(scratch, &Frame::Open);
            return Output::Ready;
        }
        let mut sink = Bounded::new(SockjsSink::new(scratch), room);
        let output = by.poll_transmit(now, &mut sink, waker);
        sink.sink.finish(by.beats());
        output
    }
}

/// Writes some of the bytes: how many.
fn write(
    by: &impl Application,
    link: &mut Link,
    context: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<Result<usize, Broken>> {
    match ready!(link.stream.poll_write(context, bytes)) {
        Ok(taken) if taken > 0 => {
            by.note_writes(1);
            Poll::Ready(Ok(taken))
        }
        _ => Poll::Ready(Err(Broken)),
    }
}
