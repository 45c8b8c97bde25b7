//! A client that talks to a session, on invented time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    conflation::{Pace, Rest, TimingWheel},
    last_value_cache::LastValueCache,
    session::{
        Inbound, Request, Session, Settings, Supplies, Transmitted,
        recorder::{Recorder, brief},
    },
    stomp::Version,
};

/// A session, its client and its clock.
pub(super) struct Talk {
    pub(super) session: Session,
    pub(super) cache: LastValueCache,
    wheel: TimingWheel<Rest>,
    pub(super) start: Instant,
    pub(super) now: Instant,
    /// The socket takes nothing more.
    pub(super) stalled: bool,
}

impl Talk {
    pub(super) fn begin() -> Self {
        Self::begin_with(Settings::default())
    }

    fn begin_with(settings: Settings) -> Self {
        let now = Instant::now();
        let session = Session::new("s-1", Arc::new(settings), now);
        let wheel = TimingWheel::starting_at(now);
        Self { session, cache: LastValueCache::default(), wheel, start: now, now, stalled: false }
    }

    pub(super) fn connected(heart_beat: &str) -> Self {
        Self::connected_with(heart_beat, Settings::default())
    }

    pub(super) fn connected_with(heart_beat: &str, settings: Settings) -> Self {
        let mut talk = Self::begin_with(settings);
        talk.send(&format!("CONNECT\naccept-version:1.2\nheart-beat:{heart_beat}\n\n"));
        assert_eq!(talk.said(), ["CONNECTED"]);
        talk
    }

    /// A session with a client of this version that wants no heart-beats.
    pub(super) fn connected_as(version: Version) -> Self {
        let mut talk = Self::begin();
        talk.send(&format!("CONNECT\naccept-version:{version}\n\n"));
        assert_eq!(talk.said(), ["CONNECTED"]);
        talk
    }

    /// Sends a frame; its NUL is added.
    pub(super) fn send(&mut self, frame: &str) -> Vec<Request> {
        self.receive(Inbound::Data(format!("{frame}\0").as_bytes()))
    }

    pub(super) fn receive(&mut self, inbound: Inbound<'_>) -> Vec<Request> {
        self.session.receive(self.now, inbound);
        let mut requests = Vec::new();
        while let Some(request) = self.session.next_request(self.now) {
            if let Request::Subscribe { subscription, .. } = request {
                let mut pace = Pace { wheel: &mut self.wheel, session: 0 };
                self.session.confirm(subscription, None, None, &mut pace);
            }
            requests.push(request);
        }
        requests
    }

    /// Lets the socket take a chunk.
    pub(super) fn transmit(&mut self, sink: &mut Recorder) -> Transmitted {
        let pace = Pace { wheel: &mut self.wheel, session: 0 };
        let mut supplies = Supplies { cache: &self.cache, pace, scratch: &mut Vec::new() };
        self.session.poll_transmit(self.now, &mut supplies, sink)
    }

    /// What is handed to the socket at once, without the socket taking it yet.
    pub(super) fn hand_over(&mut self) -> Vec<String> {
        let mut sink = Recorder::default();
        self.transmit(&mut sink);
        sink.said.iter().map(|frame| brief(frame)).collect()
    }

    pub(super) fn said(&mut self) -> Vec<String> {
        self.said_in_full().iter().map(|frame| brief(frame)).collect()
    }

    /// What the session says while the socket takes all of it.
    pub(super) fn said_in_full(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let mut sink = Recorder::default();
            self.transmit(&mut sink);
            if sink.said.is_empty() {
                return all;
            }
            all.append(&mut sink.said);
        }
    }

    /// Lets time pass, and tells what happened at which second.
    pub(super) fn pass(&mut self, seconds: u64) -> Vec<String> {
        let end = self.now + Duration::from_secs(seconds);
        let mut happened = Vec::new();
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now, "no deadline is left behind");
            self.now = at;
            self.session.handle_timeout(at);
            let second = (at - self.start).as_secs_f64();
            if !self.stalled {
                happened.extend(self.said().iter().map(|said| format!("{second} {said}")));
            }
            if let Some(reason) = self.session.closed() {
                happened.push(format!("{second} ended {}", reason.label()));
            }
        }
        self.now = end;
        happened
    }
}
