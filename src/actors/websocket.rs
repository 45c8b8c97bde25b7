//! A session on a WebSocket: one task, which reads what its client says and writes what is due when every byte that it
//! wrote before is in the kernel's hands.
//!
//! The upgrade is actix's. Once its answer is written the connection leaves actix, and what actix keeps for each
//! connection goes: two buffers of 8 KiB, a dispatcher of 1.5 KiB, the request. What is left is read into a buffer, and
//! written from one, that all sessions of the thread share.

mod ears;
mod hearing;
mod sockjs;
mod telling;

use std::{
    cell::RefCell,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use actix_web::{
    body::{BodySize, MessageBody},
    rt, web,
};
use bytes::{Bytes, BytesMut};
use futures_util::Stream as _;
use tokio::{
    io::ReadBuf,
    time::{Sleep, sleep},
};

use self::{ears::Ears, hearing::Hearing, telling::Telling};
use crate::{
    session::{CloseReason, Inbound},
    transport::{
        application::Application,
        link::{Arrival, Departure, Link, departure},
        socket::Socket,
    },
};

/// How a session's frames stand in WebSocket messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One a message.
    Plain,
    /// SockJS's.
    Sockjs,
}

/// What is read at once.
const READ_BYTES: usize = 8 * 1024;

/// Reads in one turn; other sessions of the thread have theirs in between.
const READS_A_TURN: usize = 4;

/// What a client may say before its upgrade is answered. It "MUST wait for a response from the server before sending any
/// further data" (RFC 6455 §4.1), and actix keeps no more.
const AHEAD_BYTES_MAX: usize = 32 * 1024;

/// How long a client that was told everything has to close its end. One that is closed while the other still sends is
/// reset, and the client may lose what it was told last. Until then it keeps its place among the connections, which bounds
/// those that linger.
const LINGER: Duration = Duration::from_secs(1);

/// Runs a session on a WebSocket. The body that's answered lets the connection leave actix; `ahead` is what the client
/// says before that.
pub fn serve<A: Application>(
    application: A,
    framing: Framing,
    socket: Socket,
    ahead: web::Payload,
) -> Leaving {
    socket.leave_to_session();
    let (departure, arrival) = departure();
    rt::spawn(Carrier {
        application,
        hearing: Hearing::new(framing),
        telling: Telling::new(framing),
        stage: Stage::Coming { arrival, ahead },
    });
    Leaving { socket, departure: Some(departure) }
}

/// The body of the answer that upgrades a connection. It's empty: actix asks for it when it has written all that comes
/// before ([`h1_write_buffer_size`](actix_web::HttpServer::h1_write_buffer_size) of one byte), and ends when it has it.
#[derive(Debug)]
pub struct Leaving {
    socket: Socket,
    departure: Option<Departure>,
}

impl MessageBody for Leaving {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if let Some(departure) = self.departure.take() {
            self.socket.depart(departure);
        }
        Poll::Ready(None)
    }
}

/// Carries a session on its client's connection.
struct Carrier<A> {
    application: A,
    hearing: Hearing,
    telling: Telling,
    stage: Stage,
}

enum Stage {
    /// actix has the connection, and what the client says ahead of the answer.
    Coming { arrival: Arrival, ahead: web::Payload },
    /// The session has it. `hears`: whether the client may say more.
    Open { link: Link, ears: Ears, hears: bool },
    /// Everything was said.
    Lingering { link: Link, end: Pin<Box<Sleep>> },
    /// The connection is of no use any more.
    Over,
}

impl<A: Application> Future for Carrier<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match &mut this.stage {
                Stage::Coming { arrival, ahead } => {
                    let Ok(link) = ready!(Pin::new(arrival).poll(context)) else { return Poll::Ready(()) };
                    let ahead = all_of(ahead, context);
                    this.stage = Stage::Open { link, ears: Ears::new(context.waker()), hears: true };
                    this.hear_ahead(&ahead);
                }
                Stage::Open { .. } => {
                    // What the client asks for goes out in the same turn, and what it asked for last before it goes.
                    let is_lost = this.hear();
                    let told = this.poll_tell(context);
                    if is_lost && told.is_pending() {
                        this.application.receive(Instant::now(), Inbound::Lost);
                        ready!(this.poll_tell(context));
                    } else {
                        ready!(told);
                    }
                }
                Stage::Lingering { link, end } => return poll_linger(link, end, context),
                Stage::Over => return Poll::Ready(()),
            }
        }
    }
}

impl<A: Application> Carrier<A> {
    fn hear_ahead(&mut self, bytes: &[u8]) {
        if bytes.len() < AHEAD_BYTES_MAX {
            self.hearing.push(bytes);
        } else {
            let detail = "too much was sent before the upgrade was answered";
            self.application.receive(Instant::now(), Inbound::Fault(CloseReason::Protocol, detail));
        }
    }

    /// Hears what the client says, as far as the session takes it. Whether that was the last of it.
    fn hear(&mut self) -> bool {
        let Self { application, hearing, stage, .. } = self;
        let Stage::Open { link, ears, hears } = stage else { return false };
        // TLS may read what it needs for its own writes.
        if !ears.are_called() && link.stream.is_plain() {
            return false;
        }
        let context = &mut Context::from_waker(ears.waker());
        for _ in 0..READS_A_TURN {
            if !*hears || hearing.poll_deliver(application, context).is_pending() {
                return false;
            }
            match poll_read(link, context, |bytes| hearing.push(bytes)) {
                Poll::Pending => return false,
                Poll::Ready(is_alive) => *hears = is_alive,
            }
            if !*hears {
                return true;
            }
        }
        // A client that never stops sending takes its turn like everybody else.
        context.waker().wake_by_ref();
        false
    }

    /// Tells the client what is due, and ends the session when everything was told or can't be.
    fn poll_tell(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Stage::Open { link, .. } = &mut self.stage else { return Poll::Ready(()) };
        let told = ready!(self.telling.poll_tell(&self.application, link, context));
        self.application.end(Instant::now());
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        if let (Ok(()), Stage::Open { link, hears: true, .. }) = (told, stage) {
            self.stage = Stage::Lingering { link, end: Box::pin(sleep(LINGER)) };
        }
        Poll::Ready(())
    }
}

/// Everything that there is of what the client said ahead.
fn all_of(ahead: &mut web::Payload, context: &mut Context<'_>) -> BytesMut {
    let mut all = BytesMut::new();
    while let Poll::Ready(Some(Ok(bytes))) = Pin::new(&mut *ahead).poll_next(context) {
        all.extend_from_slice(&bytes);
    }
    all
}

/// Reads once; whether there may be more.
fn poll_read(link: &mut Link, context: &mut Context<'_>, take: impl FnOnce(&[u8])) -> Poll<bool> {
    thread_local! {
        static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    }
    BUFFER.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        let read = ready!(link.stream.poll_read(context, &mut buffer));
        let is_alive = read.is_ok() && !buffer.filled().is_empty();
        if is_alive {
            take(buffer.filled());
        }
        Poll::Ready(is_alive)
    })
}

/// Says that nothing more will come, and waits until the client does the same: after the closing handshake "the server
/// MUST close the underlying TCP connection immediately" (RFC 6455 §5.5.1).
fn poll_linger(link: &mut Link, end: &mut Pin<Box<Sleep>>, context: &mut Context<'_>) -> Poll<()> {
    if end.as_mut().poll(context).is_ready() {
        return Poll::Ready(());
    }
    if ready!(link.stream.poll_shutdown(context)).is_err() {
        return Poll::Ready(());
    }
    for _ in 0..READS_A_TURN {
        if !ready!(poll_read(link, context, |_| {})) {
            return Poll::Ready(());
        }
    }
    context.waker().wake_by_ref();
    Poll::Pending
}
