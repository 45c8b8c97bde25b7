//! One session of a load: from its TCP connection to its last message.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

use super::{
    newest::{Newest, Step},
    shared::Shared,
    tally::Tally,
};
use crate::{
    client::{Command, Connect, Event, Frame, Reader, Subscribe, Writer},
    stomp::HeartBeat,
};

/// One session. It takes some 300 bytes and eight for each subscription; what it reads stands in a buffer that all
/// share.
#[derive(Debug)]
pub(super) struct Session {
    stream: TcpStream,
    /// The answer to the upgrade as far as it has come.
    answer: Vec<u8>,
    reader: Reader,
    talk: Talk,
}

/// What a session says and hears.
#[derive(Debug)]
struct Talk {
    /// Which of the sessions it is.
    index: usize,
    role: Role,
    stage: Stage,
    /// What the socket hasn't taken.
    unsent: Vec<u8>,
    newest: Newest,
    messages: u64,
    /// Why it ends, if it was told.
    ending: Option<String>,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It subscribes and reads.
    Reading,
    /// It subscribes and reads nothing more.
    Stalled,
    /// It sends.
    Sending,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The connection is being made.
    Reaching,
    /// The upgrade was asked for.
    Upgrading,
    /// CONNECT was spoken.
    Greeting,
    /// SUBSCRIBEs were spoken: whether the receipt came, and how many snapshots haven't.
    Subscribing { receipted: bool, snapshots_left: usize },
    /// All of it was answered.
    Open,
}

/// Whether a session goes on, and why not.
pub(super) type Goes = Result<(), String>;

impl Session {
    /// A session whose connection is being made.
    pub(super) fn new(stream: TcpStream, index: usize, role: Role, shared: &Shared) -> Self {
        Self {
            stream,
            answer: Vec::new(),
            reader: Reader::default(),
            talk: Talk {
                index,
                role,
                stage: Stage::Reaching,
                unsent: Vec::new(),
                newest: Newest::new(shared),
                messages: 0,
                ending: None,
            },
        }
    }

    /// The socket can be read or written, or has ended. `now_us` is the time for which `buffer` is read.
    ///
    /// # Errors
    /// Why the session has ended.
    pub(super) fn ready(
        &mut self,
        event: &mio::event::Event,
        shared: &Shared,
        tally: &mut Tally,
        buffer: &mut [u8],
    ) -> Goes {
        if self.talk.stage == Stage::Reaching && !self.reach(shared)? {
            return Ok(());
        }
        if event.is_writable() && !self.talk.unsent.is_empty() {
            self.flush()?;
        }
        if event.is_readable() || event.is_read_closed() {
            self.read(event.is_read_closed(), shared, tally, buffer)?;
        }
        Ok(())
    }

    /// Asks for the upgrade when the connection stands.
    fn reach(&mut self, shared: &Shared) -> Result<bool, String> {
        if let Some(error) = self.stream.take_error().ok().flatten() {
            return Err(cause(&error));
        }
        match self.stream.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(cause(&error)),
        }
        self.talk.stage = Stage::Upgrading;
        self.talk.unsent.extend_from_slice(shared.upgrade.request());
        self.flush().map(|()| true)
    }

    /// Reads until the socket is empty. A read that doesn't fill the buffer has emptied it (epoll(7)): asking again
    /// would cost a system call for nothing. Only an end that was announced is asked for.
    fn read(&mut self, is_ended: bool, shared: &Shared, tally: &mut Tally, buffer: &mut [u8]) -> Goes {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Err(self.talk.ending("the connection ended")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.talk.ending(&cause(&error))),
            };
            tally.bytes += count as u64;
            tally.reads += 1;
            self.take(&buffer[..count], shared, tally)?;
            if self.talk.is_stalled() || (count < buffer.len() && !is_ended) {
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: &[u8], shared: &Shared, tally: &mut Tally) -> Goes {
        let Self { answer, reader, talk, .. } = self;
        let whole;
        let mut rest = bytes;
        if talk.stage == Stage::Upgrading {
            answer.extend_from_slice(bytes);
            let Some(end) = shared.upgrade.judge(answer).map_err(|error| error.to_string())? else {
                return Ok(());
            };
            whole = std::mem::take(answer);
            rest = &whole[end..];
            talk.greet(shared);
        }
        let now_us = shared.now_us();
        let read = reader.read(rest, |event| talk.hear(event, now_us, shared, tally));
        let is_closed = reader.is_closed();
        read.map_err(|violation| self.talk.ending(&violation.to_string()))?;
        if is_closed || self.talk.ending.is_some() {
            return Err(self.talk.ending("closed by the server"));
        }
        self.flush()
    }

    /// Writes what waits, as much as the socket takes.
    pub(super) fn flush(&mut self) -> Goes {
        let unsent = &mut self.talk.unsent;
        while !unsent.is_empty() {
            match self.stream.write(unsent) {
                Ok(count) if count == unsent.len() => *unsent = Vec::new(),
                Ok(count) => drop(unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.talk.ending(&cause(&error))),
            }
        }
        Ok(())
    }

    /// Adds to what is sent next.
    pub(super) fn say(&mut self, shared: &Shared, say: impl FnOnce(&mut Writer<'_>)) {
        say(&mut Writer::new(&mut self.talk.unsent, shared.mask));
    }

    /// Bytes that the socket hasn't taken.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.talk.unsent.len()
    }

    /// Whether everything that it asked for was answered.
    pub(super) fn is_open(&self) -> bool {
        self.talk.stage == Stage::Open
    }

    /// Whether it reads nothing more.
    pub(super) fn is_stalled(&self) -> bool {
        self.talk.is_stalled()
    }

    /// What it is for.
    pub(super) fn role(&self) -> Role {
        self.talk.role
    }

    /// What a session that isn't open waits for.
    pub(super) fn waits_for(&self) -> &'static str {
        match self.talk.stage {
            Stage::Reaching => "the connection isn't made",
            Stage::Upgrading => "the upgrade isn't answered",
            Stage::Greeting => "CONNECT isn't answered",
            Stage::Subscribing { receipted: false, .. } => "SUBSCRIBE isn't answered with its receipt",
            Stage::Subscribing { .. } => "not every subscription has a message",
            Stage::Open => "nothing",
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn newest(&self) -> &Newest {
        &self.talk.newest
    }

    pub(super) fn index(&self) -> usize {
        self.talk.index
    }

    /// Messages since the last call.
    pub(super) fn take_messages(&mut self) -> u64 {
        std::mem::take(&mut self.talk.messages)
    }
}

impl Talk {
    fn is_stalled(&self) -> bool {
        self.role == Role::Stalled && self.stage == Stage::Open
    }

    /// What was told of its end, else what was seen.
    fn ending(&mut self, seen: &str) -> String {
        self.ending.take().unwrap_or_else(|| seen.to_owned())
    }

    fn hear(&mut self, event: Event<'_>, now_us: u64, shared: &Shared, tally: &mut Tally) {
        match event {
            Event::Frame(frame) => match frame.command {
                Command::Message => self.message(&frame, now_us, shared, tally),
                Command::Connected => self.subscribe(shared),
                Command::Receipt => {
                    if let Stage::Subscribing { receipted, .. } = &mut self.stage {
                        *receipted = true;
                    }
                    self.open();
                }
                Command::Error => self.ending = Some(format!("ERROR {}", frame.error_text())),
            },
            Event::Ping(payload) => Writer::new(&mut self.unsent, shared.mask).pong(payload),
            Event::Beat | Event::Pong => {}
            Event::Close(code, reason) => {
                let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                let reason = String::from_utf8_lossy(reason);
                let told = if reason.is_empty() { code } else { format!("{code} {reason}") };
                self.ending.get_or_insert(format!("closed by the server with {told}"));
            }
        }
    }

    fn message(&mut self, frame: &Frame<'_>, now_us: u64, shared: &Shared, tally: &mut Tally) {
        self.messages += 1;
        tally.messages += 1;
        tally.conflated += frame.conflated;
        // A snapshot is as old as its symbol has been quiet.
        if frame.kind != b"snapshot"
            && let Some(then_us) = shared.time_us(frame.body)
        {
            tally.age(now_us, then_us);
        }
        let Some(seq) = frame.seq else { return };
        match self.newest.step(frame, seq, shared) {
            Step::Up | Step::Unknown => {}
            Step::Back => tally.disorder += 1,
            Step::First => {
                if let Stage::Subscribing { snapshots_left, .. } = &mut self.stage {
                    *snapshots_left = snapshots_left.saturating_sub(1);
                    self.open();
                }
            }
        }
    }

    fn greet(&mut self, shared: &Shared) {
        self.stage = Stage::Greeting;
        let plan = &shared.plan;
        Writer::new(&mut self.unsent, shared.mask).connect(&Connect {
            host: plan.virtual_host.as_ref().unwrap_or(&plan.server.host),
            login: plan.login.as_deref(),
            passcode: plan.passcode.as_deref(),
            // A session that only listens has no use for beats: the server's own PINGs are answered.
            heart_beat: HeartBeat::default(),
        });
    }

    fn subscribe(&mut self, shared: &Shared) {
        if self.stage != Stage::Greeting {
            return;
        }
        let count = if self.role == Role::Sending { 0 } else { shared.subscriptions() };
        for number in 0..count {
            let is_last = number + 1 == count;
            let id = number.to_string();
            Writer::new(&mut self.unsent, shared.mask).subscribe(&Subscribe {
                id: &id,
                destination: shared.destination(self.index, number),
                headers: &shared.plan.headers,
                receipt: (is_last && self.role == Role::Reading).then_some("subscribed"),
            });
        }
        let snapshots_left = if shared.await_snapshots { count } else { 0 };
        let receipted = count == 0 || self.role == Role::Stalled;
        let snapshots_left = if self.role == Role::Stalled { 0 } else { snapshots_left };
        self.stage = Stage::Subscribing { receipted, snapshots_left };
        self.open();
    }

    fn open(&mut self) {
        if self.stage == (Stage::Subscribing { receipted: true, snapshots_left: 0 }) {
            self.stage = Stage::Open;
        }
    }
}

/// An error of a socket, without the number that the standard library adds.
pub(super) fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
