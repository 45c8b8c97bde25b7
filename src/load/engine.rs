//! The engine's thread: one poll over all sockets, the commands of its owner, and what is due.

use std::{
    io,
    net::SocketAddr,
    sync::mpsc::{Receiver, SyncSender, TryRecvError},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, event::Event};

use super::{
    connect::connect,
    measuring::{Measuring, Stretch},
    newest::held_and_behind,
    opening::Opening,
    process::Processes,
    reasons::Reasons,
    report::{self, Report, Sessions},
    sender::{self, Sender},
    session::{Role, Session, cause},
    shared::Shared,
    tally::Tally,
};

/// What the engine's owner wants.
#[derive(Debug)]
pub(super) enum Command {
    /// A report over so long.
    Measure { duration: Duration, reply: SyncSender<Report> },
    /// The end of all sessions, and of the engine.
    Close,
}

/// The token of whoever wakes the engine; sessions have their numbers.
pub(super) const WAKER: Token = Token(usize::MAX);

/// What one read takes: more than a socket's receive buffer gives at once by default (128 KiB), so that one read empties
/// it.
const BUFFER_BYTES: usize = 256 * 1024;

/// Sockets that one poll tells of.
const EVENTS: usize = 1024;

/// How long sessions may take to be closed.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// What opening the sessions came to: how it went, or why not even one is open.
pub(super) type Opened = Result<(report::Opening, Sessions), String>;

/// All sessions, and what happens to them.
#[derive(Debug)]
pub(super) struct Engine {
    poll: Poll,
    inbox: Receiver<Command>,
    server: SocketAddr,
    shared: Shared,
    processes: Option<Processes>,
    /// By token; the last one sends, if any does.
    sessions: Vec<Option<Session>>,
    /// Those that are open, without the one that sends.
    open: usize,
    refused: Reasons,
    lost: Reasons,
    opening: Opening,
    opened: report::Opening,
    sender: Option<Sender>,
    measuring: Option<Measuring>,
    tally: Tally,
    buffer: Vec<u8>,
}

impl Engine {
    pub(super) fn new(
        poll: Poll,
        inbox: Receiver<Command>,
        server: SocketAddr,
        shared: Shared,
        symbols: Vec<String>,
        processes: Option<Processes>,
    ) -> Self {
        let now = Instant::now();
        let sending = shared.plan.send.clone();
        let total = shared.plan.sessions + usize::from(sending.is_some());
        Self {
            poll,
            inbox,
            server,
            opening: Opening::new(&shared.plan, total, now),
            sender: sending.map(|sending| Sender::new(sending, symbols, now)),
            shared,
            processes,
            sessions: std::iter::repeat_with(|| None).take(total).collect(),
            open: 0,
            refused: Reasons::default(),
            lost: Reasons::default(),
            opened: report::Opening::default(),
            measuring: None,
            tally: Tally::default(),
            buffer: vec![0; BUFFER_BYTES],
        }
    }

    /// Opens the sessions, tells so, and carries out commands until the last.
    pub(super) fn run(mut self, opened: &SyncSender<Opened>) -> io::Result<()> {
        let answer = self.open_all()?;
        let is_open = answer.is_ok();
        // Whoever asked waits for nothing else.
        let _ = opened.send(answer);
        if !is_open {
            return Ok(());
        }
        let mut events = Events::with_capacity(EVENTS);
        if let Some(sender) = &mut self.sender {
            sender.begin(Instant::now());
        }
        loop {
            let until = self.next_look();
            self.turn(&mut events, until)?;
            let now = Instant::now();
            self.send(now);
            self.end_measuring(now);
            match self.inbox.try_recv() {
                Ok(Command::Measure { duration, reply }) => self.begin_measuring(duration, reply),
                Ok(Command::Close) | Err(TryRecvError::Disconnected) => return self.close(&mut events),
                Err(TryRecvError::Empty) => {}
            }
        }
    }

    fn open_all(&mut self) -> io::Result<Opened> {
        let mut events = Events::with_capacity(EVENTS);
        let mut stretch = Stretch::begin(self.processes.as_ref(), Instant::now());
        while !self.opening.is_over() {
            let now = Instant::now();
            if self.opening.is_late(now) {
                self.give_up();
                break;
            }
            while let Some(number) = self.opening.begin(now) {
                self.begin(number);
            }
            if self.opening.open == 0
                && let Some(reason) = self.refused.first()
            {
                return Ok(Err(reason));
            }
            if !self.opening.is_over() {
                self.turn(&mut events, Some(self.opening.next_look(now)))?;
            }
        }
        if self.opening.open == 0 {
            return Ok(Err(self.refused.first().unwrap_or_default()));
        }
        stretch.sample(self.processes.as_ref());
        self.opened = self.opening_report(&stretch);
        Ok(Ok((self.opened.clone(), self.sessions_report())))
    }

    /// Begins a session.
    fn begin(&mut self, number: usize) {
        let plan = &self.shared.plan;
        // The last of those that subscribe are stalled: the first shows whether anything opens at all.
        let role = match number {
            sending if sending >= plan.sessions => Role::Sending,
            stalled if stalled >= plan.sessions - plan.stalled => Role::Stalled,
            _ => Role::Reading,
        };
        let begun = connect(self.server, number, role == Role::Stalled).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(number), interest)?;
            Ok(stream)
        });
        match begun {
            Ok(stream) => self.sessions[number] = Some(Session::new(stream, number, role, &self.shared)),
            Err(error) => self.end(number, false, cause(&error)),
        }
    }

    /// Waits for sockets, a command or a moment, and serves what is ready.
    fn turn(&mut self, events: &mut Events, until: Option<Instant>) -> io::Result<()> {
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in events.iter().filter(|event| event.token() != WAKER) {
            self.serve(event);
        }
        Ok(())
    }

    fn serve(&mut self, event: &Event) {
        let Token(number) = event.token();
        // It may have ended a moment ago.
        let Some(session) = self.sessions.get_mut(number).and_then(Option::as_mut) else { return };
        let was_open = session.is_open();
        let goes = session.ready(event, &self.shared, &mut self.tally, &mut self.buffer);
        match goes {
            Err(reason) => self.end(number, was_open, reason),
            Ok(()) if !was_open && session.is_open() => {
                self.open += usize::from(session.role() != Role::Sending);
                self.opening.opened(Instant::now());
                if session.is_stalled() {
                    // It doesn't want to know what comes.
                    let _ = self.poll.registry().deregister(session.stream());
                }
            }
            Ok(()) => {}
        }
    }

    /// A session is no more.
    fn end(&mut self, number: usize, was_open: bool, reason: String) {
        let is_counted = number < self.shared.plan.sessions;
        self.sessions[number] = None;
        let reason = if is_counted { reason } else { format!("the session that sends: {reason}") };
        if was_open {
            self.open -= usize::from(is_counted);
            self.lost.add(&reason, 1);
        } else {
            self.opening.refused();
            self.refused.add(&reason, 1);
        }
    }

    /// Ends what isn't open when the deadline is over.
    fn give_up(&mut self) {
        let after_s = self.shared.plan.open_deadline.as_secs_f64();
        for number in 0..self.sessions.len() {
            if let Some(session) = self.sessions[number].as_ref().filter(|session| !session.is_open()) {
                let reason = format!("{} after {after_s} s", session.waits_for());
                self.end(number, false, reason);
            }
        }
        let reason = format!("not begun after {after_s} s");
        self.refused.add(&reason, self.opening.not_begun() as u64);
    }

    fn next_look(&self) -> Option<Instant> {
        let sending = self.sender.as_ref().map(|_| Instant::now() + sender::TURN);
        let measuring = self.measuring.as_ref().map(Measuring::next_look);
        sending.into_iter().chain(measuring).min()
    }

    fn send(&mut self, now: Instant) {
        let Some(sender) = &mut self.sender else { return };
        let number = self.shared.plan.sessions;
        let Some(session) = &mut self.sessions[number] else { return };
        if let Err(reason) = sender.send(session, &self.shared, now) {
            self.end(number, true, reason);
        }
    }

    fn begin_measuring(&mut self, duration: Duration, reply: SyncSender<Report>) {
        self.tally.reset();
        for session in self.sessions.iter_mut().flatten() {
            session.take_messages();
        }
        if let Some(sender) = &mut self.sender {
            sender.sent = 0;
        }
        let now = Instant::now();
        let stretch = Stretch::begin(self.processes.as_ref(), now);
        self.measuring = Some(Measuring::begin(stretch, duration, reply, now));
        self.end_measuring(now);
    }

    /// Reports when the time is over, or when no session is left to measure.
    fn end_measuring(&mut self, now: Instant) {
        let is_deserted = self.lost.total() > 0 && self.reading().next().is_none();
        let Some(measuring) = &mut self.measuring else { return };
        measuring.look(self.processes.as_ref(), now);
        if now < measuring.ends && !is_deserted {
            return;
        }
        if let Some(measuring) = self.measuring.take() {
            let report = self.report(&measuring.stretch, now);
            // Its owner may be gone.
            let _ = measuring.reply.send(report);
        }
    }

    fn reading(&self) -> impl Iterator<Item = &Session> + Clone {
        self.sessions.iter().flatten().filter(|session| session.role() == Role::Reading)
    }

    fn report(&mut self, stretch: &Stretch, now: Instant) -> Report {
        let seconds = stretch.seconds(now);
        let generator = stretch.generator(now);
        let server = stretch.server(self.processes.as_ref(), self.tally.messages);
        let (held, behind) = held_and_behind(self.reading(), &self.shared);
        let a_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let each = |sum: u64, of: u64| if of > 0 { sum as f64 / of as f64 } else { 0.0 };
        let reading = self.sessions.iter_mut().flatten().filter(|session| session.role() == Role::Reading);
        let (min, max) = reading
            .map(Session::take_messages)
            .fold((u64::MAX, 0), |(min, max), messages| (min.min(messages), max.max(messages)));
        let Tally { messages, conflated, disorder, bytes, reads, .. } = self.tally;
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            load: self.asked(),
            sessions: self.sessions_report(),
            opening: self.opened.clone(),
            seconds,
            messages,
            messages_in_all: self.tally.messages_in_all(),
            messages_per_s: a_second(messages),
            messages_of_a_session_min: min.min(max),
            messages_of_a_session_max: max,
            bytes,
            bytes_per_s: a_second(bytes),
            bytes_per_message: each(bytes, messages),
            conflated,
            frames_per_read: each(messages, reads),
            sent: self.sender.as_ref().map_or(0, |sender| sender.sent),
            age: self.tally.ages(),
            disorder,
            behind,
            held,
            generator,
            server,
        }
    }

    fn asked(&self) -> report::Asked {
        let plan = &self.shared.plan;
        report::Asked {
            server: format!("{}{}", plan.authority(), plan.path),
            sessions: plan.sessions,
            stalled: plan.stalled,
            subscriptions: plan.subscriptions,
            destinations: self.shared.destinations(),
        }
    }

    fn sessions_report(&self) -> Sessions {
        Sessions {
            open: self.open,
            refused: self.refused.total(),
            refused_reasons: self.refused.told(),
            lost: self.lost.total(),
            lost_reasons: self.lost.told(),
        }
    }

    fn opening_report(&self, stretch: &Stretch) -> report::Opening {
        let (now, seconds) = (Instant::now(), self.opening.took().as_secs_f64());
        let server = stretch.server(self.processes.as_ref(), 0);
        let sessions = self.opening.open as f64;
        let of_server = |figure: fn(f64, &report::ServerCost) -> f64| {
            server.as_ref().map(|cost| figure(sessions, cost)).filter(|figure| figure.is_finite())
        };
        report::Opening {
            seconds,
            sessions: self.opening.open as u64,
            sessions_per_s: if seconds > 0.0 { sessions / seconds } else { 0.0 },
            with_snapshots: self.shared.await_snapshots,
            generator: stretch.generator(now),
            sessions_per_cpu_s: of_server(|sessions, cost| sessions / cost.cpu_s),
            rss_bytes_per_session: of_server(|sessions, cost| {
                (cost.rss_after_bytes as f64 - cost.rss_before_bytes as f64) / sessions
            }),
            server,
        }
    }

    /// Closes what is open, and waits for the server to do so too.
    fn close(mut self, events: &mut Events) -> io::Result<()> {
        for session in &mut self.sessions {
            let closes = session.as_mut().is_some_and(|session| {
                session.say(&self.shared, |writer| writer.close(NORMAL));
                session.flush().is_ok() && !session.is_stalled()
            });
            if !closes {
                *session = None;
            }
        }
        let deadline = Instant::now() + CLOSE_DEADLINE;
        while self.sessions.iter().any(Option::is_some) && Instant::now() < deadline {
            self.turn(events, Some(deadline))?;
        }
        Ok(())
    }
}

/// The status code of a normal end; RFC 6455 §7.4.1.
const NORMAL: u16 = 1000;
