//! The TLS handshake: what a client has to say before it costs more than a socket, and whose turn it is.

use std::{io, net::IpAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest, join},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    LazyConfigAcceptor, StartHandshake,
    rustls::server::{Accepted, Acceptor},
    server::TlsStream,
};

use crate::{
    admission::Source,
    metrics::ConnectionMetrics,
    transport::{tls::Certificates, turns::Turns},
};

/// The longest first message. Those of browsers, with a key share that withstands quantum computers and a
/// session ticket, have 2 KiB; the length would go up to 64 KiB.
const HELLO_BYTES_MAX: u64 = 16 * 1024;

/// What a handshake is made with.
pub(super) struct Handshake<'a> {
    pub(super) certificates: &'a Certificates,
    pub(super) turns: &'a Turns,
    /// How long one waits for its turn.
    pub(super) turn_deadline: Duration,
    pub(super) metrics: &'a ConnectionMetrics,
}

impl Handshake<'_> {
    /// Makes it. Who only begins to speak takes no turn, and who leaves gives it up.
    ///
    /// # Errors
    /// Counted, unless the client has just gone.
    pub(super) async fn make(&self, mut stream: TcpStream, peer: IpAddr) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [0];
        let hello = match stream.peek(&mut first).await? {
            // A load balancer that looks whether anybody is there.
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            // A handshake begins with 22 (RFC 8446 §5.1), a request with a letter.
            _ if first[0].is_ascii_alphabetic() => answer_plain(&mut stream).await,
            _ => read_hello(&mut stream).await,
        };
        let hello = hello.map_err(|error| self.failed(error))?;
        tokio::select! {
            waited = timeout(self.turn_deadline, self.turns.wait(Source::of(peer))) => {
                if waited.is_err() {
                    self.metrics.refused.with_label_values(&["crowded_out"]).inc();
                    return Err(io::Error::other("there are too many TLS handshakes"));
                }
            }
            gone = leaves(&stream) => return Err(gone),
        }
        let rest = StartHandshake::from_parts(hello, stream).into_stream(self.certificates.current());
        rest.await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> io::Error {
        tracing::debug!(%error, "a TLS handshake failed");
        self.metrics.refused.with_label_values(&["tls_handshake"]).inc();
        error
    }
}

/// Reads the client's first message. It's taken apart; no key is touched before its turn.
async fn read_hello(stream: &mut TcpStream) -> io::Result<Accepted> {
    let (reader, writer) = stream.split();
    let bounded = join(reader.take(HELLO_BYTES_MAX), writer);
    let hello = LazyConfigAcceptor::new(Acceptor::default(), bounded).await?;
    Ok(hello.accepted)
}

/// Waits until the client is gone, whether it has said more before or not: that's the one interest which
/// ends with the connection and doesn't with its bytes.
async fn leaves(stream: &TcpStream) -> io::Error {
    let gone = stream.ready(Interest::PRIORITY).await;
    gone.err().unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into())
}

/// Tells a client that speaks HTTP where TLS is expected. There is no handshake.
async fn answer_plain<T>(stream: &mut TcpStream) -> io::Result<T> {
    const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 37\r\nConnection: close\r\n\r\nthis port speaks TLS: ask for https:\n";
    // A connection that is closed while bytes wait to be read is reset, and its answer lost.
    let _ = stream.try_read(&mut [0; 4096])?;
    stream.write_all(PLAIN).await?;
    Err(io::Error::other("the client speaks plain HTTP"))
}
