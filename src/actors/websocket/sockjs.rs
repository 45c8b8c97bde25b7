//! SockJS's framing on a WebSocket.

use bytes::BytesMut;

use crate::{
    session::FrameSink,
    sockjs::{Batch, Frame},
    transport::websocket::Writer,
};

/// Frames a session's output as SockJS has it, in WebSocket messages.
pub(super) struct SockjsSink<'a> {
    batch: Batch,
    writer: Writer<'a>,
}

impl<'a> SockjsSink<'a> {
    /// Nothing was said yet; it's to be written there.
    pub(super) fn new(scratch: &'a mut BytesMut) -> Self {
        Self { batch: Batch::default(), writer: Writer(scratch) }
    }

    /// Writes what was gathered. `beats`: whether the client hears from the session by itself.
    pub(super) fn finish(mut self, beats: bool) {
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
pub(super) fn say(scratch: &mut BytesMut, frame: &Frame) {
    let mut text = BytesMut::new();
    frame.write(&mut text);
    Writer(scratch).frame(&[&text]);
}
