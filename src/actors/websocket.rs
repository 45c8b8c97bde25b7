//! A session on a WebSocket: a reader task, which waits for the client's bytes, and a writer, the response body, which
//! actix polls when every byte it wrote before is in the kernel's hands.

use std::{
    cell::RefCell,
    convert::Infallible,
    fmt,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Instant,
};

use actix_web::{
    body::{BodySize, MessageBody},
    rt, web,
};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;

use crate::{
    session::{CloseReason, FrameSink, Inbound},
    shard::Output,
    sockjs::{Assembler, Batch, Frame, Messages},
    transport::{
        application::Application,
        room::{Bounded, Room},
        socket::Socket,
        websocket::{Reader, Received, Writer},
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

thread_local! {
    /// What is about to be written, by whichever session of the thread; so the room is used again and again, and no
    /// session keeps any.
    static SCRATCH: RefCell<BytesMut> = RefCell::default();
}

/// Chunks written in one turn, 256 KiB at most; other sessions of the thread have theirs in between.
const CHUNKS_A_TURN: usize = 16;

/// Runs a session on a WebSocket whose client's bytes come out of `payload`. The body that's answered is its output;
/// the session ends when the body is dropped.
pub fn serve<A: Application>(
    application: A,
    framing: Framing,
    socket: Socket,
    payload: web::Payload,
) -> WebSocketBody<A> {
    socket.leave_to_session();
    let application = Rc::new(application);
    let reading = Reading { application: Rc::clone(&application), framing, assembler: Assembler::default() };
    rt::spawn(reading.run(payload));
    WebSocketBody { application, framing, is_new: framing == Framing::Sockjs, socket }
}

/// The session's reader.
struct Reading<A> {
    application: Rc<A>,
    framing: Framing,
    assembler: Assembler,
}

/// Nothing more can be understood.
struct Unreadable;

impl<A: Application> Reading<A> {
    /// Reads to the end, also what can't be understood any more: a connection that is closed while bytes wait to be
    /// read is reset, and the client loses the ERROR that would have told it why.
    async fn run(mut self, mut payload: web::Payload) {
        let mut reader = Some(Reader::default());
        loop {
            let next = poll_fn(|context| {
                if self.application.accepts_input(context.waker()) {
                    Pin::new(&mut payload).poll_next(context)
                } else {
                    Poll::Pending
                }
            });
            let Some(Ok(bytes)) = next.await else { break };
            if let Some(frames) = &mut reader {
                frames.push(bytes);
                if self.take_frames(frames).await.is_err() {
                    reader = None;
                }
            }
            // A client that never stops sending takes its turn like everybody else.
            rt::task::yield_now().await;
        }
        self.application.receive(Instant::now(), Inbound::Lost);
    }

    /// Hands on what has been read.
    async fn take_frames(&mut self, reader: &mut Reader) -> Result<(), Unreadable> {
        loop {
            self.await_room().await;
            let bytes_max = self.message_bytes_max().ok_or(Unreadable)?;
            let now = Instant::now();
            let inbound = match reader.next(bytes_max) {
                Ok(Some(Received::Data(bytes))) => {
                    self.take_data(bytes, reader.has_ended_message(), bytes_max).await?;
                    continue;
                }
                Ok(Some(Received::Ping(payload))) => Inbound::Ping(payload),
                Ok(Some(Received::Pong)) => Inbound::Pong,
                Ok(Some(Received::Close(code))) => Inbound::Close(code),
                Ok(None) => return Ok(()),
                Err(violation) => {
                    self.application.receive(now, Inbound::Fault(violation.reason, violation.detail));
                    return Err(Unreadable);
                }
            };
            self.application.receive(now, inbound);
        }
    }

    async fn take_data(&mut self, bytes: Bytes, is_last: bool, bytes_max: usize) -> Result<(), Unreadable> {
        let now = Instant::now();
        if self.framing == Framing::Plain {
            self.application.receive(now, Inbound::Data(&bytes));
            return Ok(());
        }
        let Ok(whole) = self.assembler.push(bytes, is_last, bytes_max) else {
            let fault = Inbound::Fault(CloseReason::TooBig, "the SockJS message is too big");
            self.application.receive(now, fault);
            return Err(Unreadable);
        };
        let Some(message) = whole else { return Ok(()) };
        let Ok(messages) = Messages::parse_any(&message) else {
            // "When user sends broken data … the server must abruptly terminate the ws connection."
            let fault = Inbound::Fault(CloseReason::Protocol, "a SockJS message isn't JSON strings");
            self.application.receive(now, fault);
            self.application.receive(now, Inbound::Lost);
            return Err(Unreadable);
        };
        let mut index = 0;
        while let Some(text) = messages.get(index) {
            self.await_room().await;
            self.application.receive(Instant::now(), Inbound::Data(text.as_bytes()));
            index += 1;
        }
        Ok(())
    }

    async fn await_room(&self) {
        poll_fn(|context| {
            if self.application.accepts_input(context.waker()) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn message_bytes_max(&self) -> Option<usize> {
        let bytes_max = self.application.message_bytes_max()?;
        Some(match self.framing {
            Framing::Plain => bytes_max,
            Framing::Sockjs => encoded_bytes_max(bytes_max),
        })
    }
}

/// How long a message may be that has so many bytes as a JSON string: each line end and each quotation mark takes two.
const fn encoded_bytes_max(bytes: usize) -> usize {
    2 * bytes + 64
}

/// A session's writer: the body of the response that upgraded the connection.
///
/// The server is set up so that actix asks for the next chunk only when it has written all of the
/// one before ([`h1_write_buffer_size`](actix_web::HttpServer::h1_write_buffer_size) of one byte).
/// So nothing stands between the session's outbox and the kernel, and a chunk is written here, at once. What the
/// kernel doesn't take of it becomes the body's, and actix waits until it's taken; it has to be small, since actix
/// keeps the room for it. Under TLS all goes that way.
pub struct WebSocketBody<A: Application> {
    application: Rc<A>,
    framing: Framing,
    /// `o` is owed.
    is_new: bool,
    socket: Socket,
}

impl<A: Application> WebSocketBody<A> {
    fn fill(&mut self, scratch: &mut BytesMut, context: &Context<'_>) -> Output {
        let (now, waker) = (Instant::now(), context.waker());
        let socket = Some(self.socket.as_handle());
        let room = if self.socket.is_direct() { Room::whole(socket) } else { Room::buffered(socket) };
        if self.framing == Framing::Plain {
            let mut sink = Bounded::new(Writer(scratch), room);
            return self.application.poll_transmit(now, &mut sink, waker);
        }
        if std::mem::take(&mut self.is_new) {
            say(scratch, &Frame::Open);
            return Output::Ready;
        }
        let sink = SockjsSink { batch: Batch::default(), writer: Writer(scratch) };
        let mut sink = Bounded::new(sink, room);
        let output = self.application.poll_transmit(now, &mut sink, waker);
        sink.sink.finish(self.application.beats());
        output
    }

    /// Writes a chunk; what the kernel doesn't take.
    fn write(&self, chunk: &[u8]) -> Option<Bytes> {
        self.application.note_sent(chunk.len());
        let taken = self.socket.send(chunk);
        (taken < chunk.len()).then(|| Bytes::copy_from_slice(&chunk[taken..]))
    }

    /// Counts what was written since, here and by actix.
    fn count_writes(&self) {
        match self.socket.take_writes() {
            0 => {}
            writes => self.application.note_writes(writes),
        }
    }
}

impl<A: Application> MessageBody for WebSocketBody<A> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        for _ in 0..CHUNKS_A_TURN {
            self.count_writes();
            let (output, rest) = SCRATCH.with_borrow_mut(|scratch| {
                scratch.clear();
                let output = self.fill(scratch, context);
                let rest = if output == Output::Ready { self.write(scratch) } else { None };
                (output, rest)
            });
            match (output, rest) {
                (Output::Ready, None) => {}
                (Output::Ready, Some(rest)) => return Poll::Ready(Some(Ok(rest))),
                (Output::Pending, _) => return Poll::Pending,
                (Output::Finished, _) => {
                    // Everything that was said is in the kernel's hands.
                    self.socket.finish();
                    return Poll::Ready(None);
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<A: Application> Drop for WebSocketBody<A> {
    fn drop(&mut self) {
        self.count_writes();
        self.application.end(Instant::now());
    }
}

impl<A: Application> fmt::Debug for WebSocketBody<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketBody").field("framing", &self.framing).finish_non_exhaustive()
    }
}

/// Frames a session's output as SockJS has it, in WebSocket messages.
struct SockjsSink<'a> {
    batch: Batch,
    writer: Writer<'a>,
}

impl SockjsSink<'_> {
    /// Writes what was gathered. `beats`: whether the client hears from the session by itself.
    fn finish(mut self, beats: bool) {
        if let Some(messages) = self.batch.take_messages() {
            self.writer.frame(&[&messages]);
        }
        if self.batch.is_pinged() {
            self.writer.ping();
            if !beats {
                say(self.writer.0, &Frame::Heartbeat);
            }
        }
        if let Some(close) = self.batch.take_close() {
            say(self.writer.0, &Frame::Close(close.clone()));
            self.writer.close(close.code, &close.reason);
        }
    }
}

impl FrameSink for SockjsSink<'_> {
    fn frame(&mut self, parts: &[&[u8]]) {
        self.batch.frame(parts);
    }

    fn ping(&mut self) {
        self.batch.ping();
    }

    fn pong(&mut self, payload: &[u8]) {
        self.writer.pong(payload);
    }

    fn close(&mut self, code: u16, text: &str) {
        self.batch.close(code, text);
    }

    fn len(&self) -> usize {
        self.writer.len() + self.batch.len() + usize::from(self.batch.is_pinged())
    }
}

/// Writes a frame as a message.
fn say(scratch: &mut BytesMut, frame: &Frame) {
    let mut text = BytesMut::new();
    frame.write(&mut text);
    Writer(scratch).frame(&[&text]);
}
