//! The promises of contract §5.4, for random histories, against a reference that knows no outbox,
//! no route and no slot: of each subscription and symbol it knows what was said last.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{Client, Message, World, subscribe};
use crate::{
    publication::{Status, tests::publication_of},
    session::CloseReason,
    shard::Output,
};

const SYMBOLS: [&str; 5] = ["A", "AB", "ABC", "B", "C"];
const DESTINATIONS: [&str; 8] = ["A", "AB", "B", "C", "*", "A*", "AB*", "X"];

#[derive(Clone, Debug)]
enum Operation {
    /// Some ticks of a symbol, of which the last reaches the shard.
    Publish {
        symbol: usize,
        ticks: u64,
    },
    Delist {
        symbol: usize,
    },
    Open,
    Subscribe {
        client: usize,
        id: usize,
        destination: usize,
        snapshot: bool,
    },
    Unsubscribe {
        client: usize,
        id: usize,
    },
    /// The socket takes so many chunks.
    Take {
        client: usize,
        chunks: usize,
    },
    Disconnect {
        client: usize,
    },
    /// Whoever reads answers PINGs meanwhile.
    Wait {
        seconds: u64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let client = 0..4_usize;
    let symbol = 0..SYMBOLS.len();
    prop_oneof![
        6 => (symbol.clone(), 1..4_u64).prop_map(|(symbol, ticks)| Operation::Publish { symbol, ticks }),
        1 => symbol.prop_map(|symbol| Operation::Delist { symbol }),
        1 => Just(Operation::Open),
        4 => (client.clone(), 0..3_usize, 0..DESTINATIONS.len(), any::<bool>()).prop_map(
            |(client, id, destination, snapshot)| Operation::Subscribe { client, id, destination, snapshot }
        ),
        1 => (client.clone(), 0..3_usize).prop_map(|(client, id)| Operation::Unsubscribe { client, id }),
        4 => (client.clone(), 1..4_usize).prop_map(|(client, chunks)| Operation::Take { client, chunks }),
        1 => client.prop_map(|client| Operation::Disconnect { client }),
        1 => (1..6_u64).prop_map(|seconds| Operation::Wait { seconds }),
    ]
}

proptest! {
    #[test]
    fn every_history_keeps_the_promises(operations in prop::collection::vec(operation(), 0..80)) {
        let mut market = Market::new();
        for operation in operations {
            market.perform(&operation)?;
            market.check_bounds()?;
        }
        market.drain_everybody()?;
    }
}

/// What a subscription's client knows of a symbol.
#[derive(Clone, Copy, Debug)]
struct View {
    /// The tick that it knows of, or started after; `None` while a snapshot is owed.
    known: Option<u64>,
    /// While something may be owed: how many messages may come before it.
    ahead: Option<usize>,
}

#[derive(Debug)]
struct Subscription {
    /// A symbol, or a prefix and `*`.
    pattern: &'static str,
    views: BTreeMap<usize, View>,
}

#[derive(Debug)]
struct Session {
    client: Client,
    connection: usize,
    subscriptions: BTreeMap<usize, Subscription>,
    /// Its writer parked when it had been woken so often.
    parked_at: Option<usize>,
    /// For how many seconds its socket has taken nothing of what it was given.
    blocked_seconds: Option<u64>,
}

/// The newest state of a symbol.
#[derive(Clone, Copy, Debug)]
struct Newest {
    ordinal: u64,
    status: Status,
}

struct Market {
    world: World,
    newest: [Option<Newest>; SYMBOLS.len()],
    sessions: Vec<Session>,
}

impl Market {
    fn new() -> Self {
        let mut world = World::new();
        // Three messages are a chunk.
        world.padding_bytes = 6000;
        let mut market = Self { world, newest: [None; SYMBOLS.len()], sessions: Vec::new() };
        market.open();
        market.open();
        market
    }

    fn perform(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        let clients = self.sessions.len();
        match *operation {
            Operation::Publish { symbol, ticks } => self.publish(symbol, ticks, Status::Listed),
            Operation::Delist { symbol } if self.newest[symbol].is_some() => {
                self.publish(symbol, 1, Status::Delisted);
            }
            Operation::Open if clients < 6 => self.open(),
            Operation::Subscribe { client, id, destination, snapshot } if client < clients => {
                self.subscribe(client, id, DESTINATIONS[destination], snapshot);
            }
            Operation::Unsubscribe { client, id } if client < clients => {
                self.world.send(&self.sessions[client].client, &format!("UNSUBSCRIBE\nid:{id}\n\n"));
                self.sessions[client].subscriptions.remove(&id);
            }
            Operation::Take { client, chunks } if client < clients => {
                for _ in 0..chunks {
                    self.take(client)?;
                }
            }
            Operation::Disconnect { client } if client < clients => {
                let session = self.sessions.swap_remove(client);
                let ended = self.world.shard.forget(session.client.key, self.world.now);
                prop_assert_eq!(ended.map(|(_, reason)| reason), Some(CloseReason::ConnectionLost));
            }
            Operation::Wait { seconds } => self.wait(seconds)?,
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self) {
        let connection = self.world.opened;
        let client = self.world.connect();
        let parked_at = Some(client.writer.count());
        let subscriptions = BTreeMap::new();
        self.sessions.push(Session { client, connection, subscriptions, parked_at, blocked_seconds: None });
    }

    fn publish(&mut self, symbol: usize, ticks: u64, status: Status) {
        let is_new = self.newest[symbol].is_none();
        let ordinal = self.newest[symbol].map_or(0, |newest| newest.ordinal) + ticks;
        self.newest[symbol] = Some(Newest { ordinal, status });
        let id = u32::try_from(symbol).unwrap();
        self.world.shard.publish([publication_of(id, SYMBOLS[symbol], ordinal, status)]);
        for session in &mut self.sessions {
            for subscription in session.subscriptions.values_mut() {
                if is_new && takes(subscription.pattern, SYMBOLS[symbol]) {
                    let view = View { known: Some(0), ahead: None };
                    subscription.views.entry(symbol).or_insert(view);
                }
            }
            session.owe(|at, view| at == symbol && (view.ahead.is_none() || view.known.is_none()));
        }
    }

    fn subscribe(&mut self, client: usize, id: usize, pattern: &'static str, snapshot: bool) {
        let session = &mut self.sessions[client];
        let again = if session.subscriptions.remove(&id).is_some() {
            format!("UNSUBSCRIBE\nid:{id}\n\n\0")
        } else {
            String::new()
        };
        let frame = subscribe(id, pattern, &format!("snapshot:{snapshot}\n"));
        self.world.send(&session.client, &(again + &frame));
        let mut views = BTreeMap::new();
        for (symbol, newest) in self.newest.iter().enumerate() {
            if let Some(newest) = newest.filter(|_| takes(pattern, SYMBOLS[symbol])) {
                let owed = snapshot && newest.status == Status::Listed;
                views.insert(symbol, View { known: (!owed).then_some(newest.ordinal), ahead: None });
            }
        }
        session.subscriptions.insert(id, Subscription { pattern, views });
        session.owe(|_, view| view.known.is_none() && view.ahead.is_none());
    }

    /// The socket takes what was handed to it, and is given more.
    fn take(&mut self, client: usize) -> Result<Output, TestCaseError> {
        let session = &mut self.sessions[client];
        let (output, said, transmitted) = self.world.take(&session.client);
        let messages: Vec<_> = said.iter().filter_map(|frame| Message::parse(frame)).collect();
        prop_assert_eq!(messages.len(), transmitted.messages as usize);
        prop_assert_eq!(messages.iter().map(|it| it.conflated).sum::<u64>(), transmitted.conflated);
        for message in &messages {
            session.read(message, &self.newest)?;
        }
        let parked = output == Output::Pending;
        session.parked_at = parked.then(|| session.client.writer.count());
        session.blocked_seconds = (!parked).then_some(0);
        if parked {
            session.check_fresh(&self.newest)?;
        }
        Ok(output)
    }

    fn wait(&mut self, seconds: u64) -> Result<(), TestCaseError> {
        let mut aborted = self.world.pass(seconds);
        let mut expected = Vec::new();
        for session in &mut self.sessions {
            self.world.send(&session.client, "\n");
            if let Some(blocked) = &mut session.blocked_seconds {
                *blocked += seconds;
                if *blocked >= 10 {
                    expected.push(session.connection);
                }
            }
        }
        aborted.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(&aborted, &expected);
        for session in self.sessions.extract_if(.., |session| expected.contains(&session.connection)) {
            let ended = self.world.shard.forget(session.client.key, self.world.now);
            prop_assert_eq!(ended.map(|(_, reason)| reason), Some(CloseReason::Slow));
        }
        Ok(())
    }

    /// What a session holds back has one place for each subscription and symbol, and whoever is
    /// owed something, and isn't being written to, was woken.
    fn check_bounds(&mut self) -> Result<(), TestCaseError> {
        self.world.check_routes();
        prop_assert_eq!(self.world.shard.sessions(), self.sessions.len());
        let mut routes = 0;
        for session in &self.sessions {
            routes += session
                .subscriptions
                .values()
                .map(|it| it.views.len() + usize::from(waits(it)))
                .sum::<usize>();
            let woken = session.client.writer.count();
            let owed = session.views().any(|(symbol, view)| is_owed(*view, self.newest[symbol]));
            if let Some(parked_at) = session.parked_at {
                prop_assert!(!owed || woken > parked_at, "nobody woke {:?}", session);
            }
        }
        let kept = self.world.shard.cache().topics().map(|(_, topic)| topic.routes.len()).sum::<usize>();
        prop_assert_eq!(kept, routes);
        Ok(())
    }

    fn drain_everybody(&mut self) -> Result<(), TestCaseError> {
        for client in 0..self.sessions.len() {
            let most = self.sessions[client].views().count();
            let mut chunks = 0;
            while self.take(client)? == Output::Ready {
                chunks += 1;
                prop_assert!(chunks <= most + 1, "a quiet market has an end");
            }
        }
        Ok(())
    }
}

impl Session {
    fn views(&self) -> impl Iterator<Item = (usize, &View)> {
        self.subscriptions.values().flat_map(|it| it.views.iter().map(|(symbol, view)| (*symbol, view)))
    }

    fn views_mut(&mut self) -> impl Iterator<Item = (usize, &mut View)> {
        self.subscriptions
            .values_mut()
            .flat_map(|it| it.views.iter_mut().map(|(symbol, view)| (*symbol, view)))
    }

    /// Puts these views at the end of the line: all that is owed already may come before them, and
    /// they before one another.
    fn owe(&mut self, which: impl Fn(usize, &View) -> bool) {
        let line = self.views().filter(|(symbol, view)| view.ahead.is_some() || which(*symbol, view)).count();
        for (symbol, view) in self.views_mut() {
            if which(symbol, view) {
                view.ahead = Some(line - 1);
            }
        }
    }

    /// A message arrives: is it what has to come?
    fn read(
        &mut self,
        message: &Message,
        every: &[Option<Newest>; SYMBOLS.len()],
    ) -> Result<(), TestCaseError> {
        let symbol = SYMBOLS.iter().position(|symbol| *symbol == message.symbol).unwrap();
        let newest = every[symbol].expect("only what was published is sent");
        let view = self.subscriptions.get_mut(&message.subscription).and_then(|it| it.views.get_mut(&symbol));
        let Some(view) = view else {
            return Err(TestCaseError::fail(format!("nobody subscribed to {message:?}")));
        };
        // Nothing waits with an old state: what is sent is the newest there is.
        prop_assert_eq!(message.ordinal, newest.ordinal, "{:?}", message);
        let (kind, conflated) = match (view.known, newest.status) {
            (None, _) => ("snapshot", 0),
            (Some(known), status) => {
                prop_assert!(known < newest.ordinal, "{:?} was known", message);
                let kind = if status == Status::Listed { "update" } else { "delisted" };
                // Every tick since is delivered or counted.
                (kind, newest.ordinal - known - 1)
            }
        };
        prop_assert!(view.known.is_some() || newest.status == Status::Listed, "a snapshot of nothing");
        prop_assert_eq!((message.kind.as_str(), message.conflated), (kind, conflated), "{:?}", message);
        prop_assert!(view.ahead.is_some(), "{:?} came twice", message);
        *view = View { known: Some(newest.ordinal), ahead: None };
        for (symbol, other) in self.views_mut() {
            // A snapshot whose symbol was delisted is passed over when its turn comes.
            let is_passed_over = !is_owed(*other, every[symbol]);
            if let Some(ahead) = &mut other.ahead {
                prop_assert!(*ahead > 0 || is_passed_over, "{:?} overtook {}", message, SYMBOLS[symbol]);
                *ahead = ahead.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// There is nothing left to say: everything has been said.
    fn check_fresh(&mut self, newest: &[Option<Newest>; SYMBOLS.len()]) -> Result<(), TestCaseError> {
        for (symbol, view) in self.views_mut() {
            prop_assert!(!is_owed(*view, newest[symbol]), "{} isn't fresh: {:?}", SYMBOLS[symbol], view);
            view.ahead = None;
        }
        Ok(())
    }
}

/// Whether there is something that the client doesn't know. A delisted symbol has no snapshot.
fn is_owed(view: View, newest: Option<Newest>) -> bool {
    newest.is_some_and(|newest| match view.known {
        None => newest.status == Status::Listed,
        Some(known) => known < newest.ordinal,
    })
}

/// Whether a subscription waits for one symbol that was never published.
fn waits(subscription: &Subscription) -> bool {
    !subscription.pattern.ends_with('*') && subscription.views.is_empty()
}

fn takes(pattern: &str, symbol: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == symbol, |prefix| symbol.starts_with(prefix))
}
