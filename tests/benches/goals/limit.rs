//! The limit: what the kernel alone takes to hand so many bytes to so many sockets.
//!
//! A process with one thread holds N connections with the options that our server sets, and at each pulse calls `send`
//! once for each of them, one after the other, always with the same bytes: nothing is encoded, looked up, waited for or
//! kept. No server that sends to each client by itself can need less, short of other system calls. The clients' side is
//! a process of its own that reads and throws away, as soon as there is something.
//!
//! What a `send` costs depends on more than its bytes. On loopback it carries them to the receiver's queue and wakes the
//! receiver, and it finds more or less of what it needs in the caches. So N, the bytes and the pulses are those of the
//! server that is measured in the same round, on the same cores.

use std::{
    io::{BufRead as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
};

use anyhow::{Context as _, Result, ensure};
use rustix::event::epoll;
use serde::{Deserialize, Serialize};
use socket2::SockRef;

use crate::{
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
    _reader: Process,
}

impl Limit {
    /// Connects so many sockets.
    pub(crate) fn start(sockets: usize) -> Result<Self> {
        let sender = Process::role("limit", &[sockets.to_string()], Side::Server)?;
        let port = sender.line_after("port")?;
        let reader = Process::role("discard", &[port, sockets.to_string()], Side::Client)?;
        sender.line_after("connected")?;
        Ok(Self { sender, _reader: reader })
    }

    /// Nanoseconds of CPU time a send.
    pub(crate) fn cost_ns(&mut self, sweeps: Sweeps) -> Result<f64> {
        let before = CpuTime::of(self.sender.id())?;
        self.sender.tell(&serde_json::to_string(&sweeps)?)?;
        let sent: Sent = serde_json::from_str(&self.sender.line_after("sent")?)?;
        let used = CpuTime::of(self.sender.id())?.since(&before);
        ensure!(
            sent.refused * 1000 <= sent.sends,
            "the limit's reader is too slow: {} of {} sends weren't taken whole",
            sent.refused,
            sent.sends
        );
        Ok(used.total_ns() as f64 / sent.sends as f64)
    }
}

/// The role of the sender: connects, and then does what each line of standard input asks for.
pub(crate) fn send(sockets: usize) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    say("port", &listener.local_addr()?.port().to_string())?;
    let streams: Vec<_> = (0..sockets).map(|_| accept(&listener)).collect::<Result<_>>()?;
    say("connected", "")?;
    for line in std::io::stdin().lock().lines() {
        let sweeps: Sweeps = serde_json::from_str(&line?)?;
        say("sent", &serde_json::to_string(&sweep(&streams, sweeps)?)?)?;
    }
    Ok(())
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

fn sweep(streams: &[TcpStream], sweeps: Sweeps) -> Result<Sent> {
    let bytes = vec![b'x'; sweeps.bytes];
    let mut sent = Sent::default();
    let mut pace = Pace::new(sweeps.per_s);
    for _ in 0..sweeps.count {
        pace.wait();
        for stream in streams {
            // As our server sends.
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            match SockRef::from(stream).send_with_flags(&bytes, flags) {
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
