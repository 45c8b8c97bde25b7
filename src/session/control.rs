//! What a session says besides prices: answers, heart-beats, the close.

use std::collections::VecDeque;

use bytes::Bytes;

use super::CloseReason;

/// Where a session's output goes: a transport's framing, over one buffer.
pub trait FrameSink {
    /// One STOMP frame, or a heart-beat, in parts that follow one another.
    fn frame(&mut self, parts: &[&[u8]]);
    /// The transport's own question whether the peer is there.
    fn ping(&mut self);
    /// The answer to the peer's.
    fn pong(&mut self, payload: &[u8]);
    /// The end.
    fn close(&mut self, code: u16, text: &str);
    /// How many bytes were put in so far.
    fn len(&self) -> usize;
    /// Whether nothing was put in.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One thing to say.
#[derive(Debug)]
pub(super) enum Control {
    Frame(Bytes),
    Beat,
    Ping,
    Pong(Bytes),
    Close(CloseReason),
}

/// What is to be said, in order. It goes out before any price.
#[derive(Debug, Default)]
pub(super) struct ControlQueue(VecDeque<Control>);

/// While so many wait, nothing more is read from the client, so that it can't make the server hold
/// more than 256 receipts of, at most, its own header line (8 KiB); usually 60 bytes each.
const CONTROL_MAX: usize = 256;

impl ControlQueue {
    pub(super) fn push(&mut self, control: Control) {
        // Only the newest PING needs an answer (RFC 6455 §5.5.3), and nobody needs two beats.
        match (&control, self.0.back_mut()) {
            (Control::Pong(_), Some(last @ Control::Pong(_))) => *last = control,
            (Control::Beat, Some(_)) => {}
            _ => self.0.push_back(control),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the client has to read answers before it may ask for more.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= CONTROL_MAX
    }

    /// Forgets what wasn't sent yet.
    pub(super) fn clear(&mut self) {
        self.0 = VecDeque::new();
    }

    /// Says what there is while the sink holds less than `bytes_max`.
    pub(super) fn drain_into(&mut self, sink: &mut impl FrameSink, bytes_max: usize) {
        while sink.len() < bytes_max {
            match self.0.pop_front() {
                Some(Control::Frame(frame)) => sink.frame(&[&frame]),
                Some(Control::Beat) => sink.frame(&[b"\n"]),
                Some(Control::Ping) => sink.ping(),
                Some(Control::Pong(payload)) => sink.pong(&payload),
                Some(Control::Close(reason)) => sink.close(reason.code(), reason.text()),
                None => {
                    // A quiet session keeps no room for what it once had to say.
                    self.0 = VecDeque::new();
                    return;
                }
            }
        }
    }
}
