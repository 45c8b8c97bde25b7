//! What has to be said before the load generator reads what the limit sends: the upgrade, CONNECT and SUBSCRIBE.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::BytesMut;
use tickcast::{
    clock::now_us,
    session::FrameSink as _,
    transport::websocket::{Reader, Received, Writer},
};

use crate::stomp::{connected, header, message_tail};

const FRAME_BYTES_MAX: usize = 64 * 1024;

/// A subscription's id and symbol.
pub(super) type Subscription = (String, String);

/// Talks to a client until it has subscribed to everything, which the last one's receipt tells.
pub(super) fn converse(stream: &mut TcpStream) -> Result<Vec<Subscription>> {
    upgrade(stream)?;
    let (mut reader, mut text, mut subscriptions) = (Reader::default(), Vec::new(), Vec::new());
    loop {
        reader.push(&read(stream)?);
        while let Some(received) =
            reader.next(FRAME_BYTES_MAX).map_err(|_| anyhow::anyhow!("no WebSocket"))?
        {
            if let Received::Data(bytes) = received {
                text.extend_from_slice(&bytes);
            }
        }
        while let Some(end) = text.iter().position(|byte| *byte == 0) {
            let frame = String::from_utf8(text.drain(..=end).collect()).context("a frame isn't text")?;
            let frame = frame.trim_end_matches('\0').trim_start();
            if frame.starts_with("CONNECT") {
                say(stream, &connected())?;
            } else if let (Some(id), Some(destination)) = (header(frame, "id"), header(frame, "destination"))
            {
                let symbol = destination.rsplit_once("price.stock.").map_or("", |(_, symbol)| symbol);
                subscriptions.push((id.to_owned(), symbol.to_owned()));
            }
            if let Some(receipt) = header(frame, "receipt") {
                say(stream, &format!("RECEIPT\nreceipt-id:{receipt}\n\n\0"))?;
                return Ok(subscriptions);
            }
        }
    }
}

/// A MESSAGE for each subscription, as our server would send it, in as many bytes together: the last body has spaces at
/// its end.
pub(super) fn messages(subscriptions: &[Subscription], bytes: usize) -> Result<Vec<u8>> {
    let of = |padding: usize| {
        let mut out = BytesMut::new();
        for (at, (id, symbol)) in subscriptions.iter().enumerate() {
            let padding = if at + 1 == subscriptions.len() { padding } else { 0 };
            let head = format!("MESSAGE\nsubscription:{id}\ntype:update\nconflated:1\n");
            let tail = message_tail(symbol, 100_000, now_us(), padding);
            Writer(&mut out).frame(&[head.as_bytes(), tail.as_bytes()]);
        }
        out
    };
    let missing = bytes.saturating_sub(of(0).len());
    // Longer numbers of its length take a byte or two of it.
    let fitting = (0..=missing).rev().map(of).find(|out| out.len() <= bytes);
    let out = fitting.with_context(|| format!("{bytes} bytes are too few for these messages"))?;
    ensure!(bytes - out.len() < 4, "messages of {bytes} bytes can't be made");
    Ok(out.to_vec())
}

fn upgrade(stream: &mut TcpStream) -> Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.extend(read(stream)?);
    }
    let request = String::from_utf8(request).context("a request isn't text")?;
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let Some(key) = key else { bail!("a request has no key") };
    let accept = actix_http::ws::hash_key(key.trim().as_bytes());
    let accept = str::from_utf8(&accept)?;
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n"
    )?;
    Ok(())
}

fn say(stream: &mut TcpStream, frame: &str) -> Result<()> {
    let mut out = BytesMut::new();
    Writer(&mut out).frame(&[frame.as_bytes()]);
    Ok(stream.write_all(&out)?)
}

fn read(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 16 * 1024];
    let count = stream.read(&mut buffer)?;
    ensure!(count > 0, "a client hangs up");
    buffer.truncate(count);
    Ok(buffer)
}
