//! A client's bytes, plain or under TLS.
//!
//! Conflation needs to know when everything said is in the kernel's hands: only then is the next state
//! asked for. TLS has a buffer of its own in between, so a write under TLS isn't done before that is
//! empty.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// What is encrypted at a time: the plaintext of one full TLS record (RFC 8446 §5.1). It's what TLS
/// holds for a client at most, beside the kernel.
const RECORD_BYTES: usize = 16 * 1024;

/// A client's bytes.
#[derive(Debug)]
pub enum Stream {
    /// As they are.
    Plain(TcpStream),
    /// In records. Boxed: twenty times the size of the other.
    Tls(Box<Records>),
}

/// TLS, and what it hasn't passed on yet.
#[derive(Debug)]
pub struct Records {
    stream: TlsStream<TcpStream>,
    /// How much was encrypted for a write that isn't done.
    encrypted: Option<usize>,
}

impl Stream {
    /// A client's bytes after its TLS handshake.
    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(Records { stream, encrypted: None }))
    }

    /// Whether what is written goes to the kernel as it is, and at once.
    pub(crate) const fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Reads what is there; nothing at the end.
    ///
    /// # Errors
    /// Those of the connection. Browsers leave TLS's `close_notify` out; HTTP and WebSocket know by themselves whether
    /// they were cut off, so that is no error.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(records) => Pin::new(&mut records.stream).poll_read(context, buffer),
        };
        match ready!(read) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            read => Poll::Ready(read),
        }
    }

    /// Hands bytes to the kernel: how many of them. Under TLS whoever was told to wait comes again with the same ones.
    ///
    /// # Errors
    /// Those of the connection.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Records { stream, encrypted } = match self {
            Self::Plain(stream) => return Pin::new(stream).poll_write(context, bytes),
            Self::Tls(records) => records.as_mut(),
        };
        let length = match *encrypted {
            Some(length) => length,
            None => {
                let record = &bytes[..bytes.len().min(RECORD_BYTES)];
                ready!(Pin::new(&mut *stream).poll_write(context, record))?
            }
        };
        *encrypted = Some(length);
        ready!(Pin::new(stream).poll_flush(context))?;
        *encrypted = None;
        Poll::Ready(Ok(length))
    }

    /// Waits until nothing is held here.
    ///
    /// # Errors
    /// Those of the connection.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(records) => Pin::new(&mut records.stream).poll_flush(context),
        }
    }

    /// Says that nothing more will come: under TLS its `close_notify` goes first.
    ///
    /// # Errors
    /// Those of the connection.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(records) => Pin::new(&mut records.stream).poll_shutdown(context),
        };
        match ready!(shut) {
            // The client was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            shut => Poll::Ready(shut),
        }
    }
}
