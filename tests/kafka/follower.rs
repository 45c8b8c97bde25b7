//! A client that stays: it follows destinations, comes back when the server is gone, and remembers what it was last told
//! of each symbol and of the feed. It also looks after the contract's order (§5.4): `seq` only rises within an epoch.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    harness::{eventually, pause},
    states::{Fact, State, States, differences, nanos, state_of},
    stomp::{Frame, Session},
};

/// A running client; ended when dropped.
pub(crate) struct Follower {
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a client has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// How often it connected.
    pub(crate) sessions: usize,
    /// Each symbol's state in this session, with `seq`.
    pub(crate) states: States,
    /// The epoch of each symbol in this session, those of delisted symbols too.
    pub(crate) epochs: std::collections::BTreeMap<String, String>,
    /// Symbols that it was told are delisted, in this session.
    pub(crate) delisted: BTreeSet<String>,
    /// Each word on the feed's status, of all sessions.
    pub(crate) statuses: Vec<String>,
    /// When a MESSAGE on a price came for the first time since this was emptied.
    pub(crate) first_message: Option<Instant>,
    /// What broke a promise.
    pub(crate) faults: Vec<String>,
}

impl Follower {
    /// Follows these destinations at a port of loopback.
    pub(crate) fn start(port: u16, destinations: &[&str]) -> Self {
        let (seen, is_over) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let destinations: Vec<_> = destinations.iter().map(|it| (*it).to_owned()).collect();
        let thread = std::thread::spawn({
            let (seen, is_over) = (Arc::clone(&seen), Arc::clone(&is_over));
            move || {
                while !is_over.load(Ordering::Relaxed) {
                    // Refused, cut off, or not ready yet: it comes again, as pages do.
                    let _ = follow(port, &destinations, &seen, &is_over);
                    pause(Duration::from_millis(20));
                }
            }
        });
        Self { seen, is_over, thread: Some(thread) }
    }

    /// What it has seen up to now.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it holds these states, those and no others.
    #[track_caller]
    pub(crate) fn await_states(&self, expected: &States) {
        eventually("a client holds what the log says", || {
            let seen = self.seen();
            if seen.states == *expected { Ok(()) } else { Err(differences(&seen.states, expected)) }
        });
        self.assert_order();
    }

    /// Waits until it's told this of the feed, after the first `known` words on it.
    #[track_caller]
    pub(crate) fn await_status(&self, status: &str, known: usize) {
        eventually(&format!("a client is told that the feed is {status}"), || {
            let seen = self.seen();
            let is_told = seen.statuses.iter().skip(known).any(|it| it == status);
            if is_told { Ok(()) } else { Err(format!("{:?}", seen.statuses)) }
        });
    }

    /// Nothing that it was told broke a promise.
    #[track_caller]
    pub(crate) fn assert_order(&self) {
        assert_eq!(self.seen().faults, [""; 0]);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn follow(
    port: u16,
    destinations: &[String],
    seen: &Mutex<Seen>,
    is_over: &AtomicBool,
) -> Result<(), String> {
    let mut session = Session::open(port)?;
    session.wait_for(Duration::from_millis(100));
    {
        let mut seen = seen.lock().unwrap();
        seen.sessions += 1;
        // A page that connects again shows what it's told then.
        (seen.states, seen.epochs, seen.delisted) = Default::default();
    }
    for (id, destination) in destinations.iter().enumerate() {
        session.ask(&id.to_string(), destination)?;
    }
    while !is_over.load(Ordering::Relaxed) {
        if let Some(frame) = session.next()? {
            let mut seen = seen.lock().unwrap();
            match frame.command.as_str() {
                "MESSAGE" if frame.headers["destination"] == "/topic/feed.status" => seen.note_status(&frame),
                "MESSAGE" => seen.note_price(&frame),
                "RECEIPT" => {}
                _ => seen.faults.push(format!("{frame:?}")),
            }
        }
    }
    Ok(())
}

impl Seen {
    fn note_status(&mut self, frame: &Frame) {
        let body: Value = serde_json::from_str(&frame.body).unwrap();
        self.statuses.push(body["status"].as_str().unwrap().to_owned());
    }

    fn note_price(&mut self, frame: &Frame) {
        self.first_message.get_or_insert_with(Instant::now);
        let symbol = frame.headers["destination"].trim_start_matches("/topic/price.stock.").to_owned();
        let (epoch, seq) = (&frame.headers["epoch"], nanos(&frame.headers["seq"]));
        let last = self.states.get(&symbol).and_then(|state| state.get("seq"));
        let same_epoch = self.epochs.get(&symbol) == Some(epoch);
        // A symbol that the new log doesn't have is delisted without a record of its own.
        let is_of_no_record = frame.headers["type"] == "delisted";
        if let Some(Fact::Number(last)) = last
            && same_epoch
            && (*last > seq || *last == seq && !is_of_no_record)
        {
            self.faults.push(format!("{symbol}: {seq} after {last} in epoch {epoch}"));
        }
        self.epochs.insert(symbol.clone(), epoch.clone());
        if frame.headers["type"] == "delisted" {
            self.states.remove(&symbol);
            self.delisted.insert(symbol);
            return;
        }
        self.delisted.remove(&symbol);
        let body: serde_json::Map<String, Value> = serde_json::from_str(&frame.body).unwrap();
        let mut state: State = state_of(&body);
        state.insert("seq".to_owned(), Fact::Number(seq));
        self.states.insert(symbol, state);
    }
}
