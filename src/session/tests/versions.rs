//! Where the versions differ.

use super::{super::Request, talk::Talk};
use crate::{destination::Symbols, market::Symbol, stomp::Version};

#[test]
fn connected_tells_the_version_and_1_0_has_no_heart_beats() {
    for version in Version::ALL {
        let mut talk = Talk::begin();
        talk.send(&format!("CONNECT\naccept-version:{version}\nheart-beat:1000,1000\n\n"));
        let said = talk.said_in_full();
        assert!(said[0].starts_with(&format!("CONNECTED\nversion:{version}\n")), "{said:?}");
        assert_eq!(said[0].contains("heart-beat:"), version > Version::V1_0, "{said:?}");
        let beats = talk.pass(24);
        assert_eq!(beats.is_empty(), version == Version::V1_0, "{version}: {beats:?}");
    }
}

#[test]
fn a_client_of_1_0_need_not_say_so_and_what_it_means_by_heart_beat_is_not_looked_at() {
    let mut talk = Talk::begin();
    talk.send("CONNECT\nlogin: a\nheart-beat:what\n\n");
    assert!(talk.said_in_full()[0].starts_with("CONNECTED\nversion:1.0\nsession:s-1\n"));
}

#[test]
fn receipts_are_escaped_as_the_version_does() {
    for (version, receipt) in
        [(Version::V1_0, r"a\cb:c\t"), (Version::V1_1, r"a\cb\n"), (Version::V1_2, r"a\cb\r")]
    {
        let mut talk = Talk::connected_as(version);
        talk.send(&format!("UNSUBSCRIBE\nid:1\nreceipt:{receipt}\n\n"));
        assert_eq!(talk.said_in_full(), [format!("RECEIPT\nreceipt-id:{receipt}\n\n\0")], "{version}");
    }
    let mut talk = Talk::connected_as(Version::V1_1);
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:a\\r\n\n");
    assert_eq!(talk.said(), ["ERROR malformed frame", "CLOSE 1002 protocol error"]);
}

#[test]
fn an_error_before_connect_has_no_escapes() {
    let mut talk = Talk::begin();
    talk.send("SUBSCRIBE\nreceipt:a\\cb\n\n");
    let said = talk.said_in_full();
    assert!(said[0].starts_with("ERROR\nmessage:not connected\nreceipt-id:a:b\n"), "{said:?}");
}

#[test]
fn in_1_0_a_subscription_may_go_by_its_destination() {
    let subscribe = "SUBSCRIBE\ndestination: /topic/price.stock.A \n\n";
    let mut talk = Talk::connected_as(Version::V1_0);
    let [Request::Subscribe { subscription, wanted, .. }] = &talk.send(subscribe)[..] else { panic!() };
    assert_eq!(wanted.symbols, Some(Symbols::One(Symbol::parse("A").unwrap())));
    assert_eq!(talk.send("UNSUBSCRIBE\nid:/topic/price.stock.A\n\n"), [], "a destination is no id");
    let gone = talk.send("UNSUBSCRIBE\ndestination:/topic/price.stock.A\n\n");
    assert_eq!(
        gone,
        [Request::Unsubscribe { subscription: *subscription, is_wildcard: false, is_every: false }]
    );
    // With an id it goes by that.
    let subscribe_with_id = "SUBSCRIBE\nid:1\ndestination:/topic/price.stock.A\n\n";
    assert_eq!(talk.send(subscribe).len() + talk.send(subscribe_with_id).len(), 2);
    assert_eq!(talk.send("UNSUBSCRIBE\nid:1\n\n").len(), 1);
    talk.send(subscribe);
    assert_eq!(talk.said(), ["ERROR duplicate subscription id", "CLOSE 1002 protocol error"]);
    for version in [Version::V1_1, Version::V1_2] {
        let mut talk = Talk::connected_as(version);
        talk.send("SUBSCRIBE\ndestination:/topic/price.stock.A\n\n");
        assert_eq!(talk.said(), ["ERROR missing header", "CLOSE 1002 protocol error"]);
    }
}

#[test]
fn in_1_0_either_name_of_a_subscription_ends_it() {
    let subscribe = |id: &str| format!("SUBSCRIBE\n{id}destination:/topic/price.stock.A\n\n");
    for (id, unsubscribe) in [
        ("id:s\n", "id:s\n"),
        ("id:s\n", "destination:/topic/price.stock.A\n"),
        ("id:s\n", "id:x\ndestination:/topic/price.stock.A\n"),
        ("", "id:x\ndestination:/topic/price.stock.A\n"),
    ] {
        let mut talk = Talk::connected_as(Version::V1_0);
        talk.send(&subscribe(id));
        let gone = talk.send(&format!("UNSUBSCRIBE\n{unsubscribe}\n"));
        assert_eq!(gone.len(), 1, "{id:?} {unsubscribe:?}");
    }
    let mut talk = Talk::connected_as(Version::V1_2);
    talk.send(&subscribe("id:s\n"));
    assert_eq!(talk.send("UNSUBSCRIBE\nid:x\ndestination:/topic/price.stock.A\n\n"), []);
}

#[test]
fn a_connect_of_1_0_may_be_padded() {
    let mut talk = Talk::begin();
    talk.send("CONNECT\ncontent-length: 0\nlogin: a\n\n");
    assert_eq!(talk.said(), ["CONNECTED"]);
}

#[test]
fn there_is_no_nack_in_1_0() {
    let mut talk = Talk::connected_as(Version::V1_0);
    talk.send("NACK\nmessage-id:0-1\n\n");
    assert_eq!(talk.said(), ["ERROR unknown command", "CLOSE 1002 protocol error"]);
}

#[test]
fn each_version_names_what_it_acknowledges_in_its_own_way() {
    for (version, headers, missing) in [
        (Version::V1_0, "id:1\n", "message-id"),
        (Version::V1_1, "message-id:0-1\n", "subscription"),
        (Version::V1_1, "subscription:1\n", "message-id"),
        (Version::V1_2, "message-id:0-1\nsubscription:1\n", "id"),
    ] {
        let mut talk = Talk::connected_as(version);
        talk.send(&format!("ACK\n{headers}\n"));
        let said = talk.said_in_full();
        let detail = format!("the header {missing} must be there");
        assert!(said[0].contains(&detail), "{version}: {said:?}");
    }
}
