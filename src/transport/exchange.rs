//! Between a session and the answer through which its client receives, on different threads it may be.
//!
//! There is one chunk at most, and it's asked for: the answer's body asks when, and only when, everything before is in
//! the kernel's hands. So prices don't age here; what a client doesn't take stays with its session, where it's
//! conflated.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;

use super::socket::Handle;

/// The session's side of an answer.
#[derive(Debug)]
pub struct Supply(Arc<Shared>);

/// The answer's side: what its body is made of.
#[derive(Debug)]
pub struct Receiver(Arc<Shared>);

/// What a session learns of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Everything before is written: more can be.
    Wanted,
    /// The last chunk is written.
    Written,
    /// The connection broke before.
    Lost,
}

struct Shared {
    inner: Mutex<Inner>,
    /// Of the answer's connection.
    socket: Option<Handle>,
}

#[derive(Default)]
struct Inner {
    chunk: Option<Bytes>,
    /// Nothing follows the chunk.
    is_last: bool,
    progress: Progress,
    session: Option<Waker>,
    body: Option<Waker>,
}

/// How far the answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Writing,
    Waiting,
    Written,
    Lost,
}

/// The two sides of an answer on a connection.
pub fn exchange(socket: Option<Handle>) -> (Supply, Receiver) {
    let shared = Arc::new(Shared { inner: Mutex::default(), socket });
    (Supply(Arc::clone(&shared)), Receiver(shared))
}

impl Supply {
    /// What there is to know; whoever asks is woken when there is more.
    pub fn poll_event(&self, context: &Context<'_>) -> Poll<Event> {
        let mut inner = self.0.inner();
        let event = match inner.progress {
            Progress::Written => return Poll::Ready(Event::Written),
            Progress::Lost => return Poll::Ready(Event::Lost),
            Progress::Waiting if inner.chunk.is_none() && !inner.is_last => Poll::Ready(Event::Wanted),
            Progress::Writing | Progress::Waiting => Poll::Pending,
        };
        // An answer that is waited for may be lost too.
        inner.session = Some(context.waker().clone());
        event
    }

    /// Gives the answer its next chunk, and the last one if nothing is to follow.
    pub fn give(&self, chunk: Bytes, is_last: bool) {
        let mut inner = self.0.inner();
        inner.chunk = Some(chunk);
        inner.is_last = is_last;
        inner.progress = match inner.progress {
            Progress::Waiting => Progress::Writing,
            other => other,
        };
        inner.wake_body();
    }

    /// How many bytes the client has acknowledged since its connection began.
    pub fn acknowledged_bytes(&self) -> Option<u64> {
        self.0.socket.as_ref()?.acknowledged_bytes()
    }

    /// The socket of the answer's connection, to be asked for how much it takes.
    pub(crate) fn socket(&self) -> Option<&Handle> {
        self.0.socket.as_ref()
    }

    /// Whether the client has closed the connection before its answer's end, though the answer may not know yet. Once
    /// the last chunk was taken a client may close as soon as it has read it, which this side may not know yet either.
    pub fn has_hung_up(&self) -> bool {
        let inner = self.0.inner();
        match inner.progress {
            Progress::Lost => true,
            Progress::Written => false,
            Progress::Writing if inner.is_last && inner.chunk.is_none() => false,
            Progress::Writing | Progress::Waiting => self.0.socket.as_ref().is_some_and(Handle::has_hung_up),
        }
    }

    /// Nobody looks after the answer any more: the kernel ends its connection if the client takes nothing for so long.
    pub fn leave(&self, stuck_after: Duration) {
        let inner = self.0.inner();
        if let Some(socket) = self.0.socket.as_ref().filter(|_| inner.is_alive()) {
            socket.set_user_timeout(Some(stuck_after));
        }
    }

    /// Ends the connection at once: its client takes nothing. An answer that is written, or lost, is
    /// nobody's here any more, and its connection may be carrying another one.
    pub fn abort(&self) {
        let inner = self.0.inner();
        if let Some(socket) = self.0.socket.as_ref().filter(|_| inner.is_alive()) {
            socket.abort();
        }
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        inner.is_last = true;
        inner.wake_body();
    }
}

impl Receiver {
    /// The next chunk; `None` when there will be no more. To be called when everything before is in the kernel's hands.
    pub fn poll_chunk(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut inner = self.0.inner();
        if let Some(chunk) = inner.chunk.take() {
            inner.progress = Progress::Writing;
            return Poll::Ready(Some(chunk));
        }
        let progress = if inner.is_last { Progress::Written } else { Progress::Waiting };
        if inner.progress != progress {
            inner.progress = progress;
            inner.wake_session();
        }
        if inner.is_last {
            return Poll::Ready(None);
        }
        inner.body = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        if inner.progress != Progress::Written {
            inner.progress = Progress::Lost;
            inner.wake_session();
        }
    }
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be half done: a panic elsewhere doesn't matter.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    const fn is_alive(&self) -> bool {
        matches!(self.progress, Progress::Writing | Progress::Waiting)
    }

    fn wake_session(&mut self) {
        if let Some(session) = self.session.take() {
            session.wake();
        }
    }

    fn wake_body(&mut self) {
        if let Some(body) = self.body.take() {
            body.wake();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("progress", &self.inner().progress).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::socket::Socket;

    fn pair() -> (Supply, Receiver) {
        exchange(None)
    }

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    fn chunk(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn a_chunk_is_asked_for_once_everything_before_is_written() {
        let (supply, receiver) = pair();
        let context = context();
        assert_eq!(supply.poll_event(&context), Poll::Pending, "the body writes something of its own");
        assert_eq!(receiver.poll_chunk(&context), Poll::Pending);
        assert_eq!(supply.poll_event(&context), Poll::Ready(Event::Wanted));
        supply.give(chunk("a"), false);
        assert_eq!(supply.poll_event(&context), Poll::Pending);
        assert_eq!(receiver.poll_chunk(&context), Poll::Ready(Some(chunk("a"))));
        assert_eq!(supply.poll_event(&context), Poll::Pending, "it's being written");
        assert_eq!(receiver.poll_chunk(&context), Poll::Pending);
        assert_eq!(supply.poll_event(&context), Poll::Ready(Event::Wanted));
    }

    #[test]
    fn after_the_last_chunk_the_answer_ends_and_is_known_to_be_written() {
        let (supply, receiver) = pair();
        let context = context();
        supply.give(chunk("a"), true);
        assert_eq!(receiver.poll_chunk(&context), Poll::Ready(Some(chunk("a"))));
        assert_eq!(supply.poll_event(&context), Poll::Pending);
        assert_eq!(receiver.poll_chunk(&context), Poll::Ready(None));
        assert_eq!(supply.poll_event(&context), Poll::Ready(Event::Written));
        drop(receiver);
        assert_eq!(supply.poll_event(&context), Poll::Ready(Event::Written));
    }

    #[test]
    fn a_receiver_that_goes_before_the_end_is_lost() {
        let (supply, receiver) = pair();
        let context = context();
        supply.give(chunk("a"), true);
        assert_eq!(receiver.poll_chunk(&context), Poll::Ready(Some(chunk("a"))));
        assert!(!supply.has_hung_up());
        drop(receiver);
        assert_eq!(supply.poll_event(&context), Poll::Ready(Event::Lost));
        assert!(supply.has_hung_up());
    }

    #[tokio::test]
    async fn a_client_that_closes_has_hung_up_unless_it_may_have_read_the_end() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let ownership = Socket::prepare(&stream, 16 * 1024, Duration::from_secs(30));
        let answer = || exchange(Some(ownership.socket().handle()));
        let context = context();

        let (waiting, waits) = answer();
        assert_eq!(waits.poll_chunk(&context), Poll::Pending);
        let (untaken, _untaken) = answer();
        untaken.give(chunk("a"), true);
        let (going_on, goes_on) = answer();
        going_on.give(chunk("a"), false);
        assert!(goes_on.poll_chunk(&context).is_ready());
        let (ending, ends) = answer();
        ending.give(chunk("a"), true);
        assert!(ends.poll_chunk(&context).is_ready());

        assert!([&waiting, &untaken, &going_on, &ending].iter().all(|supply| !supply.has_hung_up()));
        drop(client);
        assert_eq!(stream.peek(&mut [0]).await.unwrap(), 0, "the end has come");
        assert!([&waiting, &untaken, &going_on].iter().all(|supply| supply.has_hung_up()));
        assert!(!ending.has_hung_up());
        drop(ends);
        assert!(ending.has_hung_up(), "its answer knows more");
    }

    #[test]
    fn an_answer_whose_session_is_gone_ends() {
        let (supply, receiver) = pair();
        drop(supply);
        assert_eq!(receiver.poll_chunk(&context()), Poll::Ready(None));
    }
}
