//! A client's connection as actix reads and writes it: plain or under TLS, with a deadline for each
//! request and an end that takes no longer than it must.
//!
//! Conflation needs to know when everything said is in the kernel's hands: only then is the next state
//! asked for. TLS has a buffer of its own in between, so a write under TLS isn't done before that is
//! empty.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tokio_rustls::server::TlsStream;

use super::socket::{Ownership, Phase, Socket};
use crate::metrics::ConnectionMetrics;

/// What is encrypted at a time: the plaintext of one full TLS record (RFC 8446 §5.1). It's what TLS
/// holds for a client at most, beside the kernel.
const RECORD_BYTES: usize = 16 * 1024;

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
    ownership: Ownership,
    metrics: ConnectionMetrics,
    at: Instant,
    request_deadline: Duration,
}

/// One client's connection.
#[derive(Debug)]
pub struct Connection {
    // Before the stream, which it has to be dropped before.
    accepted: Accepted,
    stream: Stream,
    /// Bytes that were read since a head began.
    head_bytes: usize,
    /// Whether actix has looked at all of them.
    is_looked_at: bool,
    heads: HeadCount,
    /// When the request that comes has to be there.
    due: Option<Pin<Box<Sleep>>>,
    /// How much was encrypted for a write that isn't done.
    encrypted: Option<usize>,
    is_over: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    /// Boxed: twenty times the size of the other.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Accepted {
    /// Counts the connection as long as it lives. A request has to be there `request_deadline` after its
    /// first byte.
    pub fn new(ownership: Ownership, request_deadline: Duration, metrics: ConnectionMetrics) -> Self {
        metrics.open.inc();
        Self { ownership, metrics, at: Instant::now(), request_deadline }
    }

    /// Counts that the connection is ended for a reason: a label of the metric.
    pub fn count_refusal(&self, reason: &str) {
        self.metrics.refused.with_label_values(&[reason]).inc();
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        self.metrics.open.dec();
    }
}

impl Connection {
    /// A connection without TLS.
    pub fn plain(stream: TcpStream, accepted: Accepted) -> Self {
        Self::new(Stream::Plain(stream), accepted)
    }

    /// A connection after its TLS handshake.
    pub fn tls(stream: TlsStream<TcpStream>, accepted: Accepted) -> Self {
        accepted.ownership.socket().note_tls();
        Self::new(Stream::Tls(Box::new(stream)), accepted)
    }

    fn new(stream: Stream, accepted: Accepted) -> Self {
        Self {
            accepted,
            stream,
            head_bytes: 0,
            is_looked_at: false,
            heads: HeadCount::default(),
            due: None,
            encrypted: None,
            is_over: false,
        }
    }

    /// The socket underneath.
    pub const fn socket(&self) -> &Socket {
        self.accepted.ownership.socket()
    }

    /// Whether the head of a further request has begun to come and is late. actix has a deadline for
    /// that of a connection's first.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        if self.socket().phase() != Some(Phase::Head) {
            self.due = None;
            return false;
        }
        let deadline = self.accepted.request_deadline;
        let due = self.due.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + deadline)));
        due.as_mut().poll(context).is_ready()
    }

    /// Writes some of the bytes. Under TLS whoever was told to wait comes again with the same ones.
    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = match &mut self.stream {
            Stream::Plain(stream) => return Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => stream.as_mut(),
        };
        let encrypted = match self.encrypted {
            Some(length) => length,
            None => {
                let record = &bytes[..bytes.len().min(RECORD_BYTES)];
                ready!(Pin::new(&mut *stream).poll_write(context, record))?
            }
        };
        self.encrypted = Some(encrypted);
        ready!(Pin::new(stream).poll_flush(context))?;
        self.encrypted = None;
        Poll::Ready(Ok(encrypted))
    }

    /// Ends the connection for a head that is too big. If nothing was said on it before, this is.
    fn refuse_head(&mut self, context: &mut Context<'_>) {
        self.is_over = true;
        self.accepted.count_refusal("head_too_big");
        if self.socket().phase() == Some(Phase::FirstHead) {
            // They fit into an empty socket; if the client is gone nobody needs them.
            let _ = Pin::new(&mut *self).poll_write(context, HEAD_TOO_BIG);
        }
        // A connection that is closed while bytes wait to be read is reset, and its answer lost.
        for _ in 0..DISCARDED_READS {
            let mut discarded = [0; 4096];
            let mut buffer = ReadBuf::new(&mut discarded);
            let read = self.stream.poll_read(context, &mut buffer);
            if !matches!(read, Poll::Ready(Ok(()))) || buffer.filled().is_empty() {
                break;
            }
        }
    }
}

impl Stream {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
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
        if this.is_over {
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
        let read = match this.stream.poll_read(context, buffer) {
            Poll::Ready(read) => read,
            Poll::Pending if this.is_late(context) => {
                this.accepted.count_refusal("request_deadline");
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
                this.accepted.count_refusal("requests_ahead");
            }
        }
        let length = buffer.filled().len() - filled;
        this.is_over = length == 0;
        this.socket().note_bytes();
        this.head_bytes += length;
        match read {
            // Browsers leave `close_notify` out. HTTP and WebSocket know by themselves whether they were
            // cut off.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            read => Poll::Ready(read),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(this.write(context, bytes));
        this.socket().note_write(*written.as_ref().unwrap_or(&0));
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.socket().is_finishing() {
            return Pin::new(this).poll_shutdown(context);
        }
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        };
        match ready!(shut) {
            // The client was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            shut => Poll::Ready(shut),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // actix answered with 408, or with nothing. Its clock may be ahead.
        let is_late = self.accepted.at.elapsed() + ACTIX_CLOCK >= self.accepted.request_deadline;
        if self.socket().phase() == Some(Phase::FirstHead) && !self.is_over && is_late {
            self.accepted.count_refusal("request_deadline");
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
