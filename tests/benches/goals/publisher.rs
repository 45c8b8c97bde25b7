//! The feed of servers that take prices from a STOMP client: the same quotes in the same pulses as our server reads from
//! Kafka, sent over one WebSocket.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};
use tickcast::{
    client::{Command, Connect, Event, Reader, Upgrade, Writer},
    clock::now_us,
    stomp::HeartBeat,
};

use crate::{pace::Pace, process::PATIENCE, stomp::quote};

/// A client's bytes are masked; which mask is the same to a server on loopback.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client that sends.
pub(crate) struct Publisher {
    stream: TcpStream,
    turn: u64,
}

impl Publisher {
    /// Connects, with a name and a password where the server wants them.
    pub(crate) fn connect(server: SocketAddr, login: Option<(&str, &str)>) -> Result<Self> {
        let mut stream = TcpStream::connect(server).context("the publisher's connection")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let upgrade = Upgrade::new(&server.to_string(), "/ws", None, [7; 16]);
        stream.write_all(upgrade.request())?;
        let mut answer = Vec::new();
        let end = loop {
            read(&mut stream, &mut answer)?;
            if let Some(end) = upgrade.judge(&answer)? {
                break end;
            }
        };
        let mut out = Vec::new();
        let (login, passcode) = login.unzip();
        let heart_beat = HeartBeat::default();
        Writer::new(&mut out, MASK).connect(&Connect { host: "/", login, passcode, heart_beat });
        stream.write_all(&out)?;
        await_connected(&mut stream, answer.split_off(end))?;
        // What it's told besides is nothing that matters, but has to be read.
        let mut rest = stream.try_clone()?;
        rest.set_read_timeout(None)?;
        thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
        Ok(Self { stream, turn: 0 })
    }

    /// Sends so many pulses at a rate, of one quote of each of the first `symbols` each: one write a pulse.
    pub(crate) fn pulses(&mut self, symbols: usize, per_s: f64, count: u32) -> Result<()> {
        let mut pace = Pace::new(per_s);
        let mut out = Vec::new();
        for _ in 0..count {
            pace.wait();
            self.turn += 1;
            out.clear();
            let mut writer = Writer::new(&mut out, MASK);
            for symbol in 0..symbols {
                let symbol = format!("S{symbol}");
                let body = quote(&symbol, self.turn, now_us());
                writer.send_json(&format!("/topic/price.stock.{symbol}"), body.as_bytes());
            }
            self.stream.write_all(&out).context("the server takes no SEND")?;
        }
        Ok(())
    }
}

fn await_connected(stream: &mut TcpStream, mut bytes: Vec<u8>) -> Result<()> {
    let mut reader = Reader::default();
    loop {
        let mut answer = None;
        reader.read(&bytes, |event| {
            if let Event::Frame(frame) = event {
                answer.get_or_insert((frame.command == Command::Connected, frame.error_text()));
            }
        })?;
        match answer {
            Some((true, _)) => return Ok(()),
            Some((false, text)) => bail!("the server doesn't let the publisher in: {text}"),
            None => {}
        }
        bytes.clear();
        read(stream, &mut bytes)?;
    }
}

fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<()> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).context("the server doesn't answer the publisher")?;
    ensure!(count > 0, "the server hangs up on the publisher");
    bytes.extend_from_slice(&buffer[..count]);
    Ok(())
}
