//! A TCP proxy between clients and a node, to make the way between them long, narrow, or mute.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::harness::pause;

/// A proxy; its connections end with it.
pub(crate) struct Proxy {
    port: u16,
    way: Arc<Way>,
}

/// How the way is at the moment.
#[derive(Default)]
struct Way {
    target: AtomicU16,
    /// For every piece of up to [`PIECE`] bytes, in each direction.
    latency_ms: AtomicU32,
    /// 0: as much as comes.
    bytes_per_s: AtomicU32,
    is_mute: AtomicBool,
    is_over: AtomicBool,
}

/// Small enough that a narrow way is slow all the time, and not quick and then stuck.
const PIECE: usize = 4096;

/// How soon a change of the way is noticed.
const LOOK: Duration = Duration::from_millis(20);

impl Proxy {
    /// Listens; where it leads is told by [`Proxy::lead_to`], before anybody connects.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, way) = (listener.local_addr().unwrap().port(), Arc::new(Way::default()));
        let kept = Arc::clone(&way);
        std::thread::spawn(move || {
            for inside in listener.incoming().map_while(Result::ok) {
                if way.is_over.load(Ordering::Relaxed) {
                    return;
                }
                // A node that is down refuses: so does its proxy.
                let Ok(outside) = TcpStream::connect(("127.0.0.1", way.target.load(Ordering::Relaxed)))
                else {
                    continue;
                };
                for (from, to) in [(&inside, &outside), (&outside, &inside)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let way = Arc::clone(&way);
                    std::thread::spawn(move || carry(from, to, &way));
                }
            }
        });
        Self { port, way: kept }
    }

    /// The port of loopback that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where to.
    pub(crate) fn lead_to(&self, port: u16) {
        self.way.target.store(port, Ordering::Relaxed);
    }

    /// Makes the way long and narrow; 0 and 0 make it short and wide again.
    pub(crate) fn slow_down(&self, latency_ms: u32, bytes_per_s: u32) {
        self.way.latency_ms.store(latency_ms, Ordering::Relaxed);
        self.way.bytes_per_s.store(bytes_per_s, Ordering::Relaxed);
    }

    /// Lets nothing through while connections stay, as a firewall that drops packets.
    pub(crate) fn mute(&self, is_mute: bool) {
        self.way.is_mute.store(is_mute, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.way.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, way: &Way) {
    let _ = from.set_read_timeout(Some(LOOK));
    let mut piece = [0; PIECE];
    while !way.is_over.load(Ordering::Relaxed) {
        if way.is_mute.load(Ordering::Relaxed) {
            pause(LOOK);
            continue;
        }
        let length = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        // What was read in the moment when the way became mute waits with the rest.
        while way.is_mute.load(Ordering::Relaxed) && !way.is_over.load(Ordering::Relaxed) {
            pause(LOOK);
        }
        let bytes_per_s = f64::from(way.bytes_per_s.load(Ordering::Relaxed));
        let width = if bytes_per_s > 0.0 { length as f64 / bytes_per_s } else { 0.0 };
        let latency = Duration::from_millis(u64::from(way.latency_ms.load(Ordering::Relaxed)));
        pause(latency + Duration::from_secs_f64(width));
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}
