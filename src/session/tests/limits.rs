//! What one client may ask for, and how fast.

use std::time::Duration;

use bytes::Bytes;

use super::{
    super::{CloseReason, FrameRate, Inbound, Settings, SubscriptionCounts},
    talk::Talk,
};

/// A budget that nobody spends.
fn roomy() -> Settings {
    let frame_rate = FrameRate { frames_per_s: 1e6, burst: 1e6 };
    Settings { frame_rate, ..Settings::default() }
}

#[test]
fn a_session_has_no_more_subscriptions_than_it_may() {
    let settings = Settings { subscriptions_max: 3, wildcards_max: 1, ..Settings::default() };
    let begin = || {
        let mut talk = Talk::connected_with("0,0", settings.clone());
        for (id, symbol) in [("1", "A"), ("2", "B"), ("3", "*")] {
            talk.send(&format!("SUBSCRIBE\nid:{id}\ndestination:/topic/price.stock.{symbol}\n\n"));
        }
        assert_eq!(talk.session.subscriptions(), SubscriptionCounts { exact: 2, wildcards: 1, notices: 0 });
        assert_eq!(talk.said(), [""; 0]);
        talk
    };
    for (id, symbol, code) in
        [("4", "C", "4005 too many subscriptions"), ("4", "C*", "4005 too many subscriptions")]
    {
        let mut talk = begin();
        talk.send(&format!("SUBSCRIBE\nid:{id}\ndestination:/topic/price.stock.{symbol}\n\n"));
        assert_eq!(talk.said(), ["ERROR too many subscriptions".to_owned(), format!("CLOSE {code}")]);
    }
    // A snapshot of all symbols has as many slots as a wildcard, for as long as it isn't read.
    let mut talk = begin();
    talk.send("UNSUBSCRIBE\nid:1\n\n\0SUBSCRIBE\nid:1\ndestination:/app/snapshot.*\n\n");
    assert_eq!(talk.said(), ["ERROR too many subscriptions", "CLOSE 4005 too many subscriptions"]);
    let mut talk = begin();
    talk.send("SUBSCRIBE\nid:3\ndestination:/topic/price.stock.C\n\n");
    assert_eq!(talk.said(), ["ERROR duplicate subscription id", "CLOSE 1002 protocol error"]);
    // Whoever takes one away may have another.
    let mut talk = begin();
    talk.send("UNSUBSCRIBE\nid:3\n\n\0SUBSCRIBE\nid:3\ndestination:/topic/price.stock.AB*\n\n");
    assert_eq!(talk.said(), [""; 0]);
}

#[test]
fn whoever_asks_too_much_is_slowed_down_and_loses_nothing() {
    const ASKED: usize = 300;
    let mut talk = Talk::connected("0,0");
    let text: String =
        (0..ASKED).map(|number| format!("UNSUBSCRIBE\nid:1\nreceipt:{number}\n\n\0")).collect();
    talk.receive(Inbound::Data(text.as_bytes()));
    assert!(!talk.session.accepts_input());
    // The burst, less the CONNECT that came before, and the messages that carried all that.
    let mut answers = talk.said();
    assert_eq!(answers.len(), 198);
    let mut turns = 0;
    while answers.len() < ASKED {
        talk.now += Duration::from_secs(1);
        talk.session.handle_timeout(talk.now);
        assert_eq!(talk.session.next_request(talk.now), None);
        let more = talk.said();
        assert!(more.len() <= 51, "the rate holds, not {}", more.len());
        answers.extend(more);
        turns += 1;
    }
    assert_eq!(turns, 3, "102 frames at 50 a second");
    let expected: Vec<_> = (0..ASKED).map(|number| format!("RECEIPT {number}")).collect();
    assert_eq!(answers, expected);
}

#[test]
fn pings_cost_as_much_as_frames_and_beats_cost_nothing() {
    let mut talk = Talk::connected("0,0");
    talk.receive(Inbound::Data("\n".repeat(1000).as_bytes()));
    assert!(talk.session.accepts_input());
    for _ in 0..198 {
        assert!(talk.session.accepts_input());
        talk.receive(Inbound::Ping(Bytes::new()));
    }
    assert!(!talk.session.accepts_input());
}

#[test]
fn a_flood_of_messages_that_carry_nothing_is_slowed_down() {
    for inbound in [|| Inbound::Data(b""), || Inbound::Data(b"\n"), || Inbound::Pong] {
        let mut talk = Talk::connected("0,0");
        let mut taken = 0;
        while talk.session.accepts_input() {
            talk.receive(inbound());
            taken += 1;
            assert!(taken < 16 * 200, "a sixteenth of a frame each");
        }
        assert!(taken > 16 * 190);
    }
}

#[test]
fn whoever_takes_a_little_gets_time_for_the_rest() {
    let mut talk = Talk::connected("0,0");
    talk.send("UNSUBSCRIBE\nid:7\nreceipt:r\n\n");
    talk.hand_over();
    for acknowledged in [100, 200, 300, 300] {
        talk.now += Duration::from_secs(9);
        talk.session.note_progress(talk.now, acknowledged);
        talk.session.handle_timeout(talk.now);
        assert_eq!(talk.session.closed(), None);
    }
    talk.now += Duration::from_secs(1);
    talk.session.note_progress(talk.now, 300);
    talk.session.handle_timeout(talk.now);
    assert_eq!(talk.session.closed(), Some(CloseReason::Slow));
}

#[test]
fn whoever_does_not_read_answers_may_not_ask_more() {
    const ASKED: usize = 600;
    let mut talk = Talk::connected_with("0,10000", roomy());
    let text: String =
        (0..ASKED).map(|number| format!("UNSUBSCRIBE\nid:1\nreceipt:{number}\n\n\0")).collect();
    talk.receive(Inbound::Data(text.as_bytes()));
    assert!(!talk.session.accepts_input());
    let mut answers = Vec::new();
    while talk.session.has_output() {
        let chunk = talk.hand_over();
        assert!(chunk.len() <= 256, "a full queue is all that is held");
        answers.extend(chunk);
        assert_eq!(talk.session.next_request(talk.now), None);
    }
    let expected: Vec<_> = (0..ASKED).map(|number| format!("RECEIPT {number}")).collect();
    assert_eq!(answers, expected);
    assert!(talk.session.accepts_input());
}

#[test]
fn large_answers_fill_the_queue_sooner() {
    let mut talk = Talk::connected("0,0");
    let receipt = ":".repeat(8000);
    let mut asked = 0;
    while talk.session.accepts_input() {
        talk.send(&format!("UNSUBSCRIBE\nid:1\nreceipt:{receipt}\n\n"));
        asked += 1;
        assert!(asked < 10, "a few answers of 16 KB are enough");
    }
    assert_eq!(talk.said().len(), asked);
    assert!(talk.session.accepts_input());
}

#[test]
fn every_ping_is_answered_while_its_answers_are_read() {
    let mut talk = Talk::connected_with("0,0", roomy());
    for payload in ["1", "2", "3"] {
        talk.receive(Inbound::Ping(Bytes::from_static(payload.as_bytes())));
    }
    assert_eq!(talk.said(), ["PONG 1", "PONG 2", "PONG 3"]);
    for _ in 0..256 {
        assert!(talk.session.accepts_input());
        talk.receive(Inbound::Ping(Bytes::new()));
    }
    assert!(!talk.session.accepts_input(), "whoever doesn't read may not ask");
}
