//! Shards with their sessions, on invented time.

mod allocations;
mod credit;
mod options;
mod world;

use self::world::{World, subscribe};
use super::{Output, SessionKey};
use crate::session::{CloseReason, Inbound, Settings, SubscriptionCounts};

#[test]
fn the_snapshot_comes_first_and_updates_follow() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.subscriber(&["A"]);
    assert_eq!(world.read(&client), ["1 A snapshot 1 0"]);
    world.publish(&[(0, "A", 2)]);
    assert_eq!(world.read(&client), ["1 A update 2 0"]);
    assert_eq!(world.read(&client), [""; 0]);
}

#[test]
fn ticks_that_nobody_could_take_are_counted_as_conflated() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.subscriber(&["A"]);
    // Whatever came before the snapshot was sent isn't missed by anybody.
    world.publish(&[(0, "A", 2), (0, "A", 3)]);
    assert_eq!(world.read(&client), ["1 A snapshot 3 0"]);
    // Both what was conflated here and what ingestion had folded already.
    world.publish(&[(0, "A", 6), (0, "A", 10)]);
    let (_, _, transmitted) = world.take(&client);
    assert_eq!((transmitted.messages, transmitted.conflated), (1, 6));
    world.publish(&[(0, "A", 12)]);
    assert_eq!(world.read(&client), ["1 A update 12 1"]);
}

#[test]
fn without_a_snapshot_only_what_comes_later_is_sent() {
    let mut world = World::new();
    world.publish(&[(0, "A", 5)]);
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "snapshot:false\n"));
    world.send(&client, &subscribe(2, "*", "snapshot:false\n"));
    assert_eq!(world.read(&client), [""; 0]);
    world.publish(&[(0, "A", 8), (1, "B", 1)]);
    assert_eq!(world.read(&client), ["1 A update 8 2", "2 A update 8 2", "2 B update 1 0"]);
}

#[test]
fn a_delisted_symbol_says_so_once_and_has_no_snapshot() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let before = world.subscriber(&["A"]);
    world.read(&before);
    world.delist(0, "A", 2);
    assert_eq!(world.read(&before), ["1 A delisted 2 0"]);
    let after = world.connect();
    world.send(&after, &subscribe(1, "A", "receipt:r\n"));
    assert_eq!(world.read(&after), ["RECEIPT r"]);
    world.publish(&[(0, "A", 4)]);
    for client in [before, after] {
        assert_eq!(world.read(&client), ["1 A update 4 1"]);
    }
}

#[test]
fn a_snapshot_that_was_owed_when_its_symbol_was_delisted_waits_for_the_relisting() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.subscriber(&["A"]);
    world.delist(0, "A", 2);
    assert_eq!(world.read(&client), [""; 0]);
    world.publish(&[(0, "A", 3)]);
    assert_eq!(world.read(&client), ["1 A snapshot 3 0"]);
}

#[test]
fn a_prefix_takes_its_symbols_and_looks_at_no_others() {
    let mut world = World::with(Settings::default());
    let symbols: Vec<String> = (0..60_000).map(|number| format!("S{number}")).collect();
    let ticks: Vec<_> = (0..).zip(&symbols).map(|(id, symbol)| (id, symbol.as_str(), 1)).collect();
    world.publish(&ticks);
    let client = world.subscriber(&["S5999*", "T*"]);
    let mut said = world.read(&client);
    said.sort();
    let expected = (0..10).map(|digit| format!("1 S5999{digit} snapshot 1 0"));
    assert_eq!(said, ["1 S5999 snapshot 1 0".to_owned()].into_iter().chain(expected).collect::<Vec<_>>());
    for _ in 0..90 {
        world.send(&client, "UNSUBSCRIBE\nid:2\n\n");
        world.subscribe(&client, 2, "T*");
    }
    assert!(world.accepts_input(&client), "what takes nothing costs a frame");
    world.publish(&[(60_000, "T1", 1), (60_001, "S59991000", 1)]);
    assert_eq!(world.read(&client), ["2 T1 update 1 0", "1 S59991000 update 1 0"]);
    world.check_routes();
}

#[test]
fn a_receipt_comes_before_the_snapshot_and_tells_its_seq() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "receipt:r\n"));
    let said = world.read_in_full(&client);
    let receipt =
        "RECEIPT\nreceipt-id:r\neffective-mode:latest\neffective-max-rate:unlimited\nseq:101\nepoch:e\n\n\0";
    assert_eq!(said[0], receipt);
    assert!(said[1].starts_with("MESSAGE\nsubscription:1\ntype:snapshot\n"), "{said:?}");
    // Of many symbols there is no one seq.
    world.send(&client, &subscribe(2, "*", "receipt:r\n"));
    let said = world.read_in_full(&client);
    assert_eq!(said[0], "RECEIPT\nreceipt-id:r\neffective-mode:latest\neffective-max-rate:unlimited\n\n\0");
}

#[test]
fn answers_come_before_prices() {
    let mut world = World::new();
    let client = world.subscriber(&["A"]);
    world.read(&client);
    world.publish(&[(0, "A", 1)]);
    world.send(&client, "UNSUBSCRIBE\nid:9\nreceipt:r\n\n");
    assert_eq!(world.read(&client), ["RECEIPT r", "1 A update 1 0"]);
}

#[test]
fn an_error_is_the_last_word() {
    let mut world = World::new();
    let client = world.subscriber(&["A"]);
    world.publish(&[(0, "A", 1)]);
    world.send(&client, "NACK\nid:1\n\n");
    world.publish(&[(0, "A", 2)]);
    assert_eq!(world.read(&client), ["ERROR nothing to acknowledge", "CLOSE 1002 protocol error"]);
    let woken = client.writer.count();
    world.publish(&[(0, "A", 3)]);
    assert_eq!(client.writer.count(), woken, "an ended session isn't woken for prices");
}

#[test]
fn wildcards_take_what_they_say_and_what_appears_later() {
    let mut world = World::new();
    world.publish(&[(0, "AB", 1), (1, "B", 1)]);
    let client = world.subscriber(&["*", "AB*", "#"]);
    assert_eq!(
        world.read(&client),
        [
            "1 AB snapshot 1 0",
            "1 B snapshot 1 0",
            "2 AB snapshot 1 0",
            "3 AB snapshot 1 0",
            "3 B snapshot 1 0"
        ]
    );
    // Its first tick is news, not a snapshot, and the ticks before are counted.
    world.publish(&[(2, "ABC", 3)]);
    assert_eq!(world.read(&client), ["1 ABC update 3 2", "2 ABC update 3 2", "3 ABC update 3 2"]);
    assert_eq!(
        world.shard.subscriptions(),
        SubscriptionCounts { wildcards: 3, ..SubscriptionCounts::default() }
    );
    world.send(&client, "UNSUBSCRIBE\nid:1\n\n");
    world.publish(&[(3, "C", 1), (2, "ABC", 4)]);
    let mut said = world.read(&client);
    said.sort();
    assert_eq!(said, ["2 ABC update 4 0", "3 ABC update 4 0", "3 C update 1 0"]);
    world.check_routes();
}

#[test]
fn a_symbol_that_is_not_known_yet_can_be_waited_for() {
    let mut world = World::new();
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "receipt:r\n"));
    assert_eq!(world.read(&client), ["RECEIPT r"]);
    assert_eq!(world.shard.cache().len(), 1);
    world.send(&client, "UNSUBSCRIBE\nid:1\n\n");
    assert_eq!(world.shard.cache().len(), 0, "a name nobody waits for isn't kept");
    world.subscribe(&client, 1, "A");
    world.publish(&[(0, "A", 1)]);
    assert_eq!(world.read(&client), ["1 A update 1 0"]);
}

#[test]
fn overlapping_subscriptions_are_served_each() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1)]);
    let client = world.subscriber(&["A", "A", "*"]);
    assert_eq!(world.read(&client), ["1 A snapshot 1 0", "2 A snapshot 1 0", "3 A snapshot 1 0"]);
    world.publish(&[(0, "A", 2)]);
    world.send(&client, "UNSUBSCRIBE\nid:2\n\n");
    assert_eq!(world.read(&client), ["1 A update 2 0", "3 A update 2 0"]);
}

#[test]
fn an_id_can_be_used_again_at_any_moment() {
    let mut world = World::new();
    world.publish(&[(0, "A", 1), (1, "B", 1)]);
    let client = world.subscriber(&["A"]);
    // Before the snapshot was sent, and then once more.
    for _ in 0..2 {
        world.send(&client, &format!("UNSUBSCRIBE\nid:1\n\n\0{}", subscribe(1, "B", "")));
        assert_eq!(world.read(&client), ["1 B snapshot 1 0"]);
    }
    world.publish(&[(0, "A", 2), (1, "B", 2)]);
    world.send(&client, &format!("UNSUBSCRIBE\nid:1\n\n\0{}", subscribe(1, "A", "")));
    assert_eq!(world.read(&client), ["1 A snapshot 2 0"]);
    world.check_routes();
}

#[test]
fn the_key_of_an_ended_session_does_nothing() {
    let mut world = World::new();
    let first = world.subscriber(&["A"]);
    assert_eq!(world.shard.forget(first.key, world.now), Some(("s-0".into(), CloseReason::ConnectionLost)));
    let second = world.subscriber(&["A"]);
    assert_eq!(second.key.place, first.key.place, "the place is used again");
    assert_eq!(world.shard.forget(first.key, world.now), None);
    world.send(&first, "NACK\nid:1\n\n");
    assert_eq!(world.take(&first).0, Output::Finished);
    assert_eq!(world.shard.message_bytes_max(first.key), None);
    assert!(world.accepts_input(&first));
    let beyond = SessionKey { place: 7, generation: 1 };
    assert_eq!(world.shard.forget(beyond, world.now), None);
    world.publish(&[(0, "A", 1)]);
    assert_eq!(world.read(&second), ["1 A update 1 0"]);
    assert_eq!(world.shard.sessions(), 1);
}

#[test]
fn routes_stay_right_whoever_of_many_leaves() {
    for leaving in 0..4 {
        let mut world = World::new();
        let clients: Vec<_> = (0..4).map(|_| world.subscriber(&["A", "*", "B"])).collect();
        world.publish(&[(0, "A", 1), (1, "B", 1)]);
        world.shard.forget(clients[leaving].key, world.now);
        world.check_routes();
        world.send(&clients[(leaving + 1) % 4], "UNSUBSCRIBE\nid:2\n\n");
        world.check_routes();
        world.publish(&[(0, "A", 2), (1, "B", 2)]);
        for (at, client) in clients.iter().enumerate() {
            let expected = match (at + 4 - leaving) % 4 {
                0 => 0,
                1 => 2,
                _ => 4,
            };
            assert_eq!(world.read(client).len(), expected, "client {at} after {leaving} left");
        }
    }
}

#[test]
fn a_parked_writer_is_woken_by_whatever_gives_it_something_to_do() {
    type Event = fn(&mut World, SessionKey);
    let events: [(&str, Event); 6] = [
        ("a tick", |world, _| world.publish(&[(0, "A", 1)])),
        ("a question", |world, key| {
            world.shard.receive(key, world.now, Inbound::Data(b"UNSUBSCRIBE\nid:9\nreceipt:r\n\n\0"));
        }),
        ("a PING", |world, key| world.shard.receive(key, world.now, Inbound::Ping(bytes::Bytes::new()))),
        ("the end", |world, key| world.shard.receive(key, world.now, Inbound::Lost)),
        ("time", |world, _| assert!(world.pass(25).is_empty())),
        ("the shutdown", |world, _| world.shard.close_all(world.now, CloseReason::Shutdown)),
    ];
    for (name, event) in events {
        let mut world = World::new();
        let client = world.subscriber(&["A"]);
        assert_eq!(world.take(&client).0, Output::Pending);
        event(&mut world, client.key);
        assert_eq!(client.writer.count(), 1, "{name}");
        assert_ne!(world.take(&client).0, Output::Pending, "{name}");
    }
}

#[test]
fn a_writer_is_not_woken_for_nothing() {
    let mut world = World::new();
    let client = world.subscriber(&["A"]);
    assert_eq!(world.take(&client).0, Output::Pending);
    world.publish(&[(1, "B", 1)]);
    world.send(&client, "\n\n");
    assert!(world.pass(5).is_empty());
    assert_eq!(client.writer.count(), 0);
}

#[test]
fn whoever_does_not_read_answers_is_not_read_from_until_they_do() {
    let mut world = World::new();
    let client = world.connect();
    let text: String = (0..300).map(|number| format!("UNSUBSCRIBE\nid:1\nreceipt:{number}\n\n\0")).collect();
    world.send(&client, &text);
    assert!(!world.accepts_input(&client));
    assert_eq!(client.reader.count(), 0);
    let said = world.read(&client);
    assert_eq!(client.reader.count(), 1);
    assert_eq!(said.len(), 300, "what had been read is answered too");
    assert!(world.accepts_input(&client));
}

#[test]
fn a_wildcard_costs_what_it_takes_and_the_reader_is_woken_when_that_is_paid() {
    let mut world = World::with(Settings::default());
    let symbols: Vec<String> = (0..1024).map(|number| format!("S{number}")).collect();
    let ticks: Vec<_> = (0..).zip(&symbols).map(|(id, symbol)| (id, symbol.as_str(), 1)).collect();
    world.publish(&ticks);
    let client = world.connect();
    // Each pair takes two tokens for its frames and eight for its routes.
    let pair = "SUBSCRIBE\nid:1\ndestination:/topic/price.stock.*\n\n\0UNSUBSCRIBE\nid:1\nreceipt:r\n\n\0";
    world.send(&client, &pair.repeat(40));
    assert!(!world.accepts_input(&client));
    let answered = |frames: &[String]| frames.iter().filter(|frame| frame.starts_with("RECEIPT")).count();
    assert_eq!(answered(&world.read(&client)), 20);
    assert!(world.pass(10).is_empty());
    assert_eq!(client.reader.count(), 1);
    assert_eq!(answered(&world.read(&client)), 20);
    assert!(world.pass(1).is_empty());
    assert!(world.accepts_input(&client));
}

#[test]
fn a_reader_that_waits_is_woken_when_its_session_is_forgotten() {
    let mut world = World::new();
    let client = world.connect();
    let text: String = (0..300).map(|number| format!("UNSUBSCRIBE\nid:1\nreceipt:{number}\n\n\0")).collect();
    world.send(&client, &text);
    assert!(!world.accepts_input(&client));
    world.shard.forget(client.key, world.now);
    assert_eq!(client.reader.count(), 1);
    assert!(world.accepts_input(&client));
}

#[test]
fn only_stuck_connections_are_aborted() {
    let mut world = World::new();
    let [stuck, gone, reading] = [(); 3].map(|()| world.subscriber(&["A"]));
    world.publish(&[(0, "A", 1)]);
    world.take(&stuck);
    world.take(&gone);
    world.read(&reading);
    world.shard.receive(gone.key, world.now, Inbound::Lost);
    assert!(world.pass(9).is_empty());
    let blocked = |world: &World, seconds| {
        world.shard.blocked_sessions(world.now, std::time::Duration::from_secs(seconds))
    };
    assert_eq!([blocked(&world, 9), blocked(&world, 10)], [2, 0]);
    // Whoever can be told is told: this one's socket takes what there is.
    world.send(&reading, "NACK\nid:1\n\n");
    world.read(&reading);
    assert_eq!(world.pass(1), [0, 1]);
    assert!(world.pass(1).is_empty());
    assert_eq!(world.take(&reading).0, Output::Finished);
    for (client, reason) in
        [(stuck, CloseReason::Slow), (gone, CloseReason::ConnectionLost), (reading, CloseReason::Protocol)]
    {
        assert_eq!(world.shard.forget(client.key, world.now).unwrap().1, reason);
    }
}

#[test]
fn a_large_snapshot_goes_out_in_chunks_and_the_rest_stays_fresh() {
    let mut world = World::new();
    world.padding_bytes = 6000;
    let symbols: Vec<_> = (0..5).map(|number| format!("S{number}")).collect();
    let ticks = |ordinal| -> Vec<_> {
        (0..).zip(&symbols).map(|(id, symbol)| (id, symbol.as_str(), ordinal)).collect()
    };
    world.publish(&ticks(1));
    let client = world.subscriber(&["*"]);
    let (output, said, transmitted) = world.take(&client);
    assert_eq!((output, said.len(), transmitted.messages), (Output::Ready, 3, 3));
    world.publish(&ticks(2));
    assert_eq!(
        world.read(&client),
        ["1 S3 snapshot 2 0", "1 S4 snapshot 2 0", "1 S0 update 2 0", "1 S1 update 2 0", "1 S2 update 2 0"]
    );
}
