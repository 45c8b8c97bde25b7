//! What a client that takes nothing makes the server and the kernel hold, on each transport.

use std::collections::{HashMap, HashSet};

use super::stomp::{StompClient, TRANSPORTS};
use crate::support::{Feed, From, Queues, Server, eventually};

const SYMBOLS: usize = 500;

/// An answer that ended would hold nothing.
const FLAGS: [&str; 7] = [
    "--send-deadline-s",
    "600",
    "--sockjs-disconnect-delay-s",
    "600",
    "--sockjs-stream-limit-bytes",
    "100000000",
    "--sockjs-legacy-transports",
];

/// Of each client; without a limit the kernel enlarges it for who reads fast, up to 6 MB.
const WINDOW_BYTES: usize = 64 * 1024;

/// A server, a market, and sessions on all of it.
struct World {
    server: Server,
    feed: Feed,
    symbols: Vec<String>,
    price: u64,
    transport: &'static str,
}

impl World {
    fn new(transport: &'static str) -> Self {
        let server = Server::ready(&FLAGS);
        let feed = Feed::to(&server);
        let symbols = (0..SYMBOLS).map(|number| format!("S{number:03}")).collect();
        let mut world = Self { server, feed, symbols, price: 0, transport };
        world.round();
        world
    }

    /// Every symbol ticks, and the sessions are told.
    fn round(&mut self) {
        self.price += 1;
        let last = self.feed.round(&self.symbols, self.price);
        self.server.await_seq(self.symbols.last().unwrap(), last);
    }

    /// A session that has everything, and from here on takes what it's asked to.
    fn client(&self) -> StompClient {
        let mut client = self.connect();
        client.subscribe("*");
        self.catch_up(&mut client);
        client
    }

    fn connect(&self) -> StompClient {
        let from = From { receive_buffer: Some(WINDOW_BYTES), ..From::default() };
        StompClient::connect_from(&self.server, self.transport, from)
    }

    /// Reads until the client has the newest state of each symbol; at which prices there were how many messages.
    fn catch_up(&self, client: &mut StompClient) -> HashMap<u64, usize> {
        let mut behind: HashSet<&str> = self.symbols.iter().map(String::as_str).collect();
        let mut messages = HashMap::new();
        client.frames_until(|frame| {
            let price = frame.json()["price"].as_u64().unwrap();
            *messages.entry(price).or_default() += 1;
            if price == self.price {
                assert!(behind.remove(frame.symbol()), "{} is told twice", frame.symbol());
            }
            behind.is_empty()
        });
        messages
    }

    /// Lets the market go on until the sockets take nothing more. A client's kernel may find a little room once more.
    fn stall(&mut self) {
        const QUIET_ROUNDS: usize = 5;
        let (mut before, mut quiet) = (self.sent_bytes(), 0);
        eventually("the sockets are full", || {
            self.round();
            let sent = self.sent_bytes();
            quiet = if sent == before { quiet + 1 } else { 0 };
            before = sent;
            if quiet >= QUIET_ROUNDS {
                Ok(())
            } else {
                Err(format!("{sent} bytes after {} rounds", self.price))
            }
        });
    }

    fn sent_bytes(&self) -> f64 {
        self.server.metric(&format!("tickcast_sent_bytes_total{{transport=\"{}\"}}", self.transport))
    }
}

#[test]
fn what_a_client_does_not_take_is_in_the_kernel_and_little_of_it() {
    const CLIENTS: usize = 4;
    /// For one client: what the server and its kernel hold in all, and of that what the server does.
    const HELD_BYTES: f64 = 200e3;
    const WAITING_BYTES: f64 = 4e3;
    /// HTTP's own around each chunk, which isn't counted as sent.
    const CHUNKED_BYTES: f64 = 1e3;
    for transport in TRANSPORTS {
        let mut world = World::new(transport);
        let mut clients: Vec<StompClient> = (0..CLIENTS).map(|_| world.client()).collect();
        let before = world.sent_bytes();
        world.stall();
        let is_asked_for = matches!(transport, "xhr" | "jsonp");
        assert_eq!(world.sent_bytes() == before, is_asked_for, "{transport}: nothing is said unasked");
        eventually(&format!("{transport}: what was handed over is in the kernel"), || {
            let each = |bytes: u64| bytes as f64 / CLIENTS as f64;
            let sent = (world.sent_bytes() - before) / CLIENTS as f64;
            let queues = Queues::of(world.server.address);
            let held = sent - each(queues.unread);
            let waiting = held - each(queues.unsent);
            let is_little = held < HELD_BYTES && (-CHUNKED_BYTES..WAITING_BYTES).contains(&waiting);
            if is_little {
                Ok(())
            } else {
                Err(format!("{held} bytes are held, {waiting} beside the kernel"))
            }
        });

        world.round();
        for client in &mut clients {
            let messages = world.catch_up(client);
            assert!(!messages.contains_key(&(world.price - 1)), "{transport}: {messages:?}");
            assert_eq!(messages[&world.price], SYMBOLS, "{transport}: {messages:?}");
        }
    }
}

/// Prints what sessions hold, for each transport: by itself, with a subscription to 500 symbols, and how much more when
/// the client takes nothing. `cargo test --test it what_sessions_hold -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a check"]
fn what_sessions_hold() {
    const SESSIONS: usize = 200;
    println!("KiB a session, mean of {SESSIONS}; kernel: bytes not read, of which on the server's side");
    println!(
        "{:<18}{:>8}{:>14}{:>12}{:>18}",
        "transport", "open", "subscribed", "stalled", "kernel (server)"
    );
    for transport in TRANSPORTS {
        let mut world = World::new(transport);
        // What is allocated once is nobody's.
        drop((0..SESSIONS / 4).map(|_| world.client()).collect::<Vec<_>>());
        let kib = |world: &World, before: u64| {
            (world.server.process.rss_kib() as f64 - before as f64) / SESSIONS as f64
        };
        let begin = world.server.process.rss_kib();
        let mut clients: Vec<StompClient> = (0..SESSIONS).map(|_| world.connect()).collect();
        let open = kib(&world, begin);
        for client in &mut clients {
            client.subscribe("*");
            world.catch_up(client);
        }
        let subscribed = kib(&world, begin) - open;
        let before = world.server.process.rss_kib();
        world.stall();
        let stalled = kib(&world, before);
        let queues = Queues::of(world.server.address);
        let each = |bytes: u64| bytes / SESSIONS as u64;
        let kernel = format!("{} ({})", each(queues.bytes()), each(queues.unsent));
        println!("{transport:<18}{open:>8.1}{subscribed:>14.1}{stalled:>12.1}{kernel:>18}");
    }
}
