//! Conversations of one session, on invented time.

mod deadlines;
mod limits;
mod talk;
mod transactions;
mod versions;

use bytes::Bytes;

use self::talk::Talk;
use super::{CloseReason, Inbound, Request};
use crate::{destination::Symbols, market::Symbol};

#[test]
fn a_disconnect_is_answered_by_its_receipt_or_by_the_close() {
    let mut talk = Talk::connected("0,0");
    talk.send("DISCONNECT\nreceipt:bye\n\n");
    talk.send("SUBSCRIBE\nid:1\ndestination:/topic/price.stock.A\nreceipt:no\n\n");
    assert_eq!(talk.said(), ["RECEIPT bye"]);
    assert_eq!(talk.pass(60), ["2 CLOSE 1000", "4 ended disconnected"]);

    let mut talk = Talk::connected("0,0");
    talk.send("DISCONNECT\n\n");
    assert_eq!(talk.said(), ["CLOSE 1000"]);
    assert_eq!(talk.pass(60), ["2 ended disconnected"]);
}

#[test]
fn every_state_has_an_answer_to_every_event() {
    use At::{AwaitingConnect, Closed, Closing, Connected, Disconnecting};
    use CloseReason::{ClientClosed, ConnectionLost, Disconnected, Protocol, Shutdown, Slow};
    let close = || Inbound::Close(None);
    let lost = || Inbound::Lost;
    let fault = || Inbound::Fault(Protocol, "x");
    let too_big = || Inbound::Fault(CloseReason::TooBig, "x");
    let ping = || Inbound::Ping(Bytes::from_static(b"?"));
    let frame = || Inbound::Data(b"NACK\nid:1\n\n\0");

    check(AwaitingConnect, close(), &["CLOSE 1000"], Some(ClientClosed));
    check(AwaitingConnect, lost(), &[], Some(ConnectionLost));
    check(AwaitingConnect, fault(), &["CLOSE 1002 protocol error"], None);
    check(AwaitingConnect, too_big(), &["ERROR frame too big", "CLOSE 1009 too big"], None);
    check(AwaitingConnect, ping(), &["PONG ?"], None);
    check(AwaitingConnect, frame(), &["ERROR not connected", "CLOSE 1002 protocol error"], None);

    check(Connected, close(), &["CLOSE 1000"], Some(ClientClosed));
    check(Connected, lost(), &[], Some(ConnectionLost));
    check(Connected, fault(), &["CLOSE 1002 protocol error"], None);
    check(Connected, too_big(), &["ERROR frame too big", "CLOSE 1009 too big"], None);
    check(Connected, ping(), &["PONG ?"], None);
    check(Connected, frame(), &["ERROR nothing to acknowledge", "CLOSE 1002 protocol error"], None);

    check(Disconnecting, close(), &["CLOSE 1000"], Some(Disconnected));
    check(Disconnecting, lost(), &[], Some(Disconnected));
    check(Disconnecting, fault(), &["CLOSE 1002 protocol error"], None);
    check(Disconnecting, too_big(), &["ERROR frame too big", "CLOSE 1009 too big"], None);
    check(Disconnecting, ping(), &["PONG ?"], None);
    check(Disconnecting, frame(), &[], None);

    // Nothing follows a close frame.
    check(Closing, close(), &[], Some(Shutdown));
    check(Closing, lost(), &[], Some(Shutdown));
    check(Closing, fault(), &[], None);
    check(Closing, too_big(), &[], None);
    check(Closing, ping(), &[], None);
    check(Closing, frame(), &[], None);

    for inbound in [close(), lost(), fault(), too_big(), ping(), frame()] {
        check(Closed, inbound, &[], Some(Slow));
    }
}

#[test]
fn connected_tells_version_heart_beat_session_and_server() {
    let mut talk = Talk::begin();
    talk.send("STOMP\naccept-version:1.0,1.1,1.2\nhost:h\nheart-beat:0,0\n\n");
    let expected = format!(
        "CONNECTED\nversion:1.2\nheart-beat:10000,10000\nsession:s-1\nserver:tickcast/{}\n\n\0",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(talk.said_in_full(), [expected]);
    assert_eq!(talk.session.id(), "s-1");
}

#[test]
fn connect_gets_no_receipt_and_all_else_gets_its_own_in_order() {
    let mut talk = Talk::begin();
    talk.send("CONNECT\naccept-version:1.2\nheart-beat:0,0\nreceipt:no\n\n");
    assert_eq!(talk.said(), ["CONNECTED"]);
    let frames = [
        "BEGIN\ntransaction:t",
        "UNSUBSCRIBE\nid:1",
        "COMMIT\ntransaction:t",
        "BEGIN\ntransaction:t",
        "ABORT\ntransaction:t",
        "DISCONNECT",
    ];
    let text: String =
        (1..).zip(frames).map(|(number, frame)| format!("{frame}\nreceipt:{number}\n\n\0\n")).collect();
    talk.receive(Inbound::Data(text.as_bytes()));
    let expected: Vec<_> = (1..=frames.len()).map(|number| format!("RECEIPT {number}")).collect();
    assert_eq!(talk.said(), expected);
}

#[test]
fn a_wrong_connect_says_what_is_allowed() {
    let connect = "CONNECT\naccept-version:1.3,2\n\n";
    check_refusal(None, connect, "unsupported version", "\"1.3,2\" has none of 1.0,1.1,1.2", 1002);
    check_refusal(None, connect, "unsupported version", "version:1.0,1.1,1.2\n", 1002);
    let beat = "CONNECT\naccept-version:1.2\nheart-beat:a,b\n\n";
    check_refusal(None, beat, "wrong header value", "two whole numbers of milliseconds", 1002);
    check_refusal(None, "SUBSCRIBE\nid:1\n\n", "not connected", "must be CONNECT or STOMP", 1002);
    check_refusal(None, "HELLO\n\n", "malformed frame", "\"HELLO\"", 1002);
    let big = format!("CONNECT\ncontent-length:{}\n\n", 16 * 1024);
    check_refusal(None, &big, "frame too big", "16384", 1009);
}

#[test]
fn a_wrong_frame_says_what_is_allowed_and_carries_its_receipt() {
    let check = |frame: &str, message, detail, code| check_refusal(Some("0,0"), frame, message, detail, code);
    let subscribe = |header: &str| format!("SUBSCRIBE\nid:1\ndestination:/topic/price.stock.A\n{header}\n\n");
    let wrong = "wrong header value";
    check("CONNECT\naccept-version:1.2\n\n", "already connected", "one CONNECT", 1002);
    check("SEND\n\n", "missing header", "header destination must", 1002);
    check(&subscribe("mode:\u{1b}[31m"), wrong, r"mode:\u{1b}[31m isn't possible here", 1002);
    check("SEND\ndestination:/x\nreceipt:r\n\n", "unknown destination", "receipt-id:r\n", 1002);
    check("BEGIN\n\n", "missing header", "header transaction must", 1002);
    check("ACK\n\n", "missing header", "header id must", 1002);
    check("ACK\nid:1\n\n", "nothing to acknowledge", "id \"1\" is no message", 1002);
    check("SUBSCRIBE\ndestination:/topic/price.stock.A\n\n", "missing header", "header id must", 1002);
    check("SUBSCRIBE\nid:1\n\n", "missing header", "header destination must", 1002);
    check("UNSUBSCRIBE\nreceipt:r\n\n", "missing header", "header id must", 1002);
    check("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n", "unknown destination", "\"/queue/a\"", 1002);
    check(
        &subscribe("snapshot:maybe"),
        wrong,
        "snapshot:maybe isn't possible here; allowed: true, false",
        1002,
    );
    check(&subscribe("mode:all"), wrong, "mode:all isn't possible here; allowed: latest, every", 1002);
    let rates = "max-rate:0.001 isn't possible here; allowed: decimal numbers from 0.01, updates a second";
    check(&subscribe("max-rate:0.001"), wrong, rates, 1002);
    check(&subscribe("mode:every\nmax-rate:5"), wrong, "allowed: unlimited, in mode every", 1002);
    let names = "allowed: symbol, price, size, bid, bid_size,";
    check(&subscribe("fields:price,bidsize"), wrong, names, 1002);
    check(
        &subscribe("fields:price,bidsize"),
        wrong,
        "\"bidsize\" is none of them, the nearest is bid_size",
        1002,
    );
    check(&subscribe("delta:yes"), wrong, "delta:yes isn't possible here; allowed: true, false", 1002);
    let to = |destination, header: &str| format!("SUBSCRIBE\nid:1\ndestination:{destination}\n{header}\n\n");
    check(&to("/topic/feed.status", "fields:bid"), wrong, "fields and delta are for prices", 1002);
    check(
        &to("/user/queue/session", "ack:client"),
        wrong,
        "ack:client isn't possible here; allowed: auto",
        1002,
    );
    check(&to("/app/snapshot.A", "snapshot:false"), wrong, "snapshot:false isn't possible here", 1002);
    check(&to("/app/snapshot.A", "mode:every"), wrong, "latest; a snapshot is sent once", 1002);
    check(&subscribe("ack:no"), wrong, "ack:no isn't possible here; allowed: auto, client, client-i", 1002);
    let prefetch = |count| subscribe(&format!("ack:client\nprefetch-count:{count}"));
    for count in ["0", "4097", "-1", "+1", "1.5", "", "x"] {
        let detail = format!("prefetch-count:{count} isn't possible here");
        check_refusal(Some("0,0"), &prefetch(count), wrong, &detail, 1002);
    }
    check(&subscribe("prefetch-count:5"), wrong, "allowed: with ack:client or ack:client-individual", 1002);
    check(&subscribe("fields:bid,prize"), wrong, "price", 1002);
    let big = format!("SEND\ncontent-length:{}\n\n", 64 * 1024);
    check(&big, "frame too big", "65536", 1009);
}

#[test]
fn requests_come_one_at_a_time_in_the_clients_order() {
    let mut talk = Talk::connected("0,0");
    let subscribe = "SUBSCRIBE\nid:1\ndestination:/topic/price.stock.A\nreceipt:r\n\n";
    let requests = talk.send(&format!("{subscribe}\0UNSUBSCRIBE\nid:1\n\n\0UNSUBSCRIBE\nid:1\n\n"));
    let [
        Request::Subscribe { subscription, wanted, receipt },
        Request::Unsubscribe { subscription: gone, .. },
    ] = &requests[..]
    else {
        panic!("{requests:?}")
    };
    assert_eq!(subscription, gone);
    assert_eq!(wanted.symbols, Some(Symbols::One(Symbol::parse("A").unwrap())));
    assert_eq!(receipt.as_deref(), Some("r"));
    assert!(wanted.snapshot);
}

#[test]
fn an_unsubscribe_of_an_unknown_id_gets_its_receipt() {
    let mut talk = Talk::connected("0,0");
    assert_eq!(talk.send("UNSUBSCRIBE\nid:7\nreceipt:r\n\n"), []);
    assert_eq!(talk.said(), ["RECEIPT r"]);
    // An id that is too long for a subscription is none's.
    assert_eq!(talk.send(&format!("UNSUBSCRIBE\nid:{}\nreceipt:r\n\n", "7".repeat(300))), []);
    assert_eq!(talk.said(), ["RECEIPT r"]);
}

#[test]
fn a_close_is_answered_with_its_code_after_what_was_owed() {
    let mut talk = Talk::connected("0,0");
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:owed\n\n");
    talk.receive(Inbound::Close(Some(4999)));
    talk.receive(Inbound::Ping(Bytes::new()));
    assert_eq!(talk.said(), ["RECEIPT owed", "CLOSE 4999"]);
    assert_eq!(talk.session.closed(), Some(CloseReason::ClientClosed));

    let mut talk = Talk::connected("0,0");
    talk.send("DISCONNECT\nreceipt:bye\n\n");
    talk.receive(Inbound::Close(Some(1001)));
    assert_eq!(talk.said(), ["RECEIPT bye", "CLOSE 1001"]);
    assert_eq!(talk.session.closed(), Some(CloseReason::Disconnected));
}

#[test]
fn a_message_may_be_as_large_as_a_frame() {
    let mut talk = Talk::begin();
    assert_eq!(talk.session.message_bytes_max(), 16 * 1024);
    talk.send("CONNECT\naccept-version:1.2\n\n");
    assert_eq!(talk.session.message_bytes_max(), 64 * 1024);
}

#[test]
fn every_reason_has_a_label_of_its_own() {
    let reasons = [
        CloseReason::Disconnected,
        CloseReason::ClientClosed,
        CloseReason::ConnectionLost,
        CloseReason::Shutdown,
        CloseReason::Protocol,
        CloseReason::NotUtf8,
        CloseReason::TooBig,
        CloseReason::Slow,
        CloseReason::ConnectDeadline,
        CloseReason::Silent,
        CloseReason::TooManySubscriptions,
    ];
    let labels: std::collections::BTreeSet<_> = reasons.iter().map(|reason| reason.label()).collect();
    assert_eq!(labels.len(), reasons.len());
    for reason in reasons {
        assert!(reason.text().len() <= 123, "a close frame has no room for more");
    }
}

/// The session is refused with this ERROR, and closed with this code.
#[track_caller]
fn check_refusal(heart_beat: Option<&str>, frame: &str, message: &str, detail: &str, code: u16) {
    let mut talk = heart_beat.map_or_else(Talk::begin, Talk::connected);
    talk.send(frame);
    let said = talk.said_in_full();
    let [error, close] = &said[..] else { panic!("{said:?}") };
    assert!(error.starts_with(&format!("ERROR\nmessage:{message}\n")), "{error:?}");
    assert!(error.contains(detail), "{error:?}");
    assert!(close.starts_with(&format!("CLOSE {code} ")), "{close:?}");
    assert_eq!(talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n"), []);
    assert_eq!(talk.said(), [""; 0]);
}

/// Where a session stands.
#[derive(Clone, Copy, Debug)]
enum At {
    AwaitingConnect,
    Connected,
    Disconnecting,
    Closing,
    Closed,
}

#[track_caller]
fn check(at: At, inbound: Inbound<'_>, said: &[&str], closed: Option<CloseReason>) {
    let mut talk = match at {
        At::AwaitingConnect => Talk::begin(),
        _ => Talk::connected("0,0"),
    };
    match at {
        At::AwaitingConnect | At::Connected => {}
        At::Disconnecting => {
            talk.send("DISCONNECT\nreceipt:r\n\n");
        }
        At::Closing => talk.session.close(talk.now, CloseReason::Shutdown),
        At::Closed => {
            talk.receive(Inbound::Ping(Bytes::new()));
            talk.hand_over();
            talk.stalled = true;
            talk.pass(11);
        }
    }
    talk.said();
    let what = format!("{at:?} {inbound:?}");
    talk.receive(inbound);
    assert_eq!(talk.said(), said, "{what}");
    assert_eq!(talk.session.closed(), closed, "{what}");
}
