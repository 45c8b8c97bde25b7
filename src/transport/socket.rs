//! What is set on each accepted socket, what is known of its connection, and how one is ended.

use std::{
    cell::{Cell, RefCell},
    io::ErrorKind,
    mem::MaybeUninit,
    net::Shutdown,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::link::Departure;

/// One accepted connection's socket, for as long as the connection lives; nothing happens afterwards.
#[derive(Clone, Debug)]
pub struct Socket(Rc<State>);

/// Goes with the stream: when it's dropped the socket is nobody's any more.
#[derive(Debug)]
pub struct Ownership(Socket);

/// What other threads may do with a socket.
///
/// `None` once the connection is gone: the number is used again. Whoever uses it holds the lock, and
/// whoever closes it has taken it out under the lock before.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Mutex<Option<RawFd>>>);

#[derive(Debug)]
struct State {
    handle: Handle,
    phase: Cell<Phase>,
    requests: Cell<u64>,
    departure: RefCell<Option<Departure>>,
}

/// What the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first request's head. actix has a deadline for this one.
    FirstHead,
    /// A further request, of which nothing has come.
    Idle,
    /// The rest of a further request's head.
    Head,
    /// The server's answer, for which there may be a body to read. Who reads it has a deadline.
    Answer,
    /// An answer that goes on for as long as its session does.
    Stream,
    /// A WebSocket, for good.
    Session,
}

impl Socket {
    /// Bounds what the kernel holds: beyond `lowat_bytes` of unsent data it reports the socket as
    /// full, and conflation takes over. (`TCP_NOTSENT_LOWAT`; without it a client that never reads
    /// makes the kernel take about 4 MiB, with 16 KiB of it about 110 KiB.)
    ///
    /// And has the kernel end a connection whose client has taken nothing for `stuck_after`
    /// (`TCP_USER_TIMEOUT`): nobody else looks after answers that aren't read.
    pub fn prepare(stream: &tokio::net::TcpStream, lowat_bytes: u32, stuck_after: Duration) -> Ownership {
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
        Ownership(Self(Rc::new(State {
            handle: Handle(Arc::new(Mutex::new(Some(stream.as_raw_fd())))),
            phase: Cell::new(Phase::FirstHead),
            requests: Cell::new(0),
            departure: RefCell::default(),
        })))
    }

    /// The connection is a session's from here on, which has its own deadlines. The kernel's counts a
    /// client as stuck that takes less than a segment at a time.
    pub(crate) fn leave_to_session(&self) {
        self.0.phase.set(Phase::Session);
        self.0.handle.set_user_timeout(None);
    }

    /// The connection is a session's for the length of an answer. A client that is gone without a word
    /// is noticed by the kernel: nothing that it might answer to goes out on a stream.
    pub(crate) fn leave_to_stream(&self) {
        /// As long as a session may be silent, contract §5.5: a slow client takes something in it.
        const SILENCE: Duration = Duration::from_secs(90);
        self.0.phase.set(Phase::Stream);
        self.0.handle.set_user_timeout(Some(SILENCE));
    }

    /// The connection is a session's no longer, and goes on with other requests.
    pub(crate) fn take_from_session(&self, stuck_after: Duration) {
        self.0.phase.set(Phase::Idle);
        self.0.handle.set_user_timeout(Some(stuck_after));
    }

    /// A request's head was read.
    pub(crate) fn note_request(&self) {
        self.0.requests.set(self.requests() + 1);
        self.advance(Phase::Answer);
    }

    /// The answer to a request stands. What comes next is another one.
    pub(crate) fn note_answer(&self) {
        self.advance(Phase::Idle);
    }

    fn advance(&self, phase: Phase) {
        if !matches!(self.0.phase.get(), Phase::Session | Phase::Stream) {
            self.0.phase.set(phase);
        }
    }

    /// Bytes of the client have come.
    pub(super) fn note_bytes(&self) {
        if self.0.phase.get() == Phase::Idle {
            self.0.phase.set(Phase::Head);
        }
    }

    /// How many requests were read.
    pub(super) fn requests(&self) -> u64 {
        self.0.requests.get()
    }

    /// What the connection waits for; `None` once it's gone.
    pub(super) fn phase(&self) -> Option<Phase> {
        self.0.handle.descriptor().map(|_| self.0.phase.get())
    }

    /// The connection leaves actix as soon as that lets go of it. To be called when everything that was said by way of
    /// actix is in the kernel's hands.
    pub(crate) fn depart(&self, departure: Departure) {
        self.0.departure.replace(Some(departure));
    }

    /// Whether it does.
    pub(super) fn is_departing(&self) -> bool {
        self.0.departure.borrow().is_some()
    }

    /// Who waits for it.
    pub(super) fn take_departure(&self) -> Option<Departure> {
        self.0.departure.take()
    }

    /// For other threads.
    pub(crate) fn handle(&self) -> Handle {
        self.0.handle.clone()
    }

    /// For questions of this one.
    pub(crate) fn as_handle(&self) -> &Handle {
        &self.0.handle
    }

    /// See [`Handle::acknowledged_bytes`].
    pub(crate) fn acknowledged_bytes(&self) -> Option<u64> {
        self.0.handle.acknowledged_bytes()
    }

    /// See [`Handle::abort`].
    pub(crate) fn abort(&self) {
        self.0.handle.abort();
    }
}

impl Handle {
    /// How many bytes the client has acknowledged since the connection began: the field
    /// `tcpi_bytes_acked` of `TCP_INFO` (Linux 4.1), which actix can't tell. `None` if the kernel
    /// doesn't. Under TLS these are bytes of records, which tell progress as well.
    #[expect(unsafe_code, reason = "no safe wrapper reads this field")]
    pub(crate) fn acknowledged_bytes(&self) -> Option<u64> {
        /// Where the field is in `struct tcp_info`: after 8 bytes, 24 words and two double words.
        const FIELD: usize = (8 + 24 * 4 + 2 * 8) / 8;
        let descriptor = self.descriptor();
        let number = (*descriptor)?;
        let mut info = [0_u64; FIELD + 1];
        let mut length = libc::socklen_t::try_from(size_of_val(&info)).expect("128 fit");
        // SAFETY: the kernel writes at most `length` bytes, which `info` has, and they are integers.
        let answer = unsafe {
            let info = info.as_mut_ptr().cast();
            libc::getsockopt(number, libc::IPPROTO_TCP, libc::TCP_INFO, info, &raw mut length)
        };
        (answer == 0 && length as usize == size_of_val(&info)).then_some(info[FIELD])
    }

    /// Whether the kernel takes more now: it holds less than half of what it may hold unsent, and has room for the rest.
    /// That's what it tells whoever waits to write. It takes 0.3 µs.
    pub(crate) fn wants_more(&self) -> bool {
        let mut wants_more = false;
        self.with_socket(|socket| {
            let mut asked = [PollFd::new(&*socket, PollFlags::OUT)];
            poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
            wants_more = asked[0].revents().contains(PollFlags::OUT);
            Ok(())
        });
        wants_more
    }

    /// Whether the client has closed the connection, though nobody may have read so far yet.
    pub(crate) fn has_hung_up(&self) -> bool {
        let mut has_hung_up = true;
        self.with_socket(|socket| {
            has_hung_up = match socket.peek(&mut [MaybeUninit::uninit()]) {
                Ok(bytes) => bytes == 0,
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            Ok(())
        });
        has_hung_up
    }

    /// Has the kernel end the connection when its client has taken nothing for so long, or not.
    pub(crate) fn set_user_timeout(&self, stuck_after: Option<Duration>) {
        self.with_socket(|socket| socket.set_tcp_user_timeout(stuck_after));
    }

    /// Ends the connection at once, and throws away what the kernel still holds: the client takes
    /// nothing, so there is nobody to send it to.
    pub(crate) fn abort(&self) {
        self.with_socket(|socket| {
            socket.set_linger(Some(Duration::ZERO)).and_then(|()| socket.shutdown(Shutdown::Both))
        });
    }

    #[expect(unsafe_code, reason = "the connection owns the stream, and actix owns the connection")]
    fn with_socket(&self, act: impl FnOnce(SockRef<'_>) -> std::io::Result<()>) {
        let descriptor = self.descriptor();
        let Some(number) = *descriptor else { return };
        // SAFETY: it's closed after it was taken out from here, which the lock doesn't let happen now. A
        // handshake that is given up closes it just before, while only this thread has the handle.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        if let Err(error) = act(SockRef::from(&borrowed)) {
            tracing::debug!(%error, "a connection was gone before it could be ended");
        }
    }

    fn descriptor(&self) -> MutexGuard<'_, Option<RawFd>> {
        // A number can't be half written: a panic elsewhere doesn't matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ownership {
    /// The socket.
    pub const fn socket(&self) -> &Socket {
        &self.0
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        *self.0.0.handle.descriptor() = None;
    }
}
