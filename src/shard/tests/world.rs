//! A shard, its clients and its market, on invented time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::{Duration, Instant},
};

use crate::{
    conflation::Kind,
    last_value_cache::Route,
    publication::{Status, tests::publication_of},
    recordings::Recordings,
    session::{
        FrameRate, Inbound, Settings, Transmitted,
        recorder::{Recorder, brief},
    },
    shard::{Output, SessionKey, Shard},
    stomp::Version,
};

/// Counts how often somebody was woken.
#[derive(Debug, Default)]
pub(super) struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakes {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One client's end of a connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) key: SessionKey,
    pub(super) writer: Arc<Wakes>,
    pub(super) reader: Arc<Wakes>,
}

pub(super) struct World {
    /// Each connection is a number, in order of opening.
    pub(super) shard: Shard<usize>,
    pub(super) recordings: Arc<Recordings>,
    pub(super) now: Instant,
    pub(super) opened: usize,
    /// What each frame pretends to be long.
    pub(super) padding_bytes: usize,
}

impl World {
    pub(super) fn new() -> Self {
        // A budget that nobody spends; the session's tests are about it.
        let frame_rate = FrameRate { frames_per_s: 1e6, burst: 1e6 };
        Self::with(Settings { frame_rate, ..Settings::default() })
    }

    pub(super) fn with(settings: Settings) -> Self {
        let (recordings, now) = (Arc::<Recordings>::default(), Instant::now());
        // The feed runs.
        recordings.changes();
        let shard = Shard::new(Arc::new(settings), Arc::clone(&recordings), now);
        Self { shard, recordings, now, opened: 0, padding_bytes: 0 }
    }

    /// Opens a session without saying anything on it.
    pub(super) fn open(&mut self) -> Client {
        let key = self.shard.open(format!("s-{}", self.opened), self.opened, self.now);
        self.opened += 1;
        Client { key, writer: Arc::default(), reader: Arc::default() }
    }

    pub(super) fn connect(&mut self) -> Client {
        self.connect_as(Version::V1_2)
    }

    pub(super) fn connect_as(&mut self, version: Version) -> Client {
        let client = self.open();
        self.send(&client, &format!("CONNECT\naccept-version:{version}\nheart-beat:0,0\n\n"));
        assert_eq!(self.read(&client), ["CONNECTED"]);
        client
    }

    /// Opens a session that subscribes to these symbols, `1` to the first of them, and so on.
    pub(super) fn subscriber(&mut self, symbols: &[&str]) -> Client {
        let client = self.connect();
        for (number, symbol) in (1..).zip(symbols) {
            self.subscribe(&client, number, symbol);
        }
        client
    }

    pub(super) fn subscribe(&mut self, client: &Client, id: usize, symbol: &str) {
        self.send(client, &subscribe(id, symbol, ""));
    }

    /// Sends a frame; its NUL is added.
    pub(super) fn send(&mut self, client: &Client, frame: &str) {
        let text = format!("{frame}\0");
        self.shard.receive(client.key, self.now, Inbound::Data(text.as_bytes()));
    }

    /// Lets the socket take one chunk.
    pub(super) fn take(&mut self, client: &Client) -> (Output, Vec<String>, Transmitted) {
        let mut sink = Recorder::with_padding(self.padding_bytes);
        let waker = Waker::from(Arc::clone(&client.writer));
        let (output, transmitted) = self.shard.poll_transmit(client.key, self.now, &mut sink, &waker);
        (output, sink.said, transmitted)
    }

    /// Lets the socket take everything, until the writer parks or ends.
    pub(super) fn read_in_full(&mut self, client: &Client) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let (output, mut said, _) = self.take(client);
            all.append(&mut said);
            if output != Output::Ready {
                return all;
            }
        }
    }

    /// The same in short: `subscription symbol type ordinal conflated` for messages.
    pub(super) fn read(&mut self, client: &Client) -> Vec<String> {
        self.read_in_full(client)
            .iter()
            .map(|frame| Message::parse(frame).map_or_else(|| brief(frame), |message| message.brief()))
            .collect()
    }

    pub(super) fn publish(&mut self, ticks: &[(u32, &str, u64)]) {
        self.shard.publish(
            ticks.iter().map(|(id, symbol, ordinal)| publication_of(*id, symbol, *ordinal, Status::Listed)),
        );
    }

    /// What ingest does with ticks that somebody wants one by one: the newest state, then each of them, and then the
    /// word that everything asked for before is recorded.
    pub(super) fn record(&mut self, ticks: &[(u32, &str, u64)]) {
        let changes = self.recordings.changes();
        self.publish(ticks.last().map(std::slice::from_ref).unwrap_or_default());
        let each =
            ticks.iter().map(|(id, symbol, ordinal)| publication_of(*id, symbol, *ordinal, Status::Listed));
        self.shard.record(each.collect::<Vec<_>>(), self.now);
        if let Some(changes) = changes {
            self.shard.recorded_up_to(changes.ticket, self.now);
        }
    }

    /// The symbols that nobody wants each tick of any more, since ingest looked. Nor does anybody of every symbol.
    #[track_caller]
    pub(super) fn recorded_no_longer(&self) -> Vec<String> {
        let changes = self.recordings.changes().expect("something is wanted no longer");
        assert!(!changes.all);
        let no_longer = changes.symbols.into_iter().filter(|(_, is_wanted)| !is_wanted);
        no_longer.map(|(symbol, _)| symbol.as_str().to_owned()).collect()
    }

    /// Lets milliseconds pass, and slots rest meanwhile.
    pub(super) fn rest(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.shard.expire(self.now);
    }

    pub(super) fn delist(&mut self, id: u32, symbol: &str, ordinal: u64) {
        self.shard.publish([publication_of(id, symbol, ordinal, Status::Delisted)]);
    }

    pub(super) fn accepts_input(&mut self, client: &Client) -> bool {
        self.shard.accepts_input(client.key, &Waker::from(Arc::clone(&client.reader)))
    }

    /// Lets time pass; answers which connections are to be aborted.
    pub(super) fn pass(&mut self, seconds: u64) -> Vec<usize> {
        self.now += Duration::from_secs(seconds);
        self.shard.handle_timeouts(self.now).into_iter().copied().collect()
    }

    /// Every route leads to a slot, and every slot has its route, and hears of the next tick if that is news to it.
    #[track_caller]
    pub(super) fn check_routes(&mut self) {
        let mut routes: Vec<_> = self
            .shard
            .cache
            .topics()
            .flat_map(|(topic, it)| {
                let states = (0..).zip(it.routes.iter()).map(|(at, (route, _))| (Kind::State, at, route));
                let ticks = (0..).zip(&it.recorders).map(|(at, route)| (Kind::Record, at, *route));
                let all = states.chain(ticks).collect::<Vec<_>>().into_iter();
                all.map(move |(kind, at, route)| (route.session, route.slot, topic.0, at, kind as u8))
            })
            .collect();
        let mut slots = Vec::new();
        for (place, entry) in &mut self.shard.sessions {
            let outbox = entry.session.outbox();
            let place = u32::try_from(place).unwrap();
            slots.extend(outbox.slots().into_iter().map(|slot| {
                let (topic, at, kind) = outbox.route_of(slot);
                (place, slot, topic.0, at, kind as u8)
            }));
        }
        for (_, topic) in self.shard.cache.topics() {
            for (Route { session, slot }, awaits) in topic.routes.iter() {
                let outbox = self.shard.sessions[session as usize].session.outbox();
                assert!(awaits || outbox.is_owed_something(slot), "{slot:?} of {session} is forgotten");
            }
        }
        routes.sort_unstable();
        slots.sort_unstable();
        assert_eq!(routes, slots);
    }
}

pub(super) fn subscribe(id: usize, symbol: &str, more: &str) -> String {
    format!("SUBSCRIBE\nid:{id}\ndestination:/topic/price.stock.{symbol}\n{more}\n")
}

/// A MESSAGE, read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subscription: usize,
    pub(super) symbol: String,
    pub(super) kind: String,
    pub(super) ordinal: u64,
    pub(super) conflated: u64,
}

impl Message {
    pub(super) fn parse(frame: &str) -> Option<Self> {
        let headers = frame.strip_prefix("MESSAGE\n")?.split("\n\n").next()?;
        let header = |name: &str| headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Some(Self {
            subscription: header("subscription")?.parse().ok()?,
            symbol: header("destination")?.strip_prefix("/topic/price.stock.")?.to_owned(),
            kind: header("type")?.to_owned(),
            ordinal: header("seq")?.parse::<u64>().ok()? - 100,
            conflated: header("conflated").map_or(Some(0), |count| count.parse().ok())?,
        })
    }

    fn brief(&self) -> String {
        let Self { subscription, symbol, kind, ordinal, conflated } = self;
        format!("{subscription} {symbol} {kind} {ordinal} {conflated}")
    }
}
