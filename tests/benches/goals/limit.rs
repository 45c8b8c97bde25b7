//! The limit: what the kernel alone takes to hand so many bytes to so many sockets.
//!
//! A process with one thread holds N connections with the options that our server sets, and at each pulse calls `send`
//! once for each of them, one after the other, always with the same bytes: nothing is encoded, looked up, waited for or
//! kept. No server that sends to each client by itself can need less, short of other system calls.
//!
//! What a `send` costs depends on more than its bytes. On loopback it carries them to the receiver's queue and wakes the
//! receiver, and it finds more or less of what it needs in the caches: pulses with pauses between them cost up to twice
//! as much a `send` as a loop that never rests. So N, the bytes and the pulses are those of the server that is measured
//! in the same round, on the same cores. There are two readers:
//! - a process that reads and throws away as soon as there is something, which the goals are about;
//! - the load generator, which reads our server as well: the limit then says what it needs to hear before, and what it
//!   sends is the MESSAGE frames that our server would send.

mod conversation;

use std::{
    io::{BufRead as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::event::epoll;
use serde::{Deserialize, Serialize};
use socket2::{Domain, SockRef, Socket, Type};
use tickcast::load::Snapshots;

use self::conversation::{converse, messages};
use crate::{
    generator::{Generator, plan},
    pace::Pace,
    process::Process,
    system::{CpuTime, Side},
};

/// What is to be sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sweeps {
    /// To each socket at each pulse.
    pub(crate) bytes: usize,
    /// Pulses a second.
    pub(crate) per_s: f64,
    /// How many pulses.
    pub(crate) count: u32,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sent {
    sends: u64,
    /// Sends that the kernel took nothing, or a part, of: the reader was too slow, and the figure is none.
    refused: u64,
}

/// A sender and its reader, connected.
pub(crate) struct Limit {
    sender: Process,
    reader: Reader,
}

/// Who reads.
enum Reader {
    Discarding { _process: Process },
    Generator(Box<Generator>),
}

impl Limit {
    /// Connects so many sockets to a process that throws away what it reads.
    pub(crate) fn discarded(sockets: usize) -> Result<Self> {
        let (sender, port) = Self::listen(sockets, Talk::None)?;
        let process = Process::role("discard", &[port.to_string(), sockets.to_string()], Side::Client)?;
        sender.line_after("connected")?;
        Ok(Self { sender, reader: Reader::Discarding { _process: process } })
    }

    /// Connects so many sockets to a load generator that has subscribed to so many symbols on each.
    pub(crate) fn generated(sockets: usize, symbols: usize) -> Result<Self> {
        let (sender, port) = Self::listen(sockets, Talk::Stomp)?;
        let mut plan = plan((Ipv4Addr::LOCALHOST, port).into(), sockets, symbols, symbols);
        plan.snapshots = Snapshots::NotAwaited;
        let generator = Generator::open(plan)?;
        sender.line_after("connected")?;
        Ok(Self { sender, reader: Reader::Generator(Box::new(generator)) })
    }

    fn listen(sockets: usize, talk: Talk) -> Result<(Process, u16)> {
        let talk = if talk == Talk::Stomp { "stomp" } else { "none" };
        let sender = Process::role("limit", &[sockets.to_string(), talk.to_owned()], Side::Server)?;
        let port = sender.line_after("port")?.parse()?;
        Ok((sender, port))
    }

    /// Nanoseconds of CPU time a send.
    pub(crate) fn cost_ns(&mut self, sweeps: Sweeps) -> Result<f64> {
        let Self { sender, reader } = self;
        let mut send = || {
            let before = CpuTime::of(sender.id())?;
            sender.tell(&serde_json::to_string(&sweeps)?)?;
            let sent: Sent = serde_json::from_str(&sender.line_after("sent")?)?;
            Ok((sent, CpuTime::of(sender.id())?.since(&before)))
        };
        let (sent, used) = match reader {
            Reader::Discarding { .. } => send()?,
            Reader::Generator(generator) => generator.measure_while(sweeps.duration(), send)?.1,
        };
        ensure!(
            sent.refused * 1000 <= sent.sends,
            "the limit's reader is too slow: {} of {} sends weren't taken whole",
            sent.refused,
            sent.sends
        );
        Ok(used.total_ns() as f64 / sent.sends as f64)
    }
}

impl Sweeps {
    fn duration(self) -> Duration {
        Duration::from_secs_f64(f64::from(self.count) / self.per_s)
    }
}

/// What the sender says before it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    None,
    Stomp,
}

/// The role of the sender: connects, and then does what each line of standard input asks for.
pub(crate) fn send(sockets: usize, talk: Talk) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let listener = listen()?;
    say("port", &listener.local_addr()?.port().to_string())?;
    let (mut streams, mut subscriptions) = (Vec::new(), Vec::new());
    for _ in 0..sockets {
        let mut stream = accept(&listener)?;
        if talk == Talk::Stomp {
            // All subscribe to the same.
            subscriptions = converse(&mut stream)?;
        }
        streams.push(stream);
    }
    say("connected", "")?;
    for line in std::io::stdin().lock().lines() {
        let sweeps: Sweeps = serde_json::from_str(&line?)?;
        let bytes = match talk {
            Talk::None => vec![b'x'; sweeps.bytes],
            Talk::Stomp => messages(&subscriptions, sweeps.bytes)?,
        };
        say("sent", &serde_json::to_string(&sweep(&streams, &bytes, sweeps)?)?)?;
    }
    Ok(())
}

/// With a backlog for all that a generator begins at once.
fn listen() -> Result<TcpListener> {
    const BACKLOG: i32 = 4096;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket as our server prepares it.
fn accept(listener: &TcpListener) -> Result<TcpStream> {
    /// The server's default.
    const LOWAT_BYTES: u32 = 16 * 1024;
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_notsent_lowat(LOWAT_BYTES)?;
    Ok(stream)
}

fn sweep(streams: &[TcpStream], bytes: &[u8], sweeps: Sweeps) -> Result<Sent> {
    let mut sent = Sent::default();
    let mut pace = Pace::new(sweeps.per_s);
    for _ in 0..sweeps.count {
        pace.wait();
        for stream in streams {
            // As our server sends.
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            match SockRef::from(stream).send_with_flags(bytes, flags) {
                Ok(taken) if taken == bytes.len() => {}
                Ok(_) => sent.refused += 1,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => sent.refused += 1,
                Err(error) => return Err(error).context("the reader is gone"),
            }
            sent.sends += 1;
        }
    }
    Ok(sent)
}

/// The role of the reader: reads and throws away until the other side closes.
pub(crate) fn discard(port: u16, sockets: usize) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let streams: Vec<_> = (0..sockets)
        .map(|index| {
            let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
            Ok(stream)
        })
        .collect::<Result<_>>()?;
    let mut events =
        vec![epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 1024];
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let ready = epoll::wait(&epoll, events.as_mut_slice(), None)?;
        for event in &events[..ready] {
            let index = usize::try_from(event.data.u64()).expect("it's one of the streams");
            // The first that is closed is the end of all.
            if matches!(std::io::Read::read(&mut &streams[index], &mut buffer), Ok(0)) {
                return Ok(());
            }
        }
    }
}

/// Tells whoever started this.
pub(crate) fn say(what: &str, more: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{what} {more}")?;
    Ok(output.flush()?)
}
