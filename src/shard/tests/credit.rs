//! Subscriptions whose messages the client acknowledges.

use super::world::{Client, World, subscribe};
use crate::{publication::tests::publication_of_new_day, stomp::Version};

fn header<'a>(frame: &'a str, name: &str) -> &'a str {
    let value = frame.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {name} in {frame:?}"))
}

/// What a client sends to acknowledge the message.
fn ack(version: Version, message: &str) -> String {
    match version {
        Version::V1_0 => format!("ACK\nmessage-id:{}\n\n", header(message, "message-id")),
        Version::V1_1 => {
            let (id, subscription) = (header(message, "message-id"), header(message, "subscription"));
            format!("ACK\nmessage-id:{id}\nsubscription:{subscription}\n\n")
        }
        Version::V1_2 => format!("ACK\nid:{}\n\n", header(message, "ack")),
    }
}

/// A world with three symbols, no two at the same place of the log, and a client of all three.
fn begin(version: Version, headers: &str) -> (World, Client) {
    let mut world = World::new();
    world.publish(&[(0, "A", 1), (1, "B", 11), (2, "C", 21)]);
    let client = world.connect_as(version);
    world.send(&client, &subscribe(1, "*", headers));
    (world, client)
}

const INDIVIDUAL: &str = "ack:client-individual\nprefetch-count:2\n";
const CUMULATIVE: &str = "ack:client\nprefetch-count:2\n";

#[test]
fn no_more_messages_stand_unacknowledged_than_were_asked_for_and_the_rest_conflates() {
    for version in Version::ALL {
        let (mut world, client) = begin(version, INDIVIDUAL);
        let said = world.read_in_full(&client);
        assert_eq!(said.len(), 2, "{version}");
        world.publish(&[(0, "A", 2), (0, "A", 3), (2, "C", 24)]);
        assert_eq!(world.read(&client), [""; 0], "{version}");
        assert!(!world.shard.entry(client.key).unwrap().session.has_output());
        world.send(&client, &ack(version, &said[1]));
        assert_eq!(world.read(&client), ["1 C snapshot 24 0"], "{version}");
        world.send(&client, &ack(version, &said[0]));
        assert_eq!(world.read(&client), ["1 A update 3 1"], "{version}");
        world.publish(&[(0, "A", 7)]);
        assert_eq!(world.read(&client), [""; 0], "{version}");
    }
}

#[test]
fn a_new_day_is_acknowledged_by_a_name_of_its_own() {
    for version in Version::ALL {
        let (mut world, client) = begin(version, "ack:client\nprefetch-count:4\n");
        let mut said = world.read_in_full(&client);
        assert_eq!(said.len(), 3, "{version}");
        world.shard.publish([publication_of_new_day(0, "A", 1)]);
        said.extend(world.read_in_full(&client));
        assert_eq!(header(&said[3], "message-id"), "0-101-1", "{version}");
        world.send(&client, &ack(version, &said[3]));
        world.publish(&[(0, "A", 2), (1, "B", 12), (2, "C", 22)]);
        assert_eq!(world.read(&client).len(), 3, "{version}: all four are acknowledged");
    }
}

#[test]
fn an_acknowledgement_wakes_the_writer() {
    let (mut world, client) = begin(Version::V1_2, INDIVIDUAL);
    let said = world.read_in_full(&client);
    let before = client.writer.count();
    world.send(&client, &ack(Version::V1_2, &said[0]));
    assert_eq!(client.writer.count(), before + 1);
}

#[test]
fn in_client_mode_a_message_stands_for_those_before_it() {
    for version in Version::ALL {
        let (mut world, client) = begin(version, CUMULATIVE);
        let said = world.read_in_full(&client);
        world.publish(&[(0, "A", 2), (1, "B", 12)]);
        world.send(&client, &ack(version, &said[1]));
        assert_eq!(world.read(&client), ["1 C snapshot 21 0", "1 A update 2 0"], "{version}");
        world.send(&client, &ack(version, &said[0]));
        assert_eq!(world.read(&client), ["ERROR nothing to acknowledge", "CLOSE 1002 protocol error"]);
    }
}

#[test]
fn nack_is_as_good_as_ack_and_nothing_is_sent_again() {
    for version in [Version::V1_1, Version::V1_2] {
        let (mut world, client) = begin(version, INDIVIDUAL);
        let said = world.read_in_full(&client);
        world.send(&client, &format!("N{}", ack(version, &said[0])));
        assert_eq!(world.read(&client), ["1 C snapshot 21 0"], "{version}");
    }
}

#[test]
fn what_was_acknowledged_or_is_in_auto_mode_cannot_be_acknowledged() {
    for version in Version::ALL {
        let (mut world, client) = begin(version, INDIVIDUAL);
        let said = world.read_in_full(&client);
        let twice = ack(version, &said[0]);
        world.send(&client, &twice);
        world.read(&client);
        world.send(&client, &twice.replace("\n\n", "\nreceipt:r\n\n"));
        let said = world.read_in_full(&client);
        assert!(said[0].starts_with("ERROR\nmessage:nothing to acknowledge\nreceipt-id:r\n"), "{said:?}");
    }
    let (mut world, client) = begin(Version::V1_1, "");
    let said = world.read_in_full(&client);
    world.send(&client, &ack(Version::V1_1, &said[0]));
    assert_eq!(world.read(&client), ["ERROR nothing to acknowledge", "CLOSE 1002 protocol error"]);
}

#[test]
fn only_messages_of_1_2_that_want_it_carry_an_ack() {
    for (version, headers, expected) in [
        (Version::V1_2, INDIVIDUAL, true),
        (Version::V1_2, "", false),
        (Version::V1_1, INDIVIDUAL, false),
        (Version::V1_0, CUMULATIVE, false),
    ] {
        let (mut world, client) = begin(version, headers);
        let said = world.read_in_full(&client);
        assert_eq!(said[0].contains("\nack:"), expected, "{version} {headers:?} {said:?}");
    }
}

#[test]
fn an_ack_after_the_unsubscribe_is_passed_over() {
    for version in Version::ALL {
        let (mut world, client) = begin(version, INDIVIDUAL);
        let said = world.read_in_full(&client);
        world.send(&client, "UNSUBSCRIBE\nid:1\n\n");
        // Another subscription has its place now.
        world.send(&client, &subscribe(2, "*", INDIVIDUAL));
        assert_eq!(world.read(&client).len(), 2, "{version}");
        // The third symbol isn't among them.
        world.publish(&[(0, "A", 2), (1, "B", 12), (2, "C", 22)]);
        let late = ack(version, &said[0]).replace("\n\n", "\nreceipt:r\n\n");
        let late = late.replace("message-id:0-101", "message-id:0-999");
        world.send(&client, &late);
        assert_eq!(world.read(&client), ["RECEIPT r"], "{version}: and makes no room for the new one");
        world.send(&client, &late.replace("receipt:", "transaction:none\nreceipt:"));
        assert_eq!(world.read(&client), ["ERROR unknown transaction", "CLOSE 1002 protocol error"]);
        world.check_routes();
    }
}

#[test]
fn an_ack_after_the_id_was_used_again_is_passed_over() {
    for version in Version::ALL {
        let (mut world, client) = begin(version, INDIVIDUAL);
        let said = world.read_in_full(&client);
        world.publish(&[(0, "A", 2), (1, "B", 12), (2, "C", 22)]);
        world.send(&client, "UNSUBSCRIBE\nid:1\n\n");
        world.send(&client, &subscribe(1, "*", INDIVIDUAL));
        assert_eq!(world.read(&client).len(), 2, "{version}");
        world.send(&client, &ack(version, &said[0]).replace("\n\n", "\nreceipt:r\n\n"));
        assert_eq!(world.read(&client), ["RECEIPT r"], "{version}");
    }
}

#[test]
fn whoever_gets_a_message_twice_acknowledges_it_twice_in_any_order() {
    for version in Version::ALL {
        let (mut world, client) = begin(version, CUMULATIVE);
        world.send(&client, &subscribe(2, "*", INDIVIDUAL));
        let said = world.read_in_full(&client);
        assert_eq!(said.len(), 4, "{version}");
        for at in [3, 0, 1, 2] {
            world.send(&client, &ack(version, &said[at]));
        }
        let mut said = world.read(&client);
        said.sort_unstable();
        assert_eq!(said, ["1 C snapshot 21 0", "2 C snapshot 21 0"], "{version}");
    }
}

#[test]
fn an_acknowledgement_in_a_transaction_counts_at_its_commit() {
    let (mut world, client) = begin(Version::V1_2, INDIVIDUAL);
    let said = world.read_in_full(&client);
    let in_transaction = ack(Version::V1_2, &said[0]).replace("\n\n", "\ntransaction:t\n\n");
    world.send(&client, "BEGIN\ntransaction:t\n\n");
    world.send(&client, &in_transaction);
    world.send(&client, "ABORT\ntransaction:t\n\n");
    assert_eq!(world.read(&client), [""; 0]);
    world.send(&client, "BEGIN\ntransaction:t\n\n");
    world.send(&client, &in_transaction);
    world.send(&client, &in_transaction);
    assert_eq!(world.read(&client), [""; 0]);
    world.send(&client, "COMMIT\ntransaction:t\nreceipt:r\n\n");
    assert_eq!(world.read(&client), ["RECEIPT r", "1 C snapshot 21 0"]);
    world.send(&client, &in_transaction);
    assert_eq!(world.read(&client), ["ERROR nothing to acknowledge", "CLOSE 1002 protocol error"]);
}

#[test]
fn acknowledgements_that_wait_in_transactions_are_bounded() {
    let (mut world, client) = begin(Version::V1_2, INDIVIDUAL);
    let said = world.read_in_full(&client);
    let in_transaction = ack(Version::V1_2, &said[0]).replace("\n\n", "\ntransaction:t\n\n");
    world.send(&client, "BEGIN\ntransaction:t\n\n");
    for _ in 0..1024 {
        world.send(&client, &in_transaction);
    }
    assert_eq!(world.read(&client), [""; 0]);
    world.send(&client, &in_transaction);
    assert_eq!(world.read(&client), ["ERROR transaction refused", "CLOSE 1002 protocol error"]);
}

#[test]
fn without_a_prefetch_count_there_is_one_that_every_subscription_can_have() {
    let mut world = World::new();
    let client = world.connect();
    for id in 0..1024 {
        world.send(&client, &subscribe(id, "A", "ack:client\n"));
    }
    assert_eq!(world.read(&client), [""; 0]);
    world.send(&client, "UNSUBSCRIBE\nid:7\n\n");
    world.send(&client, &subscribe(7, "A", "ack:client\nreceipt:r\nprefetch-count:16\n"));
    let receipt = "RECEIPT\nreceipt-id:r\neffective-mode:latest\neffective-max-rate:unlimited\n\
                   effective-prefetch-count:16\n\n\0";
    assert_eq!(world.read_in_full(&client), [receipt]);
    world.send(&client, "UNSUBSCRIBE\nid:7\n\n");
    world.send(&client, &subscribe(7, "A", "ack:client\nprefetch-count:17\n"));
    assert_eq!(world.read(&client), ["ERROR too many subscriptions", "CLOSE 4005 too many subscriptions"]);
}

#[test]
fn acknowledging_is_free_and_asking_for_it_twice_is_not() {
    let mut world = World::with(crate::session::Settings::default());
    world.publish(&[(0, "A", 1)]);
    let client = world.connect();
    world.send(&client, &subscribe(1, "A", "ack:client\nprefetch-count:1\n"));
    for ordinal in 2..1000 {
        let said = world.read_in_full(&client);
        assert_eq!(said.len(), 1, "at {ordinal}");
        world.publish(&[(0, "A", ordinal)]);
        world.send(&client, &ack(Version::V1_2, &said[0]));
    }
    assert!(world.accepts_input(&client));
}
