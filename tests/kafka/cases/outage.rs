//! A broker that is gone, that hangs, that is slow or mute: sessions stay and are told that the feed is stale, nothing
//! grows, and when it's over everybody holds what the log says.

use std::time::{Duration, Instant};

use crate::{harness::pause, node::Node, proxy::Proxy, scene::Scene};

/// Longer than the feed may be silent, and long enough for a leak to be seen.
const OUTAGE: Duration = Duration::from_secs(3);

#[test]
fn a_broker_that_is_killed_under_load_comes_back() {
    let Some(node) = Node::own() else { return };
    let scene = Scene::set(&node, &node.plaintext(), "killed");
    let (before, known) = (scene.server.footprint(), scene.statuses());

    node.kill();

    scene.await_status("stale", known);
    pause(OUTAGE);
    scene.assert_no_growth(before);
    assert_eq!(scene.server.get("/readyz").unwrap().0, 200, "what is known is still served");
    let known = scene.statuses();
    node.start();
    scene.await_status("recovered", known);
    scene.load.await_more(200);
    scene.assert_converges();
    scene.assert_no_growth(before);
}

#[test]
fn a_broker_that_hangs_is_waited_for_and_ends_no_shutdown() {
    let Some(node) = Node::own() else { return };
    let scene = Scene::set(&node, &node.plaintext(), "hanging");
    let (before, known) = (scene.server.footprint(), scene.statuses());

    node.pause();

    scene.await_status("stale", known);
    pause(OUTAGE);
    scene.assert_no_growth(before);
    let known = scene.statuses();
    node.resume();
    scene.await_status("recovered", known);
    scene.assert_converges();
    scene.assert_no_growth(before);

    let known = scene.statuses();
    node.pause();
    scene.await_status("stale", known);
    let begun = Instant::now();
    scene.server.terminate();
    let (status, lines) = scene.server.await_end();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    // Sessions end at once; then the consumer may take two seconds.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}: {lines:?}", begun.elapsed());
}

#[test]
fn a_slow_way_to_the_broker_makes_prices_late_and_a_mute_one_stale() {
    let proxy = Proxy::start();
    let Some(node) = Node::behind(proxy.port()) else { return };
    proxy.lead_to(node.behind_proxy());
    let scene = Scene::set(&node, &proxy.address(), "slow");
    let before = scene.server.footprint();

    // Some 35 KB a second come; twice as much passes, after 150 ms each way.
    proxy.slow_down(150, 80_000);
    scene.load.await_more(600);
    scene.assert_converges();
    scene.assert_no_growth(before);

    let known = scene.statuses();
    proxy.mute(true);
    scene.await_status("stale", known);
    pause(OUTAGE);
    scene.assert_no_growth(before);
    let known = scene.statuses();
    proxy.mute(false);
    proxy.slow_down(0, 0);
    scene.await_status("recovered", known);
    scene.load.await_more(200);
    scene.assert_converges();
    scene.assert_no_growth(before);
}
