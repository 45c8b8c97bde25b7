//! The promises of contract §5.4 on credit, for random histories: no more stands unacknowledged than
//! was asked for, what is sent is the newest, and once everything is acknowledged everything is known.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::ack;
use crate::{
    shard::tests::world::{Client, Message, World, subscribe},
    stomp::Version,
};

const SYMBOLS: [&str; 4] = ["A", "B", "C", "D"];

#[derive(Clone, Debug)]
enum Operation {
    Publish {
        symbol: usize,
    },
    Take,
    /// Acknowledges one of what stands unacknowledged.
    Acknowledge(prop::sample::Index),
    /// Ends the subscription on credit and begins it anew.
    Renew,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..SYMBOLS.len()).prop_map(|symbol| Operation::Publish { symbol }),
        3 => Just(Operation::Take),
        3 => any::<prop::sample::Index>().prop_map(Operation::Acknowledge),
        1 => Just(Operation::Renew),
    ]
}

/// A client with one subscription on credit and one without, both to everything.
struct Desk {
    world: World,
    client: Client,
    prefetch: usize,
    cumulative: bool,
    /// Each tick is a place in the log of its own.
    ticks: u64,
    newest: BTreeMap<String, u64>,
    /// What each subscription's client knows, `1` on credit and `2` without.
    known: [BTreeMap<String, u64>; 3],
    unacknowledged: VecDeque<String>,
}

impl Desk {
    fn new(prefetch: usize, cumulative: bool) -> Self {
        let mut world = World::new();
        // Two messages are a chunk.
        world.padding_bytes = 8000;
        let client = world.connect();
        let (newest, known) = (BTreeMap::new(), Default::default());
        let mut desk = Self {
            world,
            client,
            prefetch,
            cumulative,
            ticks: 0,
            newest,
            known,
            unacknowledged: VecDeque::new(),
        };
        desk.subscribe();
        desk.world.send(&desk.client, &subscribe(2, "*", ""));
        desk
    }

    fn subscribe(&mut self) {
        let mode = if self.cumulative { "client" } else { "client-individual" };
        let headers = format!("ack:{mode}\nprefetch-count:{}\n", self.prefetch);
        self.world.send(&self.client, &subscribe(1, "*", &headers));
    }

    fn perform(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        match operation {
            Operation::Publish { symbol } => {
                self.ticks += 1;
                self.newest.insert(SYMBOLS[*symbol].to_owned(), self.ticks);
                let id = u32::try_from(*symbol).unwrap();
                self.world.publish(&[(id, SYMBOLS[*symbol], self.ticks)]);
            }
            Operation::Take => {
                self.take()?;
            }
            Operation::Acknowledge(at) => {
                let count = self.unacknowledged.len();
                if count > 0 {
                    self.acknowledge(at.index(count));
                }
            }
            Operation::Renew => {
                self.world.send(&self.client, "UNSUBSCRIBE\nid:1\n\n");
                self.unacknowledged.clear();
                self.known[1].clear();
                self.subscribe();
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, at: usize) {
        let message = self.unacknowledged[at].clone();
        self.world.send(&self.client, &ack(Version::V1_2, &message));
        if self.cumulative {
            self.unacknowledged.drain(..=at);
        } else {
            self.unacknowledged.remove(at);
        }
    }

    /// Whether anything was said.
    fn take(&mut self) -> Result<bool, TestCaseError> {
        let (_, said, _) = self.world.take(&self.client);
        for frame in &said {
            let message = Message::parse(frame);
            prop_assert!(message.is_some(), "{:?}", frame);
            let message = message.unwrap();
            prop_assert_eq!(self.newest[&message.symbol], message.ordinal, "it's the newest");
            let known = self.known[message.subscription].insert(message.symbol, message.ordinal);
            prop_assert!(known.is_none_or(|known| known < message.ordinal), "it rises");
            if message.subscription == 1 {
                self.unacknowledged.push_back(frame.clone());
            }
        }
        prop_assert!(self.unacknowledged.len() <= self.prefetch);
        if said.is_empty() {
            prop_assert_eq!(&self.known[2], &self.newest, "who needs no credit waits for none");
            let is_exhausted = self.unacknowledged.len() == self.prefetch;
            prop_assert!(is_exhausted || self.known[1] == self.newest, "credit that is left is used");
        }
        Ok(!said.is_empty())
    }
}

proptest! {
    #[test]
    fn every_history_keeps_the_promises(
        prefetch in 1..4_usize,
        cumulative: bool,
        operations in prop::collection::vec(operation(), 0..120),
    ) {
        let mut desk = Desk::new(prefetch, cumulative);
        for operation in &operations {
            desk.perform(operation)?;
            desk.world.check_routes();
        }
        // Each acknowledgement lets a symbol go.
        for _ in 0..=SYMBOLS.len() + prefetch {
            while desk.take()? {}
            if !desk.unacknowledged.is_empty() {
                desk.acknowledge(0);
            }
        }
        prop_assert_eq!(&desk.known[1], &desk.newest);
    }
}
