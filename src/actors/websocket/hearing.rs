//! What a session hears from its client on a WebSocket.

use std::{
    task::{Context, Poll, Waker, ready},
    time::Instant,
};

use bytes::Bytes;

use super::Framing;
use crate::{
    session::{CloseReason, Inbound},
    sockjs::{Assembler, Messages},
    transport::{
        application::Application,
        websocket::{Reader, Received},
    },
};

/// The client's side of a WebSocket: bytes that were read, as far as the session has taken what's in them.
#[derive(Debug)]
pub(super) struct Hearing {
    /// None once nothing more can be understood.
    reader: Option<Reader>,
    /// Of SockJS's framing.
    sockjs: Option<Box<Unwrapping>>,
}

/// SockJS's messages, each of which may hold some of the session's.
#[derive(Debug, Default)]
struct Unwrapping {
    assembler: Assembler,
    /// The messages that were read last, and how many of them the session has taken.
    messages: Option<(Messages, usize)>,
}

/// Nothing more can be understood.
struct Unreadable;

impl Hearing {
    pub(super) fn new(framing: Framing) -> Self {
        let sockjs = (framing == Framing::Sockjs).then(Box::default);
        Self { reader: Some(Reader::default()), sockjs }
    }

    /// Takes what was read. What can't be understood any more is read all the same: a connection that is closed while
    /// bytes wait to be read is reset, and the client loses the ERROR that would have told it why.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if let Some(reader) = &mut self.reader {
            reader.push(bytes);
        }
    }

    /// Hands on what has been read, until there is no more; meanwhile the session may have enough for now.
    pub(super) fn poll_deliver(&mut self, to: &impl Application, context: &Context<'_>) -> Poll<()> {
        while self.reader.is_some() {
            ready!(poll_room(to, context.waker()));
            match self.deliver(to) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Unreadable) => (self.reader, self.sockjs) = (None, None),
            }
        }
        // Who sends what nobody takes is to wait for it, too.
        poll_room(to, context.waker())
    }

    /// Hands on one thing, if there is one.
    fn deliver(&mut self, to: &impl Application) -> Result<bool, Unreadable> {
        if self.sockjs.as_mut().is_some_and(|sockjs| sockjs.deliver_next(to)) {
            return Ok(true);
        }
        let bytes_max = self.message_bytes_max(to).ok_or(Unreadable)?;
        let reader = self.reader.as_mut().ok_or(Unreadable)?;
        let now = Instant::now();
        let inbound = match reader.next(bytes_max) {
            Ok(Some(Received::Data(bytes))) => {
                match &mut self.sockjs {
                    None => to.receive(now, Inbound::Data(&bytes)),
                    Some(sockjs) => sockjs.take(to, bytes, reader.has_ended_message(), bytes_max)?,
                }
                return Ok(true);
            }
            Ok(Some(Received::Ping(payload))) => Inbound::Ping(payload),
            Ok(Some(Received::Pong)) => Inbound::Pong,
            Ok(Some(Received::Close(code))) => Inbound::Close(code),
            Ok(None) => return Ok(false),
            Err(violation) => {
                to.receive(now, Inbound::Fault(violation.reason, violation.detail));
                return Err(Unreadable);
            }
        };
        to.receive(now, inbound);
        Ok(true)
    }

    fn message_bytes_max(&self, to: &impl Application) -> Option<usize> {
        let bytes_max = to.message_bytes_max()?;
        Some(if self.sockjs.is_some() { encoded_bytes_max(bytes_max) } else { bytes_max })
    }
}

impl Unwrapping {
    /// Hands on the next of the messages that were read, if there is one.
    fn deliver_next(&mut self, to: &impl Application) -> bool {
        let Some((messages, taken)) = &mut self.messages else { return false };
        let Some(text) = messages.get(*taken) else {
            self.messages = None;
            return false;
        };
        to.receive(Instant::now(), Inbound::Data(text.as_bytes()));
        *taken += 1;
        true
    }

    /// Takes a piece of a WebSocket message.
    fn take(
        &mut self,
        to: &impl Application,
        bytes: Bytes,
        is_last: bool,
        bytes_max: usize,
    ) -> Result<(), Unreadable> {
        let now = Instant::now();
        let Ok(whole) = self.assembler.push(bytes, is_last, bytes_max) else {
            to.receive(now, Inbound::Fault(CloseReason::TooBig, "the SockJS message is too big"));
            return Err(Unreadable);
        };
        let Some(message) = whole else { return Ok(()) };
        let Ok(messages) = Messages::parse_any(&message) else {
            // "When user sends broken data … the server must abruptly terminate the ws connection."
            let fault = Inbound::Fault(CloseReason::Protocol, "a SockJS message isn't JSON strings");
            to.receive(now, fault);
            to.receive(now, Inbound::Lost);
            return Err(Unreadable);
        };
        self.messages = Some((messages, 0));
        Ok(())
    }
}

fn poll_room(to: &impl Application, reader: &Waker) -> Poll<()> {
    if to.accepts_input(reader) { Poll::Ready(()) } else { Poll::Pending }
}

/// How long a message may be that has so many bytes as a JSON string: each line end and each quotation mark takes two.
const fn encoded_bytes_max(bytes: usize) -> usize {
    2 * bytes + 64
}
