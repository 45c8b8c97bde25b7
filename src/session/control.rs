//! What a session says besides prices: answers, heart-beats, the close.

use std::collections::VecDeque;

use bytes::Bytes;

use super::subscription::NOTICES_MAX;

/// How much is handed to the socket at once. What the kernel takes beyond its own limit ages
/// there, out of conflation's reach; much less makes more system calls. 16 KiB are about 50
/// prices, and what `TCP_NOTSENT_LOWAT` lets the kernel hold by default.
pub const TRANSMIT_BYTES_MAX: usize = 16 * 1024;

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
    /// Whether more may be put in before it's handed to the socket; what is put in at once may exceed it.
    fn has_room(&mut self) -> bool {
        self.len() < TRANSMIT_BYTES_MAX
    }
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
    Close { code: u16, text: &'static str },
}

impl Control {
    fn frame_bytes(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Beat | Self::Ping | Self::Pong(_) | Self::Close { .. } => 0,
        }
    }
}

/// What is to be said, in order. It goes out before any price.
#[derive(Debug, Default)]
pub(super) struct ControlQueue {
    queue: VecDeque<Control>,
    /// Bytes of the frames among them.
    frame_bytes: usize,
}

/// While so many wait, nothing more is read from the client. Answers to PINGs, of 125 bytes at most,
/// make up 31 KiB.
const CONTROL_MAX: usize = 256;

/// While the frames that wait have so many bytes, nothing more is read from the client. A receipt
/// has about 60 bytes, but its name is the client's, and may fill a header line (8 KiB).
const FRAME_BYTES_MAX: usize = 64 * 1024;

impl ControlQueue {
    pub(super) fn push(&mut self, control: Control) {
        let is_needless = match control {
            // Nobody needs a beat beside a frame. Pages don't see a PING or its answer.
            Control::Beat => {
                matches!(self.queue.back(), Some(Control::Frame(_) | Control::Beat | Control::Close { .. }))
            }
            // One question is enough for a client that takes its time to read it.
            Control::Ping => self.queue.iter().any(|queued| matches!(queued, Control::Ping)),
            _ => false,
        };
        if is_needless {
            return;
        }
        // Beyond what is full: a notice for each subscription to them, twice if the server stops, the errors of one
        // frame, a PING, an ERROR, and the close.
        debug_assert!(self.queue.len() < CONTROL_MAX + 3 * NOTICES_MAX + 3, "answers are bounded");
        self.frame_bytes += control.frame_bytes();
        self.queue.push_back(control);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the client has to read answers before it may ask for more.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= CONTROL_MAX || self.frame_bytes >= FRAME_BYTES_MAX
    }

    /// Forgets what wasn't sent yet.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Says what there is while the sink has room. Whether any of it was STOMP's: the client's STOMP doesn't hear what
    /// is the transport's own.
    pub(super) fn drain_into(&mut self, sink: &mut impl FrameSink) -> bool {
        let mut is_heard = false;
        while sink.has_room() {
            let next = self.queue.pop_front();
            self.frame_bytes -= next.as_ref().map_or(0, Control::frame_bytes);
            is_heard |= matches!(next, Some(Control::Frame(_) | Control::Beat));
            match next {
                Some(Control::Frame(frame)) => sink.frame(&[&frame]),
                Some(Control::Beat) => sink.frame(&[b"\n"]),
                Some(Control::Ping) => sink.ping(),
                Some(Control::Pong(payload)) => sink.pong(&payload),
                Some(Control::Close { code, text }) => sink.close(code, text),
                None => {
                    // A quiet session keeps no room for what it once had to say.
                    self.clear();
                    break;
                }
            }
        }
        is_heard
    }
}
