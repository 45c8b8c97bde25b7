//! A client's connection as actix reads and writes it: plain or under TLS, with a deadline for each
//! request and an end that takes no longer than it must.
//!
//! Conflation needs to know when everything said is in the kernel's hands: only then is the next state
//! asked for. TLS has a buffer of its own in between, so a write under TLS isn't done before that is
//! empty.

use std::{
    io,
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

/// One client's connection.
#[derive(Debug)]
pub struct Connection {
    // Before the stream, which it has to be dropped before.
    ownership: Ownership,
    stream: Stream,
    metrics: ConnectionMetrics,
    opened: Instant,
    request_deadline: Duration,
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

impl Connection {
    /// A connection without TLS. A request has to be there `request_deadline` after its first byte.
    pub fn plain(
        stream: TcpStream,
        ownership: Ownership,
        request_deadline: Duration,
        metrics: ConnectionMetrics,
    ) -> Self {
        Self::new(Stream::Plain(stream), ownership, request_deadline, metrics)
    }

    /// A connection after its TLS handshake.
    pub fn tls(
        stream: TlsStream<TcpStream>,
        ownership: Ownership,
        request_deadline: Duration,
        metrics: ConnectionMetrics,
    ) -> Self {
        Self::new(Stream::Tls(Box::new(stream)), ownership, request_deadline, metrics)
    }

    fn new(
        stream: Stream,
        ownership: Ownership,
        request_deadline: Duration,
        metrics: ConnectionMetrics,
    ) -> Self {
        metrics.open.inc();
        let opened = Instant::now();
        Self {
            ownership,
            stream,
            metrics,
            opened,
            request_deadline,
            due: None,
            encrypted: None,
            is_over: false,
        }
    }

    /// The socket underneath.
    pub const fn socket(&self) -> &Socket {
        self.ownership.socket()
    }

    /// Whether a request has begun to come and is late. actix has a deadline for the head of a
    /// connection's first request, and none for its body and for all further ones.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        if self.socket().phase() != Some(Phase::Request) {
            self.due = None;
            return false;
        }
        let deadline = self.request_deadline;
        let due = self.due.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + deadline)));
        due.as_mut().poll(context).is_ready()
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
        let filled = buffer.filled().len();
        let read = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        };
        match read {
            Poll::Ready(Ok(())) => {
                this.is_over = buffer.filled().len() == filled;
                this.socket().note_bytes();
            }
            // Browsers leave `close_notify` out. HTTP and WebSocket know by themselves whether they were
            // cut off.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => this.is_over = true,
            Poll::Ready(Err(error)) => {
                this.is_over = true;
                return Poll::Ready(Err(error));
            }
            Poll::Pending if this.is_late(context) => {
                this.is_over = true;
                this.metrics.refused.with_label_values(&["request_deadline"]).inc();
            }
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    /// Under TLS whoever was told to wait comes again with the same bytes.
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let stream = match &mut this.stream {
            Stream::Plain(stream) => return Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => stream.as_mut(),
        };
        let encrypted = match this.encrypted {
            Some(length) => length,
            None => {
                let record = &bytes[..bytes.len().min(RECORD_BYTES)];
                ready!(Pin::new(&mut *stream).poll_write(context, record))?
            }
        };
        this.encrypted = Some(encrypted);
        ready!(Pin::new(stream).poll_flush(context))?;
        this.encrypted = None;
        Poll::Ready(Ok(encrypted))
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
        self.metrics.open.dec();
        // actix answered with 408, or with nothing.
        let is_late = self.opened.elapsed() >= self.request_deadline;
        if self.socket().phase() == Some(Phase::FirstHead) && !self.is_over && is_late {
            self.metrics.refused.with_label_values(&["request_deadline"]).inc();
        }
    }
}
