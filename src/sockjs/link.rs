//! The rules of a session that is received by requests, one after the other; protocol "Protocol and framing",
//! "Handling close".
//!
//! One receiver at a time. It's given frames, and when it may have no more (one in polling, so many bytes in streaming)
//! the client sends the next one. Who doesn't, has gone.

use std::time::{Duration, Instant};

use super::{Close, Frame};

/// A session's side that its receivers see.
#[derive(Debug)]
pub struct Link {
    timing: Timing,
    stage: Stage,
    receiver: Option<Receiver>,
    /// When the last receiver went.
    alone_since: Instant,
    /// When something was said last.
    said: Instant,
    heartbeat_is_due: bool,
}

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Without a receiver for so long, a session is over.
    pub disconnect_delay: Duration,
    /// After so long without a frame there is an `h`.
    pub heartbeat_interval: Duration,
    /// Bytes of an answer in streaming, after which it ends.
    pub stream_bytes_max: usize,
}

/// How long a receiver stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// For one frame.
    OneFrame,
    /// For as many bytes as an answer may have.
    ManyFrames,
}

#[derive(Debug)]
enum Stage {
    /// `o` wasn't said yet.
    New,
    Open,
    Over {
        close: Close,
        since: Instant,
    },
}

#[derive(Debug)]
struct Receiver {
    lasting: Lasting,
    bytes: usize,
    /// It was given its last frame, and nobody knows yet that it has got it.
    is_leaving: bool,
}

/// What a receiver is to be given.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// This.
    Frame(Frame),
    /// What the application has to say, as soon as it has.
    Messages,
}

/// What time did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The receiver has something to be given: see [`Link::next`].
    Heartbeat,
    /// The session is to be forgotten; whoever uses its name has a new one.
    Forget,
}

impl Link {
    /// A session whose first receiver is about to come.
    pub const fn new(timing: Timing, now: Instant) -> Self {
        Self {
            timing,
            stage: Stage::New,
            receiver: None,
            alone_since: now,
            said: now,
            heartbeat_is_due: false,
        }
    }

    /// A receiver comes. If the last one is leaving, then this one shows that it has got everything.
    ///
    /// # Errors
    /// Another one is there, which stays. This one is told so.
    pub fn attach(&mut self, now: Instant, lasting: Lasting) -> Result<(), Close> {
        if self.receiver.as_ref().is_some_and(|receiver| !receiver.is_leaving) {
            return Err(match &self.stage {
                Stage::Over { close, .. } => close.clone(),
                Stage::New | Stage::Open => Close::busy(),
            });
        }
        self.receiver = Some(Receiver { lasting, bytes: 0, is_leaving: false });
        self.said = now;
        Ok(())
    }

    /// What the receiver is given next, now that it has got everything before.
    pub fn next(&self) -> Next {
        match &self.stage {
            Stage::New => Next::Frame(Frame::Open),
            Stage::Over { close, .. } => Next::Frame(Frame::Close(close.clone())),
            Stage::Open if self.heartbeat_is_due => Next::Frame(Frame::Heartbeat),
            Stage::Open => Next::Messages,
        }
    }

    /// The receiver was given a frame, of so many bytes as it stands in the answer. Whether the answer goes on; if not,
    /// the next receiver may come.
    #[must_use]
    pub fn given(&mut self, now: Instant, bytes: usize) -> bool {
        self.said = now;
        self.heartbeat_is_due = false;
        if matches!(self.stage, Stage::New) {
            self.stage = Stage::Open;
            return self.goes_on(bytes, false);
        }
        let is_over = matches!(self.stage, Stage::Over { .. });
        self.goes_on(bytes, is_over)
    }

    /// As [`Link::given`], for messages: what comes after them is another frame, also if it's a close.
    #[must_use]
    pub fn given_messages(&mut self, now: Instant, bytes: usize) -> bool {
        self.said = now;
        self.goes_on(bytes, false)
    }

    /// The receiver is lost, and with it, maybe, what it was given last: the session is over.
    pub fn interrupt(&mut self, now: Instant) {
        self.release(now);
        self.close(now, Close::interrupted());
    }

    /// The receiver has got all that it was given.
    pub const fn release(&mut self, now: Instant) {
        self.receiver = None;
        self.alone_since = now;
    }

    /// The session is over. The first reason stands.
    pub fn close(&mut self, now: Instant, close: Close) {
        if !self.is_over() {
            self.stage = Stage::Over { close, since: now };
        }
    }

    /// Whether the session is over, and only its close is said again.
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over { .. })
    }

    /// When [`Link::handle_timeout`] has to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (&self.stage, &self.receiver) {
            (Stage::Over { since, .. }, _) => Some(*since + self.timing.disconnect_delay),
            (_, None) => Some(self.alone_since + self.timing.disconnect_delay),
            // Whether it takes what it was given is the application's to watch.
            (_, Some(Receiver { is_leaving: true, .. })) => None,
            (_, Some(_)) => Some(self.said + self.timing.heartbeat_interval),
        }
    }

    /// Lets happen what is due. `beats`: whether the application lets its client hear from it by itself.
    pub fn handle_timeout(&mut self, now: Instant, beats: bool) -> Option<Due> {
        self.poll_timeout().filter(|at| *at <= now)?;
        if self.is_over() || self.receiver.is_none() {
            return Some(Due::Forget);
        }
        self.said = now;
        self.heartbeat_is_due = !beats;
        self.heartbeat_is_due.then_some(Due::Heartbeat)
    }

    fn goes_on(&mut self, bytes: usize, is_last: bool) -> bool {
        let Some(receiver) = &mut self.receiver else { return false };
        receiver.bytes += bytes;
        let is_full = match receiver.lasting {
            Lasting::OneFrame => true,
            Lasting::ManyFrames => receiver.bytes >= self.timing.stream_bytes_max,
        };
        receiver.is_leaving = is_full || is_last;
        !receiver.is_leaving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        disconnect_delay: Duration::from_secs(5),
        heartbeat_interval: Duration::from_secs(25),
        stream_bytes_max: 100,
    };

    const SECOND: Duration = Duration::from_secs(1);

    fn open(lasting: Lasting) -> (Link, Instant) {
        let now = Instant::now();
        let mut link = Link::new(TIMING, now);
        link.attach(now, lasting).unwrap();
        assert_eq!(link.next(), Next::Frame(Frame::Open));
        let goes_on = link.given(now, 2);
        assert_eq!(goes_on, lasting == Lasting::ManyFrames);
        (link, now)
    }

    fn close(code: u16) -> Close {
        Close::new(code, "why")
    }

    #[test]
    fn a_poll_ends_with_each_frame_and_the_next_one_goes_on() {
        let (mut link, now) = open(Lasting::OneFrame);
        link.attach(now, Lasting::OneFrame).unwrap();
        assert_eq!(link.next(), Next::Messages);
        assert!(!link.given_messages(now, 10));
        link.attach(now, Lasting::OneFrame).unwrap();
    }

    #[test]
    fn a_stream_ends_when_it_has_enough_bytes() {
        let (mut link, now) = open(Lasting::ManyFrames);
        assert!(link.given_messages(now, 97));
        assert!(!link.given_messages(now, 1));
        link.attach(now, Lasting::ManyFrames).unwrap();
        assert!(link.given_messages(now, 99), "each answer is counted by itself");
    }

    #[test]
    fn a_second_receiver_is_told_so_and_the_first_stays() {
        let (mut link, now) = open(Lasting::ManyFrames);
        assert_eq!(link.attach(now, Lasting::OneFrame), Err(Close::busy()));
        assert_eq!(link.next(), Next::Messages);
        link.close(now, close(3000));
        assert_eq!(
            link.attach(now, Lasting::OneFrame),
            Err(close(3000)),
            "the session's own close goes first"
        );
    }

    #[test]
    fn whoever_sends_no_receiver_for_the_delay_has_gone() {
        let (mut link, start) = open(Lasting::OneFrame);
        assert_eq!(link.poll_timeout(), None, "it's still leaving");
        link.release(start);
        assert_eq!(link.poll_timeout(), Some(start + 5 * SECOND));
        assert_eq!(link.handle_timeout(start + 4 * SECOND, false), None);
        link.attach(start + 4 * SECOND, Lasting::OneFrame).unwrap();
        assert_eq!(link.handle_timeout(start + 5 * SECOND, false), None, "there is one");
        assert!(!link.given_messages(start + 6 * SECOND, 1));
        link.release(start + 8 * SECOND);
        assert_eq!(link.handle_timeout(start + 12 * SECOND, false), None);
        assert_eq!(link.handle_timeout(start + 13 * SECOND, false), Some(Due::Forget));
    }

    #[test]
    fn a_close_is_said_to_each_receiver_until_the_session_is_forgotten() {
        let (mut link, start) = open(Lasting::ManyFrames);
        link.close(start, close(3000));
        link.close(start, close(4500));
        for _ in 0..3 {
            assert_eq!(link.next(), Next::Frame(Frame::Close(close(3000))));
            assert!(!link.given(start, 20), "nothing follows a close");
            link.attach(start + 2 * SECOND, Lasting::ManyFrames).unwrap();
        }
        // Receivers don't keep it.
        assert_eq!(link.handle_timeout(start + 4 * SECOND, false), None);
        assert_eq!(link.handle_timeout(start + 5 * SECOND, false), Some(Due::Forget));
    }

    #[test]
    fn the_close_of_a_session_nobody_was_told_of_is_said_at_once() {
        let now = Instant::now();
        let mut link = Link::new(TIMING, now);
        link.close(now, close(3000));
        link.attach(now, Lasting::OneFrame).unwrap();
        assert_eq!(link.next(), Next::Frame(Frame::Close(close(3000))));
    }

    #[test]
    fn a_close_after_messages_waits_for_the_next_poll_and_follows_in_a_stream() {
        let (mut link, now) = open(Lasting::OneFrame);
        link.attach(now, Lasting::OneFrame).unwrap();
        link.close(now, close(1002));
        assert!(!link.given_messages(now, 10));
        link.attach(now, Lasting::OneFrame).unwrap();
        assert_eq!(link.next(), Next::Frame(Frame::Close(close(1002))));

        let (mut link, now) = open(Lasting::ManyFrames);
        link.close(now, close(1002));
        assert!(link.given_messages(now, 10));
        assert_eq!(link.next(), Next::Frame(Frame::Close(close(1002))));
        assert!(!link.given(now, 10));
    }

    #[test]
    fn a_lost_receiver_interrupts_the_session() {
        let (mut link, now) = open(Lasting::ManyFrames);
        link.interrupt(now);
        link.attach(now, Lasting::ManyFrames).unwrap();
        assert_eq!(link.next(), Next::Frame(Frame::Close(Close::interrupted())));
    }

    #[test]
    fn who_waits_in_silence_hears_a_heartbeat_unless_the_application_beats() {
        let (mut link, start) = open(Lasting::ManyFrames);
        let later = start + 10 * SECOND;
        assert!(link.given_messages(later, 1));
        assert_eq!(link.handle_timeout(start + 25 * SECOND, false), None, "it's no silence yet");
        assert_eq!(link.handle_timeout(later + 25 * SECOND, true), None);
        assert_eq!(link.next(), Next::Messages);
        assert_eq!(link.handle_timeout(later + 50 * SECOND, false), Some(Due::Heartbeat));
        assert_eq!(link.next(), Next::Frame(Frame::Heartbeat));
        assert!(link.given(later + 50 * SECOND, 2));
        assert_eq!(link.next(), Next::Messages);
        assert_eq!(link.poll_timeout(), Some(later + 75 * SECOND));
    }
}
