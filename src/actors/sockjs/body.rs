//! The answer to a receiving request, as actix asks for it.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use crate::transport::{exchange::Receiver, room::BUFFERED_BYTES, socket::Socket};

/// What is left of an answer: something that is there already, then what its session gives.
#[derive(Debug)]
pub struct AnswerBody {
    head: Option<Bytes>,
    receiver: Receiver,
    size: BodySize,
    /// The connection, and after what time the kernel is to end it when it's no session's any more.
    lent: Option<(Socket, Duration)>,
}

impl AnswerBody {
    /// An answer of one chunk, which is there.
    pub const fn whole(chunk: Bytes, receiver: Receiver) -> Self {
        let size = BodySize::Sized(chunk.len() as u64);
        Self { head: Some(chunk), receiver, size, lent: None }
    }

    /// An answer that goes on. Its client may take as long over it as its session lets it; `stuck_after` holds for
    /// the connection again when it ends.
    pub fn stream(head: Option<Bytes>, receiver: Receiver, socket: Socket, stuck_after: Duration) -> Self {
        socket.leave_to_stream();
        Self { head, receiver, size: BodySize::Stream, lent: Some((socket, stuck_after)) }
    }
}

impl MessageBody for AnswerBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.size
    }

    /// Asked only when everything before is in the kernel's hands.
    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if let Some(head) = self.head.as_mut().filter(|head| !head.is_empty()) {
            // In pieces: actix keeps the room for the largest.
            let piece = head.len().min(BUFFERED_BYTES);
            return Poll::Ready(Some(Ok(head.split_to(piece))));
        }
        let chunk = self.receiver.poll_chunk(context);
        if let (Poll::Ready(None), Some((socket, stuck_after))) = (&chunk, self.lent.take_if(|_| true)) {
            socket.take_from_session(stuck_after);
        }
        chunk.map(|chunk| chunk.map(Ok))
    }
}
