//! What is set on each accepted socket, and how one is aborted.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use socket2::SockRef;

/// One accepted connection's socket, for as long as the connection lives.
#[derive(Clone, Copy, Debug)]
pub struct Socket(RawFd);

impl Socket {
    /// Bounds what the kernel holds: beyond `lowat_bytes` of unsent data it reports the socket as
    /// full, and conflation takes over. (`TCP_NOTSENT_LOWAT`; without it a client that never reads
    /// makes the kernel take about 4 MiB, with 16 KiB of it about 110 KiB.)
    pub fn prepare(stream: &tokio::net::TcpStream, lowat_bytes: u32) -> Self {
        let socket = SockRef::from(stream);
        if let Err(error) = socket.set_tcp_notsent_lowat(lowat_bytes) {
            tracing::debug!(%error, "TCP_NOTSENT_LOWAT can't be set");
        }
        Self(stream.as_raw_fd())
    }

    /// Says that nothing more follows what was written. actix waits a second for the client's end
    /// before it says so by itself, and the client waits for this one.
    ///
    /// To be called only while the connection lives, like [`abort`](Self::abort).
    #[expect(unsafe_code, reason = "actix owns the stream and lends it on accept only")]
    pub(crate) fn finish(self) {
        // SAFETY: as in `abort`.
        let descriptor = unsafe { BorrowedFd::borrow_raw(self.0) };
        if let Err(error) = SockRef::from(&descriptor).shutdown(std::net::Shutdown::Write) {
            tracing::debug!(%error, "a connection was gone before it was finished");
        }
    }

    /// Ends the connection at once, and throws away what the kernel still holds: the client takes
    /// nothing, so there is nobody to send it to.
    ///
    /// To be called only while the connection lives: its descriptor is used again afterwards.
    #[expect(unsafe_code, reason = "actix owns the stream and lends it on accept only")]
    pub(crate) fn abort(self) {
        // SAFETY: the session's response body, which the connection owns together with the stream,
        // calls this before it is dropped; so the descriptor is still the stream's.
        let descriptor = unsafe { BorrowedFd::borrow_raw(self.0) };
        let socket = SockRef::from(&descriptor);
        let done = socket
            .set_linger(Some(std::time::Duration::ZERO))
            .and_then(|()| socket.shutdown(std::net::Shutdown::Both));
        if let Err(error) = done {
            tracing::debug!(%error, "a connection was gone before it could be aborted");
        }
    }
}
