//! What most faults are tried on: a topic with a load, a server that reads it, and clients that stay.

use crate::{
    follower::Follower,
    load::{Load, Plan},
    node::Node,
    process::Footprint,
    reader::read,
    records::Client,
    server::Server,
};

/// So short that a test sees soon that the feed is stale; at the load's pace no moment without a fault is so long.
const STALE_FLOOR: [&str; 2] = ["--feed-stale-floor-s", "0.8"];

/// All that runs in a fault's test. The server ends first.
pub(crate) struct Scene {
    pub(crate) server: Server,
    /// Follows every price and the feed's status.
    pub(crate) watcher: Follower,
    /// Follows one symbol.
    pub(crate) trader: Follower,
    pub(crate) load: Load,
    /// Of the listener that no proxy stands before.
    pub(crate) client: Client,
    topic: &'static str,
}

impl Scene {
    /// Two partitions, forty symbols, and a server that reads at `kafka`, ready and followed.
    pub(crate) fn set(node: &Node, kafka: &str, topic: &'static str) -> Self {
        let client = Client::new(&node.plaintext(), &[]);
        client.create_topic(topic, 2);
        let plan = Plan { topic, partitions: 2, symbols: 40, ticks_per_s: 300, seed: 1 };
        let load = Load::start(&client, plan);
        load.await_more(100);
        let server = Server::ready(kafka, topic, &[], &STALE_FLOOR);
        let watcher = Follower::start(server.port(), &["/topic/price.stock.*", "/topic/feed.status"]);
        let trader = Follower::start(server.port(), &["/topic/price.stock.S007"]);
        let scene = Self { server, watcher, trader, load, client, topic };
        scene.assert_converges();
        scene
    }

    /// The load stops for a moment; everybody holds what the log says, and the sessions are those of the beginning.
    #[track_caller]
    pub(crate) fn assert_converges(&self) {
        self.load.pause();
        let expected = read(&self.client, self.topic);
        self.server.await_states(&expected);
        self.watcher.await_states(&expected);
        let own = expected.iter().filter(|(symbol, _)| *symbol == "S007");
        self.trader.await_states(&own.map(|(symbol, state)| (symbol.clone(), state.clone())).collect());
        assert_eq!(self.watcher.seen().sessions, 1, "the session stays");
        assert_eq!(self.trader.seen().sessions, 1, "the session stays");
        self.load.resume();
    }

    /// Waits until the feed's status is told once more.
    #[track_caller]
    pub(crate) fn await_status(&self, status: &str, known: usize) {
        self.watcher.await_status(status, known);
    }

    /// How many words on the feed's status there were.
    pub(crate) fn statuses(&self) -> usize {
        self.watcher.seen().statuses.len()
    }

    /// The server holds no more than it did before the fault.
    #[track_caller]
    pub(crate) fn assert_no_growth(&self, before: Footprint) {
        let after = self.server.footprint();
        // Buffers of librdkafka's and of the allocator; an outage that is kept somewhere would be without end.
        assert!(after.rss_kib < before.rss_kib + 16 * 1024, "{before:?} became {after:?}");
        assert!(after.threads <= before.threads, "{before:?} became {after:?}");
        // librdkafka's three clients, of the ticks and of the quarantine, have two connections each to a broker, the first
        // ones to its address as it was given; some come late, and one that breaks is tried anew before it's closed.
        assert!(after.files <= before.files + 9, "{before:?} became {after:?}");
    }
}
