//! How long it takes from a broker's return until a client sees a fresh price:
//!
//! ```sh
//! cargo test --release --test kafka return_figures -- --ignored --nocapture
//! ```
//!
//! The broker is killed under load and started again. Time counts from the moment at which it answers a client that is
//! new, and beside it stands when the producer of the load had its first record acknowledged: nobody can be told of a
//! price before.

use std::time::{Duration, Instant};

use crate::{harness::eventually, node::Node, scene::Scene};

const ROUNDS: usize = 7;

#[test]
#[ignore = "it measures, for a minute or two: on a machine that does nothing else"]
fn return_figures() {
    let Some(node) = Node::own() else { return };
    let scene = Scene::set(&node, &node.plaintext(), "returning");
    let (mut fresh, mut acknowledged) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let known = scene.statuses();
        node.kill();
        scene.await_status("stale", known);
        scene.watcher.seen().first_message = None;
        let (first_acknowledged, first_seen) = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| scene.load.await_next());
            node.launch();
            let answered = node.await_answer();
            let first_acknowledged = waiting.join().unwrap();
            let first_message = eventually("a fresh price comes", || {
                scene.watcher.seen().first_message.ok_or_else(|| "none".to_owned())
            });
            let since = |moment: Instant| moment.saturating_duration_since(answered);
            println!(
                "round {round}: acknowledged after {:?}, seen after {:?}",
                since(first_acknowledged),
                since(first_message)
            );
            (since(first_acknowledged), since(first_message))
        });
        acknowledged.push(first_acknowledged);
        fresh.push(first_seen);
        scene.assert_converges();
    }
    println!("median: acknowledged after {:?}, seen after {:?}", median(acknowledged), median(fresh));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
