//! Scenarios drawn from a seed: bursts and quiet stretches, fast clients and slow ones, and whatever clients do in between.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{
    PRICES, SNAPSHOTS,
    market::name_of,
    notices::{ERRORS, FEED, SESSION},
    scenario::{Ack, Dialect, Level, LinkKind, LogRecord, Pace, Rules, Scenario, Side, Step, Wish},
};

/// How large a scenario is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) sessions: u32,
    pub(super) symbols: u16,
    pub(super) steps: usize,
    /// How many records ingest reads at once in a burst.
    pub(super) burst: usize,
}

const FIELDS: [&str; 6] =
    ["price", "bid,ask", "open,high,low", "time_us", "venue,price", "volume,trades,symbol"];
const RATES: [&str; 7] = ["0.5", "1", "2.5", "7", "20", "333.3", "1000"];

/// Draws a scenario.
pub(super) fn draw(seed: u64, extent: Extent) -> Scenario {
    let mut lot = Lot { rng: ChaCha8Rng::seed_from_u64(seed), extent };
    let rules = lot.rules();
    let mut steps = vec![lot.batch()];
    for session in 0..extent.sessions {
        steps.push(lot.open(session));
        steps.extend((0..lot.up_to(3)).map(|_| lot.subscribe(session)));
        if lot.one_in(20) {
            steps.push(lot.batch());
        }
    }
    for _ in 0..extent.steps {
        if lot.one_in(40) {
            steps.extend(lot.race());
        } else {
            steps.push(lot.step());
        }
    }
    Scenario { rules, steps }
}

struct Lot {
    rng: ChaCha8Rng,
    extent: Extent,
}

impl Lot {
    fn one_in(&mut self, chances: u32) -> bool {
        self.rng.random_range(0..chances) == 0
    }

    fn up_to(&mut self, most: u32) -> u32 {
        self.rng.random_range(1..=most)
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.rng.random_range(0..choices.len())].clone()
    }

    fn session(&mut self) -> u32 {
        self.rng.random_range(0..self.extent.sessions)
    }

    /// Some symbols are busier than others.
    fn symbol(&mut self) -> u16 {
        let most = self.rng.random_range(0..self.extent.symbols);
        self.rng.random_range(0..=most)
    }

    fn rules(&mut self) -> Rules {
        let rate_ceiling = if self.one_in(4) { Some(self.one_of(&RATES).to_owned()) } else { None };
        let (every_ticks, inbox_ticks) = (self.one_of(&[10, 50, 400]), self.one_of(&[10, 1000, 1000]));
        Rules { symbols: self.extent.symbols, rate_ceiling, every_ticks, inbox_ticks }
    }

    fn step(&mut self) -> Step {
        let session = self.session();
        match self.rng.random_range(0..100) {
            0..30 => self.batch(),
            30..55 => self.pass(),
            55..65 => self.subscribe(session),
            65..69 => Step::Unsubscribe { session, id: self.id(), receipt: self.one_in(2) },
            69..77 => Step::Stall { session },
            77..86 => Step::Resume { session },
            86..88 => Step::Pace { session, pace: self.pace() },
            88..93 => Step::Acknowledge { session, id: self.id(), at: self.rng.random() },
            93..95 => Step::Disconnect { session },
            95..96 => Step::Vanish { session },
            96..99 => self.open(session),
            99 if self.one_in(2) => Step::Feed { number: self.up_to(100) },
            _ => Step::Midnight,
        }
    }

    /// Two subscriptions in mode `every`, of which ingest hears the second too late for the batch under way.
    fn race(&mut self) -> [Step; 4] {
        let mut every = || {
            let (session, id, to) = (self.session(), self.id(), format!("{PRICES}{}", self.symbols()));
            let wish = Wish { every: true, receipt: self.one_in(2), ..Wish::default() };
            Step::Subscribe { session, id, to, wish }
        };
        let [first, second] = [every(), every()];
        let mut batch = |held| Step::Batch { records: (0..6).map(|_| self.record()).collect(), held };
        [first, batch(true), second, batch(false)]
    }

    fn pass(&mut self) -> Step {
        let most_ms = self.one_of(&[1, 5, 20, 100, 600, 2000]);
        let part_us = if self.one_in(2) { self.up_to(999) } else { 0 };
        Step::Pass { us: self.up_to(most_ms) * 1000 + part_us }
    }

    fn open(&mut self, session: u32) -> Step {
        let version = self.one_of(&[Dialect::V1_1, Dialect::V1_2, Dialect::V1_2]);
        let room = self.one_of(&[1, 500, 2000, 8000, 40_000]);
        Step::Open { session, version, link: LinkKind { room, pace: self.pace() } }
    }

    fn pace(&mut self) -> Pace {
        if self.one_in(2) {
            return Pace::AtOnce;
        }
        if self.one_in(8) {
            // So slow that a chunk takes longer than the send time limit.
            return Pace::Steady { bytes: self.rng.random_range(20..200), every_ms: 200 };
        }
        let every_ms = self.one_of(&[1, 3, 10, 50, 200]);
        Pace::Steady { bytes: self.rng.random_range(20..200) * every_ms, every_ms }
    }

    fn id(&mut self) -> u8 {
        // The others are for what isn't told of as it changes.
        self.rng.random_range(1..=4)
    }

    fn subscribe(&mut self, session: u32) -> Step {
        let (id, to, mut wish) = match self.rng.random_range(0..12) {
            0 => (5, format!("{SNAPSHOTS}{}", self.symbols()), self.wish()),
            1 => {
                let (id, to) = self.one_of(&[(6, FEED), (7, SESSION), (8, ERRORS)]);
                (
                    id,
                    to.to_owned(),
                    Wish { receipt: self.one_in(2), snapshot: !self.one_in(3), ..Wish::default() },
                )
            }
            _ => (self.id(), format!("{PRICES}{}", self.symbols()), self.wish()),
        };
        if to.starts_with(SNAPSHOTS) {
            (wish.snapshot, wish.every, wish.max_rate) = (true, false, None);
        }
        Step::Subscribe { session, id, to, wish }
    }

    fn symbols(&mut self) -> String {
        let symbol = self.symbol();
        match self.rng.random_range(0..10) {
            0 => "*".to_owned(),
            1 => "#".to_owned(),
            2 => self.one_of(&["A*", "B*", "B1*", "E:*", "Z*"]).to_owned(),
            _ => name_of(symbol),
        }
    }

    fn wish(&mut self) -> Wish {
        let every = self.one_in(8);
        Wish {
            snapshot: !self.one_in(5),
            max_rate: if !every && self.one_in(3) { Some(self.one_of(&RATES).to_owned()) } else { None },
            every,
            fields: if self.one_in(4) { Some(self.one_of(&FIELDS).to_owned()) } else { None },
            delta: self.one_in(4),
            ack: self.one_in(6).then(|| Ack {
                prefetch: self.up_to(5),
                cumulative: self.one_in(2),
                prompt: self.one_in(2),
            }),
            receipt: self.one_in(2),
        }
    }

    fn batch(&mut self) -> Step {
        let most = if self.one_in(4) { self.extent.burst } else { 3 };
        let records = self.rng.random_range(1..=most);
        Step::Batch { records: (0..records).map(|_| self.record()).collect(), held: self.one_in(5) }
    }

    fn record(&mut self) -> LogRecord {
        let symbol = self.symbol();
        match self.rng.random_range(0..40) {
            0 => LogRecord::Tombstone { symbol },
            1..3 => LogRecord::Redelivered { symbol, back: self.rng.random_range(0..4) },
            3..5 => LogRecord::Repeated { symbol },
            5 => LogRecord::Late { symbol, trade: self.level() },
            6..20 => self.tick(symbol, true, false),
            20..36 => self.tick(symbol, false, true),
            _ => self.tick(symbol, true, true),
        }
    }

    fn tick(&mut self, symbol: u16, is_trade: bool, is_quote: bool) -> LogRecord {
        let trade = is_trade.then(|| self.level());
        let (mut bid, mut ask) = (Side::Keep, Side::Keep);
        if is_quote {
            bid = self.side();
            // A tick has to say something.
            ask = if bid == Side::Keep { Side::Set(self.level()) } else { self.side() };
        }
        let venue =
            if self.one_in(10) { Some(self.one_of(&["XNAS", "XNYS", "\"\\"]).to_owned()) } else { None };
        LogRecord::Tick { symbol, trade, bid, ask, venue }
    }

    fn side(&mut self) -> Side {
        match self.rng.random_range(0..6) {
            0 => Side::Clear,
            1 => Side::Keep,
            _ => Side::Set(self.level()),
        }
    }

    /// Few different ones, so that some change nothing.
    fn level(&mut self) -> Level {
        let size = if self.one_in(5) { None } else { Some(self.up_to(300)) };
        Level { price: 10_000 + self.up_to(30) * 5, size }
    }
}
