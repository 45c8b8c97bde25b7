//! A client's connection as actix reads and writes it, with a deadline for each request and an end that takes no longer
//! than it must. When its session takes it over it leaves actix, which finds it closed.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use prometheus::IntCounterVec;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tokio_rustls::server::TlsStream;

use super::{
    link::{Link, Presence},
    socket::{Ownership, Phase, Socket},
    stream::Stream,
};
use crate::metrics::ConnectionMetrics;

/// The longest head of a request. actix takes 128 KiB, for each of thousands of connections; nginx takes
/// as much as this by default.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Requests that may come ahead of their answers: as many as actix takes up at a time; browsers send
/// none. It parses all that there are in its 128 KiB, and a parsed one takes 3 KiB: up to 20 MiB for a
/// connection, measured, and 48 KiB with this.
const REQUESTS_AHEAD_MAX: u64 = 16;

/// How often actix looks at the clock that its deadlines are taken from.
const ACTIX_CLOCK: Duration = Duration::from_millis(500);

/// Reads of 4 KiB whose bytes are thrown away after that: as much as a client sends before it looks.
const DISCARDED_READS: usize = 64;

const HEAD_TOO_BIG: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// An accepted connection on which nothing has been read.
#[derive(Debug)]
pub struct Accepted {
    presence: Presence,
    begin: Begin,
}

/// When it was accepted, and what its requests are held to.
#[derive(Debug)]
struct Begin {
    at: Instant,
    request_deadline: Duration,
    refused: IntCounterVec,
}

/// One client's connection.
#[derive(Debug)]
pub struct Connection {
    /// Until it's dropped.
    link: Option<Link>,
    socket: Socket,
    begin: Begin,
    /// Bytes that were read since a head began.
    head_bytes: usize,
    /// Whether actix has looked at all of them.
    is_looked_at: bool,
    heads: HeadCount,
    /// When the request that comes has to be there.
    due: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

impl Accepted {
    /// Counts the connection as long as it lives. A request has to be there `request_deadline` after its
    /// first byte.
    pub fn new(ownership: Ownership, request_deadline: Duration, metrics: &ConnectionMetrics) -> Self {
        let presence = Presence::new(ownership, metrics.open.clone());
        let begin = Begin { at: Instant::now(), request_deadline, refused: metrics.refused.clone() };
        Self { presence, begin }
    }

    /// Counts that the connection is ended for a reason: a label of the metric.
    pub fn count_refusal(&self, reason: &str) {
        self.begin.count_refusal(reason);
    }
}

impl Begin {
    fn count_refusal(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }
}

impl Connection {
    /// A connection without TLS.
    pub fn plain(stream: TcpStream, accepted: Accepted) -> Self {
        Self::new(Stream::Plain(stream), accepted)
    }

    /// A connection after its TLS handshake.
    pub fn tls(stream: TlsStream<TcpStream>, accepted: Accepted) -> Self {
        Self::new(Stream::tls(stream), accepted)
    }

    fn new(stream: Stream, Accepted { presence, begin }: Accepted) -> Self {
        Self {
            socket: presence.socket().clone(),
            link: Some(Link::new(presence, stream)),
            begin,
            head_bytes: 0,
            is_looked_at: false,
            heads: HeadCount::default(),
            due: None,
            is_over: false,
        }
    }

    /// The socket underneath.
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }

    const fn stream(&mut self) -> &mut Stream {
        &mut self.link.as_mut().expect("it's there until the connection is dropped").stream
    }

    /// Whether the head of a further request has begun to come and is late. actix has a deadline for
    /// that of a connection's first.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        if self.socket().phase() != Some(Phase::Head) {
            self.due = None;
            return false;
        }
        let deadline = self.begin.request_deadline;
        let due = self.due.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + deadline)));
        due.as_mut().poll(context).is_ready()
    }

    /// Ends the connection for a head that is too big. If nothing was said on it before, this is.
    fn refuse_head(&mut self, context: &mut Context<'_>) {
        self.is_over = true;
        self.begin.count_refusal("head_too_big");
        if self.socket().phase() == Some(Phase::FirstHead) {
            // They fit into an empty socket; if the client is gone nobody needs them.
            let _ = Pin::new(&mut *self).poll_write(context, HEAD_TOO_BIG);
        }
        // A connection that is closed while bytes wait to be read is reset, and its answer lost.
        for _ in 0..DISCARDED_READS {
            let mut discarded = [0; 4096];
            let mut buffer = ReadBuf::new(&mut discarded);
            let read = self.stream().poll_read(context, &mut buffer);
            if !matches!(read, Poll::Ready(Ok(()))) || buffer.filled().is_empty() {
                break;
            }
        }
    }
}

/// Counts heads of requests, by the version that stands in the first line of each.
#[derive(Debug, Default)]
struct HeadCount {
    begun: u64,
    /// How much of the version the bytes before ended with.
    matched: usize,
}

impl HeadCount {
    const VERSION: &[u8] = b" HTTP/1.";

    fn look_at(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // The space doesn't come again within the version.
            self.matched = if *byte == Self::VERSION[self.matched] {
                self.matched + 1
            } else {
                usize::from(*byte == b' ')
            };
            if self.matched == Self::VERSION.len() {
                self.begun += 1;
                self.matched = 0;
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_over || this.socket.is_departing() {
            return Poll::Ready(Ok(()));
        }
        if !matches!(this.socket().phase(), Some(Phase::FirstHead | Phase::Head)) {
            (this.head_bytes, this.is_looked_at) = (0, false);
        } else if this.head_bytes > HEAD_BYTES_MAX {
            // A body may have come together with its head: actix looks before it reads on.
            if !mem::replace(&mut this.is_looked_at, true) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.refuse_head(context);
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        let read = match this.stream().poll_read(context, buffer) {
            Poll::Ready(read) => read,
            Poll::Pending if this.is_late(context) => {
                this.begin.count_refusal("request_deadline");
                Ok(())
            }
            Poll::Pending => return Poll::Pending,
        };
        if this.socket().phase() == Some(Phase::Idle) {
            // Every request has its answer. What only looked like a head, within a body, doesn't add up over
            // a connection's life; and the next head has its own time.
            this.heads.begun = this.socket().requests();
            this.due = None;
        }
        if this.socket().phase() != Some(Phase::Session) {
            this.heads.look_at(&buffer.filled()[filled..]);
            if this.heads.begun > this.socket().requests() + REQUESTS_AHEAD_MAX {
                buffer.set_filled(filled);
                this.begin.count_refusal("requests_ahead");
            }
        }
        let length = buffer.filled().len() - filled;
        this.is_over = length == 0;
        this.socket().note_bytes();
        this.head_bytes += length;
        Poll::Ready(read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().stream().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.socket.is_departing() {
            return Poll::Ready(Ok(()));
        }
        this.stream().poll_shutdown(context)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(departure) = self.socket.take_departure() {
            // If nobody waits for it any more it ends here.
            let _ = departure.send(self.link.take().expect("it's there until the connection is dropped"));
            return;
        }
        // actix answered with 408, or with nothing. Its clock may be ahead.
        let is_late = self.begin.at.elapsed() + ACTIX_CLOCK >= self.begin.request_deadline;
        if self.socket().phase() == Some(Phase::FirstHead) && !self.is_over && is_late {
            self.begin.count_refusal("request_deadline");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_begins_with_its_version_however_it_is_cut() {
        let bytes = b"GET / HTTP/1.1\r\na: b\r\n\r\nGET /  HTTP/1.0\n\n\n\nGET / HTTP HTTP/1.1\r\n";
        for chunk in 1..bytes.len() {
            let mut heads = HeadCount::default();
            bytes.chunks(chunk).for_each(|piece| heads.look_at(piece));
            assert_eq!(heads.begun, 3, "in pieces of {chunk}");
        }
    }
}
