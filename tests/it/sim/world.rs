//! The world: one shard, its market, its peers and their time. It performs a scenario step by step, and whatever is said
//! is heard at once by the peers, who know what has to come.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::Wake,
    time::{Duration, Instant},
};

use tickcast::{
    session::{FrameRate, FrameSink as _, Settings, TRANSMIT_BYTES_MAX},
    shard::{Output, Shard},
};

use super::{
    bodies::Bodies,
    link::{Chunk, Item, Link},
    market::{Fetched, Market},
    peer::Peer,
    promise::{Broken, Kept, Promise},
    scenario::{Rules, Scenario, Step},
    subscription::Moment,
};

/// A chunk may exceed its limit by one frame.
const FRAME_BYTES_MAX: usize = 1024;

/// For so long the market is quiet at the end, so that everybody can come to know everything: the slowest rate, and what
/// the slowest client still has to read.
const QUIET_US: u32 = 40_000_000;

/// How often somebody may be woken by what somebody woken does, at one moment.
const ROUNDS_MAX: usize = 10_000;

/// What happened, told for comparisons: how much of it there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) conflated: u64,
    pub(super) aborted: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.conflated += more.conflated;
        self.aborted += more.aborted;
    }
}

pub(super) struct World {
    pub(super) rules: Rules,
    pub(super) base: Instant,
    pub(super) now: Moment,
    pub(super) settings: Arc<Settings>,
    pub(super) shard: Shard<u32>,
    pub(super) market: Market,
    pub(super) peers: BTreeMap<u32, Peer>,
    bodies: Bodies,
    /// The feed's status, as the shard has it.
    pub(super) feed: String,
    /// Whose writers were woken.
    pub(super) woken: Arc<Mutex<Vec<u32>>>,
    /// When which client reads next.
    pub(super) reads: BinaryHeap<Reverse<(u64, u32)>>,
    pub(super) next_look_us: u64,
    pub(super) receipts: u64,
    pub(super) tally: Tally,
}

/// Notes whose writer was woken.
pub(super) struct Bell {
    pub(super) session: u32,
    pub(super) woken: Arc<Mutex<Vec<u32>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.woken.lock().expect("nobody panics with it").push(self.session);
    }
}

/// Runs a whole scenario; at the number of which step which promise was broken, the number of steps standing for the
/// quiet at the end.
pub(super) fn run(scenario: &Scenario) -> Result<Tally, (usize, Broken)> {
    let mut at = 0;
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(scenario.rules.clone());
        for step in &scenario.steps {
            world.perform(step)?;
            at += 1;
        }
        world.come_to_rest()?;
        Ok(world.tally)
    }));
    match ran {
        Ok(kept) => kept.map_err(|broken| (at, broken)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            Err((at, Broken { promise: Promise::Sanity, how: text.to_owned() }))
        }
    }
}

impl World {
    pub(super) fn new(rules: Rules) -> Self {
        // Nobody asks for too much here, and a thousand wildcards are made in an instant.
        let frame_rate = FrameRate { frames_per_s: 1e6, burst: 1e6 };
        let max_rate = rules.rate_ceiling.as_deref().unwrap_or("unlimited");
        let max_rate = max_rate.parse().expect("scenarios have rates that are rates");
        let every_ticks_max = rules.every_ticks as usize;
        let settings = Arc::new(Settings { frame_rate, max_rate, every_ticks_max, ..Settings::default() });
        let market = Market::new(&rules);
        let base = Instant::now();
        Self {
            rules,
            base,
            feed: r#"{"status":"live"}"#.to_owned(),
            now: (0, 0),
            next_look_us: micros(settings.deadline_interval()),
            shard: Shard::new(Arc::clone(&settings), market.recordings(), base),
            settings,
            market,
            peers: BTreeMap::new(),
            bodies: Bodies::default(),
            woken: Arc::default(),
            reads: BinaryHeap::new(),
            receipts: 0,
            tally: Tally::default(),
        }
    }

    pub(super) fn perform(&mut self, step: &Step) -> Kept {
        self.now.1 += 1;
        match step {
            Step::Open { session, version, link } => self.open(*session, *version, *link)?,
            Step::Subscribe { session, id, to, wish } => self.subscribe(*session, *id, to, wish)?,
            Step::Unsubscribe { session, id, receipt } => self.unsubscribe(*session, *id, *receipt)?,
            Step::Acknowledge { session, id, at } => self.acknowledge_some(*session, *id, *at)?,
            Step::Stall { session } => self.touch(*session, Link::stall)?,
            Step::Resume { session } => self.touch(*session, Link::resume)?,
            Step::Pace { session, pace } => self.touch(*session, |link| link.set_pace(*pace))?,
            Step::Disconnect { session } => self.disconnect(*session)?,
            Step::Vanish { session } => self.vanish(*session)?,
            Step::Batch { records, held } => {
                self.market.turn(self.now.0, records)?;
                if !held {
                    self.take();
                }
            }
            Step::Feed { number } => {
                self.market.set_feed_status(&format!(r#"{{"status":"stale","number":{number}}}"#));
                self.take();
            }
            Step::Pass { us } => self.pass(*us)?,
            Step::Midnight => self.market.begin_next_day(),
        }
        self.settle()?;
        self.check_everybody()
    }

    /// The market is quiet from here on, and everybody reads.
    fn come_to_rest(&mut self) -> Kept {
        let sessions: Vec<u32> = self.peers.keys().copied().collect();
        sessions.iter().try_for_each(|session| self.perform(&Step::Resume { session: *session }))?;
        for _ in 0..4 {
            self.perform(&Step::Pass { us: QUIET_US / 4 })?;
            sessions.iter().try_for_each(|session| self.acknowledge_all(*session))?;
        }
        for (session, peer) in self.peers.iter().filter(|(_, peer)| peer.is_live()) {
            if peer.link.is_drained() {
                let settled = peer.check_settled(&self.market);
                settled.map_err(|broken| broken.of_session(*session))?;
            }
        }
        Promise::Sanity
            .check(self.shard.sessions() == self.peers.len(), || "sessions are left over".to_owned())
    }

    pub(super) fn at(&self) -> Instant {
        self.base + Duration::from_micros(self.now.0)
    }

    /// The shard fetches what is there and heeds it, as its actor does.
    pub(super) fn take(&mut self) {
        let at = self.at();
        let Self { shard, market, peers, now, feed, rules, .. } = self;
        let Some(Fetched { delivery, symbols, ticks }) = market.fetch() else { return };
        let (are_lost, status) = (delivery.ticks_lost, delivery.feed_status.clone());
        shard.take(delivery, at);
        if let Some(json) = &status {
            json.as_ref().clone_into(feed);
        }
        let (_, looks) = market.looks();
        for peer in peers.values_mut().filter(|peer| peer.is_live()) {
            symbols.iter().for_each(|symbol| peer.note(*symbol, market, *now));
            if are_lost {
                peer.lose_ticks();
            }
            peer.note_ticks(&ticks, rules.every_ticks as usize, *now);
            peer.begin_every(looks, market, *now);
            if let Some(json) = &status {
                peer.notices.note_feed(json);
            }
        }
    }

    /// Lets everybody write who was woken.
    pub(super) fn settle(&mut self) -> Kept {
        for _ in 0..ROUNDS_MAX {
            let woken = std::mem::take(&mut *self.woken.lock().expect("nobody panics with it"));
            if woken.is_empty() {
                return Ok(());
            }
            for session in woken {
                if let Some(peer) = self.peers.get_mut(&session) {
                    peer.is_parked = false;
                    peer.check_prompt(self.now).map_err(|broken| broken.of_session(session))?;
                    self.pump(session)?;
                }
            }
        }
        Promise::Sanity.broken("writers are woken again and again")
    }

    /// Whoever has nothing to write, and wasn't woken, isn't owed anything.
    fn check_everybody(&mut self) -> Kept {
        let now = self.now;
        for (session, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.is_parked) {
            peer.check_quiet(now).map_err(|broken| broken.of_session(*session))?;
        }
        Ok(())
    }

    /// The client reads what it may, the socket takes what there is room for, and the writer asks for more.
    pub(super) fn pump(&mut self, session: u32) -> Kept {
        let at = self.at();
        loop {
            let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
            let arrived = peer.link.read(self.now.0);
            for item in arrived {
                self.arrive(session, item)?;
            }
            let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
            if peer.is_parked || !peer.link.is_writable() {
                break;
            }
            let must_tell = peer.must_tell(self.now.0);
            let mut chunk = Chunk::default();
            let (output, transmitted) = self.shard.poll_transmit(peer.key, at, &mut chunk, &peer.waker);
            let bytes = chunk.len();
            Promise::Bound.check(bytes < TRANSMIT_BYTES_MAX + FRAME_BYTES_MAX, || {
                format!("a chunk of {bytes} bytes")
            })?;
            self.hear(session, &chunk, (transmitted.messages, transmitted.conflated))?;
            let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
            peer.note_chunk(transmitted.messages, must_tell, self.now.0)
                .map_err(|broken| broken.of_session(session))?;
            match output {
                Output::Ready => peer.link.hand_over(self.now.0, chunk.items),
                Output::Pending => {
                    peer.is_parked = true;
                    peer.check_quiet(self.now).map_err(|broken| broken.of_session(session))?;
                }
                Output::Finished => return self.finish(session),
            }
        }
        let next = self.peers.get_mut(&session).and_then(|peer| peer.link.next_read(self.now.0));
        self.reads.extend(next.map(|at_us| Reverse((at_us, session))));
        Ok(())
    }

    /// A chunk is handed over.
    fn hear(&mut self, session: u32, chunk: &Chunk, transmitted: (u32, u64)) -> Kept {
        let Self { peers, market, bodies, now, tally, .. } = self;
        let Some(peer) = peers.get_mut(&session) else { return Ok(()) };
        let (mut messages, mut conflated) = (0, 0);
        for (_, item) in &chunk.items {
            match item {
                Item::Frame(bytes) => {
                    let heard = peer.hear(bytes, market, bodies, *now);
                    if let Some(more) = heard.map_err(|broken| broken.of_session(session))? {
                        messages += 1;
                        conflated += more;
                    }
                }
                Item::Ping | Item::Pong => {}
                Item::Close(code, _) => {
                    let is_silent =
                        *code == 1001 && now.0 - peer.spoke_us >= micros(self.settings.silence_floor);
                    let is_overflow = *code == 4500 && peer.may_close;
                    Promise::Closing.check(is_silent || is_overflow || peer.said_bye, || {
                        format!("session {session} is closed with {code} and did nothing wrong")
                    })?;
                    peer.closed = Some(*code);
                }
            }
        }
        tally.messages += u64::from(messages);
        tally.conflated += conflated;
        Promise::Count.check((messages, conflated) == transmitted, || {
            format!("{messages} messages with {conflated} conflated ticks are counted as {transmitted:?}")
        })
    }

    /// The session has said its last word, and its client too.
    fn finish(&mut self, session: u32) -> Kept {
        let Some(peer) = self.peers.remove(&session) else { return Ok(()) };
        let ended = self.shard.forget(peer.key, self.at()).map(|(_, reason)| reason.label());
        Promise::Closing
            .check(!peer.is_live() && ended.is_some(), || format!("session {session} ended as {ended:?}"))
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).expect("deadlines are short")
}
