//! What is set on each accepted socket, and how one is ended.

use std::{
    net::Shutdown,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    time::Duration,
};

use socket2::SockRef;

/// One accepted connection's socket, for as long as the connection lives.
#[derive(Clone, Copy, Debug)]
pub struct Socket(RawFd);

impl Socket {
    /// Bounds what the kernel holds: beyond `lowat_bytes` of unsent data it reports the socket as
    /// full, and conflation takes over. (`TCP_NOTSENT_LOWAT`; without it a client that never reads
    /// makes the kernel take about 4 MiB, with 16 KiB of it about 110 KiB.)
    ///
    /// And has the kernel end a connection whose client has taken nothing for `stuck_after`
    /// (`TCP_USER_TIMEOUT`): nobody else looks after answers that aren't read.
    pub fn prepare(stream: &tokio::net::TcpStream, lowat_bytes: u32, stuck_after: Duration) -> Self {
        let socket = SockRef::from(stream);
        if let Err(error) = socket.set_tcp_user_timeout(Some(stuck_after)) {
            tracing::debug!(%error, "TCP_USER_TIMEOUT can't be set");
        }
        // Without it a write that follows another waits for the client's delayed acknowledgement: 38 ms
        // at the 99th percentile of ages, measured.
        if let Err(error) = socket.set_tcp_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
        if let Err(error) = socket.set_tcp_notsent_lowat(lowat_bytes) {
            tracing::debug!(%error, "TCP_NOTSENT_LOWAT can't be set");
        }
        Self(stream.as_raw_fd())
    }

    /// The connection is a session's from here on, which has its own deadline. The kernel's counts a
    /// client as stuck that takes less than a segment at a time.
    pub(crate) fn leave_to_session(self) {
        note(SockRef::from(&self.descriptor()).set_tcp_user_timeout(None));
    }

    /// The connection is a session's no longer, and goes on with other requests.
    ///
    /// To be called only while the connection lives.
    pub(crate) fn take_from_session(self, stuck_after: Duration) {
        note(SockRef::from(&self.descriptor()).set_tcp_user_timeout(Some(stuck_after)));
    }

    /// How many bytes the client has acknowledged since the connection began: the field
    /// `tcpi_bytes_acked` of `TCP_INFO` (Linux 4.1), which actix can't tell. `None` if the kernel
    /// doesn't.
    #[expect(unsafe_code, reason = "no safe wrapper reads this field")]
    pub(crate) fn acknowledged_bytes(&self) -> Option<u64> {
        /// Where the field is in `struct tcp_info`: after 8 bytes, 24 words and two double words.
        const FIELD: usize = (8 + 24 * 4 + 2 * 8) / 8;
        let mut info = [0_u64; FIELD + 1];
        let mut length = libc::socklen_t::try_from(size_of_val(&info)).expect("128 fit");
        let descriptor = self.descriptor().as_raw_fd();
        // SAFETY: the kernel writes at most `length` bytes, which `info` has, and they are integers.
        let answer = unsafe {
            let info = info.as_mut_ptr().cast();
            libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, info, &raw mut length)
        };
        (answer == 0 && length as usize == size_of_val(&info)).then_some(info[FIELD])
    }

    /// Says that nothing more will come. After the closing handshake "the server MUST close the
    /// underlying TCP connection immediately" (RFC 6455 §5.5.1), while actix gives the client a
    /// second to do so first, and browsers report the close when it's done.
    ///
    /// To be called when everything is in the kernel's hands, and only while the connection lives:
    /// its descriptor is used again afterwards.
    pub(crate) fn finish(self) {
        note(SockRef::from(&self.descriptor()).shutdown(Shutdown::Write));
    }

    /// Ends the connection at once, and throws away what the kernel still holds: the client takes
    /// nothing, so there is nobody to send it to.
    ///
    /// To be called only while the connection lives.
    pub(crate) fn abort(self) {
        let descriptor = self.descriptor();
        let socket = SockRef::from(&descriptor);
        note(socket.set_linger(Some(Duration::ZERO)).and_then(|()| socket.shutdown(Shutdown::Both)));
    }

    #[expect(unsafe_code, reason = "actix owns the stream and lends it on accept only")]
    fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: whoever calls does so before the session's response body is dropped. The
        // connection owns the body together with the stream, and drops the stream last; so the
        // descriptor is still the stream's.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

fn note(done: std::io::Result<()>) {
    if let Err(error) = done {
        tracing::debug!(%error, "a connection was gone before it could be ended");
    }
}
