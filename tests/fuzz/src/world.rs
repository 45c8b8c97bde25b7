//! A shard with its clients, its market and its clock, driven like the server drives it: a client's
//! bytes are taken only while its session accepts input, and a session is asked for output only
//! while its socket is free and somebody woke the writer.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tickcast::{
    market::{State, Symbol},
    publication::{Content, Epoch, Publication, Status, SymbolId},
    recordings::Recordings,
    session::{CloseReason, FrameSink, Inbound, Settings},
    shard::{Output, SessionKey, Shard},
};

use crate::listener::Listener;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step<'a> {
    /// A client comes.
    Open,
    /// The client sends.
    Send(usize, Sent<'a>),
    /// The client's socket takes nothing more.
    Stall(usize),
    /// It takes everything again.
    Drain(usize),
    /// The connection is gone, with all that the transport keeps of it.
    Forget(usize),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// Ticks of a symbol are published as one state.
    Publish(&'a str, u64),
    /// A symbol is taken off the list.
    Delist(&'a str),
    /// The feed's status changes.
    Feed,
    /// The server shuts down.
    Shutdown,
}

/// What a client sends.
#[derive(Clone, Debug)]
pub enum Sent<'a> {
    Data(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close(Option<u16>),
    End,
    Fault,
}

/// How many clients there are at most.
const CLIENTS_MAX: usize = 4;

/// What is handed to a socket at once: 16 KiB, and the frame that goes beyond. A receipt's name of
/// 8 KiB may be twice as long when it's escaped.
const CHUNK_BYTES_MAX: usize = 16 * 1024 + 2 * 8 * 1024 + 100;

/// Longer than every deadline of a session that is closed, and whose socket may be stuck: 2 s and 10 s.
const END_MAX: Duration = Duration::from_secs(15);

/// A shard and its surroundings.
pub struct World {
    shard: Shard<usize>,
    recordings: Arc<Recordings>,
    now: Instant,
    clients: Vec<Client>,
    symbols: HashMap<String, (SymbolId, u64)>,
    seq: u64,
    epoch: Epoch,
}

struct Client {
    /// `None` after the connection has ended.
    key: Option<SessionKey>,
    listener: Listener,
    is_stalled: bool,
    /// The socket has something that it hasn't taken yet.
    in_flight: bool,
    writer: Arc<Flag>,
    reader: Arc<Flag>,
    /// The reader waits to be woken.
    reader_parked: bool,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Flag {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Default for World {
    fn default() -> Self {
        // Small, so that a short script can reach them.
        let settings = Settings {
            frame_bytes_before_connect: 512,
            frame_bytes: 9 * 1024,
            subscriptions_max: 8,
            wildcards_max: 2,
            every_ticks_max: 16,
            ..Settings::default()
        };
        let (recordings, now) = (Arc::<Recordings>::default(), Instant::now());
        Self {
            shard: Shard::new(Arc::new(settings), Arc::clone(&recordings), now),
            recordings,
            now,
            clients: Vec::new(),
            symbols: HashMap::new(),
            seq: 0,
            epoch: Epoch::from("fuzz"),
        }
    }
}

impl World {
    /// Lets a step happen, and all that follows from it.
    pub fn step(&mut self, step: &Step<'_>) {
        match *step {
            Step::Open => self.open(),
            Step::Send(client, ref sent) => self.send(client, sent),
            Step::Stall(client) => self.with(client, |client| client.is_stalled = true),
            Step::Drain(client) => self.with(client, |client| {
                client.is_stalled = false;
                client.writer.0.fetch_or(std::mem::take(&mut client.in_flight), Ordering::Relaxed);
            }),
            Step::Forget(client) => self.forget(client),
            Step::Pass(milliseconds) => self.pass(Duration::from_millis(milliseconds)),
            Step::Publish(symbol, ticks) => self.publish(symbol, ticks, Status::Listed),
            Step::Delist(symbol) => self.publish(symbol, 1, Status::Delisted),
            Step::Feed => self.shard.set_feed_status(r#"{"status":"stale"}"#.into()),
            Step::Shutdown => self.shard.close_all(self.now, CloseReason::Shutdown),
        }
        self.settle();
    }

    /// Nobody says a word any more: pings, beats and deadlines take their turn. Then the server shuts
    /// down, and every session ends in time, and leaves nothing behind.
    pub fn finish(mut self) {
        for _ in 0..40 {
            self.step(&Step::Pass(2500));
        }
        self.step(&Step::Shutdown);
        let end = self.now + END_MAX;
        while self.now < end {
            self.step(&Step::Pass(500));
        }
        let open = self.clients.iter().filter(|client| client.key.is_some()).count();
        assert_eq!(open, 0, "sessions outlive their clients");
        assert_eq!(self.shard.sessions(), 0);
        let subscriptions = self.shard.subscriptions();
        assert_eq!((subscriptions.exact, subscriptions.wildcards), (0, 0));
    }

    fn with(&mut self, client: usize, change: impl FnOnce(&mut Client)) {
        if let Some(client) = self.clients.get_mut(client) {
            change(client);
        }
    }

    fn open(&mut self) {
        if self.clients.len() == CLIENTS_MAX {
            return;
        }
        let number = self.clients.len();
        let key = self.shard.open(format!("s-{number}"), number, self.now);
        let client = Client {
            key: Some(key),
            listener: Listener::default(),
            is_stalled: false,
            in_flight: false,
            writer: Arc::default(),
            reader: Arc::default(),
            reader_parked: false,
        };
        client.writer.0.store(true, Ordering::Relaxed);
        self.clients.push(client);
    }

    /// What isn't accepted is lost here: the client would send it later.
    fn send(&mut self, client: usize, sent: &Sent<'_>) {
        let Some(Client { key: Some(key), reader, reader_parked, .. }) = self.clients.get_mut(client) else {
            return;
        };
        let accepts = self.shard.accepts_input(*key, &Waker::from(Arc::clone(reader)));
        *reader_parked = !accepts;
        if !accepts {
            return;
        }
        let inbound = match *sent {
            Sent::Data(bytes) => Inbound::Data(bytes),
            Sent::Ping(payload) => Inbound::Ping(Bytes::copy_from_slice(&payload[..payload.len().min(125)])),
            Sent::Pong => Inbound::Pong,
            Sent::Close(code) => Inbound::Close(code),
            Sent::End => Inbound::Lost,
            Sent::Fault => Inbound::Fault(CloseReason::Protocol, "fault"),
        };
        self.shard.receive(*key, self.now, inbound);
    }

    fn forget(&mut self, client: usize) {
        let Some(key) = self.clients.get_mut(client).and_then(|client| client.key.take()) else { return };
        assert!(self.shard.forget(key, self.now).is_some(), "a session is forgotten once");
        assert!(self.shard.forget(key, self.now).is_none(), "its key is worth nothing afterwards");
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.shard.expire(self.now);
        self.note_recorded();
        let stuck: Vec<usize> = self.shard.handle_timeouts(self.now).into_iter().copied().collect();
        for client in stuck {
            assert!(self.clients[client].in_flight, "only a socket that is stuck is aborted");
            self.forget(client);
        }
    }

    fn publish(&mut self, name: &str, ticks: u64, status: Status) {
        let Ok(symbol) = Symbol::parse(name) else { return };
        let next = SymbolId(u32::try_from(self.symbols.len()).expect("symbols are few"));
        let (id, ordinal) = self.symbols.entry(name.to_owned()).or_insert((next, 0));
        let each: Vec<_> = (1..=ticks.max(1))
            .map(|number| {
                let content = Content {
                    id: *id,
                    symbol: symbol.clone(),
                    partition: 0,
                    seq: self.seq + number,
                    epoch: Arc::clone(&self.epoch),
                    ordinal: *ordinal + number,
                    rollovers: 0,
                    status,
                    state: State { time_us: (self.seq + number) as i64 / 2, ..State::default() },
                    ingested_us: 0,
                };
                Arc::new(Publication::from(content))
            })
            .collect();
        *ordinal += ticks.max(1);
        self.seq += ticks.max(1);
        self.shard.publish(each.last().cloned());
        self.shard.record(each, self.now);
        self.note_recorded();
    }

    /// As ingest does it between two batches: every tick is handed out here anyway.
    fn note_recorded(&mut self) {
        if let Some(changes) = self.recordings.changes() {
            self.shard.recorded_up_to(changes.ticket, self.now);
        }
    }

    /// Writers that were woken write, and nobody was forgotten to be woken.
    fn settle(&mut self) {
        for client in 0..self.clients.len() {
            while self.clients[client].writer.take() && self.clients[client].key.is_some() {
                self.write(client);
            }
            self.check_wakes(client);
        }
    }

    fn write(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let Some(key) = client.key.filter(|_| !client.in_flight) else { return };
        let waker = Waker::from(Arc::clone(&client.writer));
        let mut chunk = client.listener.begin();
        let (output, _) = self.shard.poll_transmit(key, self.now, &mut chunk, &waker);
        let is_empty = chunk.is_empty();
        assert_eq!(output == Output::Ready, !is_empty);
        assert!(chunk.len() <= CHUNK_BYTES_MAX, "{} bytes at once", chunk.len());
        match output {
            Output::Ready if client.is_stalled => client.in_flight = true,
            Output::Ready => client.writer.clone().wake(),
            Output::Pending => {}
            Output::Finished => self.forget(number),
        }
    }

    fn check_wakes(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let Some(key) = client.key else { return };
        if client.reader_parked && !client.reader.take() {
            let accepts = self.shard.accepts_input(key, &Waker::from(Arc::clone(&client.reader)));
            assert!(!accepts, "a reader sleeps while it may read");
        } else {
            client.reader_parked = false;
        }
        if !client.in_flight {
            let waker = Waker::from(Arc::clone(&client.writer));
            let (output, _) = self.shard.poll_transmit(key, self.now, &mut client.listener.begin(), &waker);
            assert_eq!(output, Output::Pending, "a writer sleeps while there is something to write");
        }
    }
}
