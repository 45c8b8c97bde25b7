//! What a SUBSCRIBE may ask for, over the wire: how often, a part, what changed; and that nothing strays.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use crate::support::{Client, Feed, Frame, Server};

/// The client's next frame is the receipt.
#[track_caller]
fn receipt(client: &mut Client, frame: &str, name: &str) -> Frame {
    client.send(&format!("{}\nreceipt:{name}\n\n\0", frame.trim_end()));
    let receipt = client.frame();
    assert_eq!((&*receipt.command, receipt.expect("receipt-id")), ("RECEIPT", name), "{receipt:?}");
    receipt
}

#[track_caller]
fn subscribe(client: &mut Client, id: &str, symbol: &str, headers: &str) -> Frame {
    let destination = format!("destination:/topic/price.stock.{symbol}");
    receipt(client, &format!("SUBSCRIBE\nid:{id}\n{destination}\n{headers}"), id)
}

#[test]
fn a_rate_is_kept_no_tick_is_uncounted_and_the_last_one_comes() {
    const TICKS: u64 = 400;
    let server = Server::ready(&["--max-rate", "20"]);
    let feed = Feed::to(&server);
    server.await_seq("A", feed.tick("A", r#""price":1"#));
    let mut client = Client::connect(&server);
    let asked = [("slow", "max-rate:5", "5"), ("fast", "max-rate:500", "20"), ("default", "", "20")];
    for (id, header, effective) in asked {
        assert_eq!(subscribe(&mut client, id, "A", header).expect("effective-max-rate"), effective);
        assert_eq!(client.frame().expect("type"), "snapshot");
    }
    let begin = Instant::now();
    // Each of them reaches ingest by itself, or nearly so.
    (2..=TICKS).for_each(|price| {
        feed.tick("A", &format!(r#""price":{price}"#));
    });
    let mut behind = asked.map(|(id, ..)| id).to_vec();
    let frames = client.frames_until(|frame| {
        if frame.json()["price"] == TICKS {
            behind.retain(|id| *id != frame.expect("subscription"));
        }
        behind.is_empty()
    });
    let elapsed_s = begin.elapsed().as_secs_f64();
    for (id, _, rate) in asked {
        let own: Vec<_> = frames.iter().filter(|frame| frame.expect("subscription") == id).collect();
        // The first is the first after a rest that began before.
        let most = elapsed_s * rate.parse::<f64>().unwrap() + 1.0;
        assert!(own.len() as f64 <= most, "{id}: {} messages in {elapsed_s} s", own.len());
        let told: u64 = own.iter().map(|frame| 1 + frame.conflated()).sum();
        assert_eq!(told, TICKS - 1, "{id}");
    }
}

#[test]
fn nothing_strays_between_an_unsubscribe_and_the_next_subscribe() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    server.await_seq("A", feed.tick("A", r#""price":1"#));
    let done = Arc::new(AtomicBool::new(false));
    // Also if this thread panics.
    let _end = Ending(Arc::clone(&done));
    thread::spawn(move || {
        while !done.load(Ordering::Relaxed) {
            feed.tick("A", r#""price":2"#);
        }
    });
    let mut client = Client::connect(&server);
    let options = ["max-rate:100", "", "mode:every", "delta:true", "fields:price,time_us", "max-rate:0.01"];
    for (number, option) in (0..60).zip(options.iter().cycle()) {
        // What comes before the receipt belongs to the subscription of before; after it comes the snapshot.
        let first = subscribe(&mut client, "1", "A", option);
        let snapshot = client.frame();
        assert_eq!(snapshot.expect("type"), "snapshot", "{first:?}");
        if !option.starts_with("max-rate:0") {
            assert_eq!(client.frame().expect("type"), "update");
        }
        client.send(&format!("UNSUBSCRIBE\nid:1\nreceipt:{number}\n\n\0"));
        client.frames_until(|frame| frame.header("receipt-id") == Some(&number.to_string()));
    }
}

/// Tells a feeding thread to end.
struct Ending(Arc<AtomicBool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn parts_and_changes_add_up_to_the_state() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    server.await_seq("A", feed.tick("A", r#""price":1,"bid":1,"ask":2"#));
    let mut client = Client::connect(&server);
    subscribe(&mut client, "delta", "A", "delta:true");
    let mut state = client.frame().json();
    subscribe(&mut client, "ask", "A", "fields:ask");
    assert_eq!(client.frame().body, r#"{"ask":2}"#);
    feed.tick("A", r#""bid":3,"time_us":1732187000123456"#);
    let delta = client.frame();
    assert_eq!(delta.body, r#"{"bid":3,"time_us":1732187000123456}"#);
    merge(&mut state, &delta);
    feed.tick("A", r#""ask":null,"time_us":1732187000123457"#);
    let (delta, ask) = (client.frame(), client.frame());
    assert_eq!(delta.body, r#"{"ask":null,"time_us":1732187000123457}"#);
    merge(&mut state, &delta);
    assert_eq!((ask.body.as_str(), ask.conflated()), ("{}", 1), "of two ticks one changed nothing in it");
    let mut whole = Client::connect(&server);
    subscribe(&mut whole, "1", "A", "");
    assert_eq!(whole.frame().json(), state);
}

/// RFC 7396.
fn merge(state: &mut serde_json::Value, delta: &Frame) {
    let state = state.as_object_mut().unwrap();
    for (name, value) in delta.json().as_object().unwrap() {
        if value.is_null() {
            state.remove(name);
        } else {
            state.insert(name.clone(), value.clone());
        }
    }
}

#[test]
fn a_snapshot_answers_once() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    feed.tick("A", r#""price":1"#);
    server.await_seq("B", feed.tick("B", r#""price":2"#));
    let mut client = Client::connect(&server);
    for (symbols, prices) in [("*", &[1, 2][..]), ("B", &[2]), ("B*", &[2]), ("X", &[])] {
        receipt(&mut client, &format!("SUBSCRIBE\nid:1\ndestination:/app/snapshot.{symbols}"), "s");
        for price in prices {
            let frame = client.frame();
            assert_eq!((frame.expect("type"), &frame.json()["price"]), ("snapshot", &(*price).into()));
        }
    }
    feed.tick("B", r#""price":3"#);
    receipt(&mut client, "UNSUBSCRIBE\nid:1", "u");
    server.await_metric("tickcast_subscriptions{kind=\"exact\"}", 0.0);
}
