//! The server is killed at random moments under load, fifty times and with the same checkpoint; whoever comes back to the
//! one after it is told what the log says.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use crate::{
    follower::Follower,
    harness::free_ports,
    load::{Load, Plan},
    node::Node,
    reader::read,
    records::Client,
    server::Server,
    states::States,
};

const KILLS: usize = 50;
const TOPIC: &str = "crashed";

#[test]
fn a_server_that_is_killed_fifty_times_loses_nothing() {
    let Some(node) = Node::shared() else { return };
    let seed = seed();
    println!("TICKCAST_TEST_SEED={seed} kills at the same moments again");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let client = Client::new(&node.plaintext(), &[]);
    client.create_topic(TOPIC, 3);
    let plan = Plan { topic: TOPIC, partitions: 3, symbols: 60, ticks_per_s: 1500, seed };
    let load = Load::start(&client, plan);
    let [port] = free_ports();
    let directory = TempDir::new().unwrap();
    let checkpoint = directory.path().join("checkpoint");
    let start = || {
        let more = ["--checkpoint", checkpoint.to_str().unwrap(), "--checkpoint-interval-s", "0.2"];
        Server::start_at(port, &node.plaintext(), TOPIC, &[], &more)
    };
    let everything = Follower::start(port, &["/topic/price.stock.*"]);
    let prefix = Follower::start(port, &["/topic/price.stock.S00*"]);
    let single = Follower::start(port, &["/topic/price.stock.S042"]);
    let of = |states: &States, start: &str| -> States {
        let of_it = states.iter().filter(|(symbol, _)| symbol.starts_with(start));
        of_it.map(|(symbol, state)| (symbol.clone(), state.clone())).collect()
    };

    let mut server = start();
    for _ in 0..KILLS {
        load.await_more(random.random_range(0..1000));
        server.kill();
        if random.random_range(0..4_u32) == 0 {
            // Once more in the middle of its start.
            server = start();
            load.await_more(random.random_range(0..300));
            server.kill();
        }
        server = start();
        server.await_ready();
        // Whenever it was killed, the file is a whole one.
        assert!(!server.log().contains("passed over"), "{}", server.log());
        load.pause();
        let expected = read(&client, TOPIC);
        server.await_states(&expected);
        everything.await_states(&expected);
        prefix.await_states(&of(&expected, "S00"));
        single.await_states(&of(&expected, "S042"));
        load.resume();
    }
    assert!(everything.seen().sessions > KILLS, "clients came back each time");
    assert!(server.log().contains("from=checkpoint"), "the last start took none:\n{}", server.log());
}

/// Another one in each run.
fn seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    std::env::var("TICKCAST_TEST_SEED").map_or(since.as_micros() as u64, |text| text.parse().unwrap())
}
