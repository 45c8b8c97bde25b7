//! Mode `every`: each tick, in order, from the record to the client; contract §5.2.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::support::{Client, Feed, Frame, Incoming, Server};

/// Subscribes to every tick and waits for the receipt.
#[track_caller]
fn subscribe(client: &mut Client, id: &str, symbol: &str) -> Frame {
    client.send(&format!(
        "SUBSCRIBE\nid:{id}\ndestination:/topic/price.stock.{symbol}\nmode:every\nreceipt:r\n\n\0"
    ));
    let receipt = client.frame();
    assert_eq!(receipt.command, "RECEIPT", "{receipt:?}");
    assert_eq!(receipt.expect("effective-mode"), "every");
    receipt
}

/// Queues so many trades of the symbol, at prices from 1 on.
fn trades(feed: &Feed, symbol: &str, count: u64) {
    for price in 1..=count {
        let payload = format!(r#"{{"symbol":"{symbol}","price":{price},"size":1}}"#);
        feed.queue(Some(symbol), Some(payload.as_bytes()), None);
    }
    feed.flush();
}

#[test]
fn each_tick_comes_in_order_after_the_snapshot() {
    let server = Server::ready(&["--every-ticks", "5000"]);
    let feed = Feed::to(&server);
    trades(&feed, "A", 3);
    server.await_seq("A", 2);
    let mut client = Client::connect(&server);
    assert_eq!(subscribe(&mut client, "1", "A").expect("seq"), "2");
    // Nobody records this one.
    trades(&feed, "B", 10);
    trades(&feed, "A", 2000);
    let frames = client.frames_until(|frame| frame.seq() == 12 + 2000);
    assert_eq!((frames[0].expect("type"), frames[0].seq()), ("snapshot", 2));
    assert_eq!(frames.len(), 2001);
    for (at, frame) in frames.iter().enumerate().skip(1) {
        assert_eq!((frame.expect("type"), frame.seq(), frame.conflated()), ("update", 12 + at as u64, 0));
        assert_eq!((&frame.json()["price"], &frame.json()["trades"]), (&at.into(), &(at + 3).into()));
    }
}

#[test]
fn a_symbol_is_recorded_from_its_first_tick() {
    let server = Server::ready(&[]);
    let feed = Feed::to(&server);
    let mut client = Client::connect(&server);
    subscribe(&mut client, "1", "NEW");
    trades(&feed, "NEW", 50);
    let seqs: Vec<u64> = client.frames_until(|frame| frame.seq() == 49).iter().map(Frame::seq).collect();
    assert_eq!(seqs, (0..50).collect::<Vec<_>>());
}

/// Ends the feed with the test, however that ends.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// While ticks come and clients come and go, on two shards: whatever the moment, nothing is missing after a snapshot.
#[test]
fn whoever_comes_while_ticks_come_misses_none_after_the_snapshot() {
    const SYMBOLS: usize = 5;
    let server = Server::ready(&["--workers", "2", "--every-ticks", "100000"]);
    let symbols: Vec<String> = (0..SYMBOLS).map(|number| format!("S{number}")).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let ends = Ends(&is_over);
        let (feed, symbols, is_over) = (Feed::to(&server), &symbols, &is_over);
        scope.spawn(move || {
            for price in 1.. {
                feed.round(symbols, price);
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for round in 0..10 {
            let mut client = Client::connect(&server);
            subscribe(&mut client, "all", if round % 2 == 0 { "*" } else { "S3" });
            let mut last: HashMap<String, u64> = HashMap::new();
            for _ in 0..200 {
                let frame = client.frame();
                let before = last.insert(frame.symbol().to_owned(), frame.seq());
                // One partition, and the symbols in turn.
                assert!(before.is_none_or(|before| frame.seq() == before + SYMBOLS as u64), "{frame:?}");
                assert_eq!(frame.conflated(), 0);
            }
        }
        drop(ends);
    });
}

#[test]
fn whoever_cannot_be_held_is_closed_and_told_why() {
    let server = Server::ready(&["--every-ticks", "10"]);
    let feed = Feed::to(&server);
    let mut stalled = Client::with_receive_buffer(&server, 8 * 1024);
    subscribe(&mut stalled, "1", "A");
    let mut latest = Client::connect(&server);
    latest.subscribe("1", "A");
    for _ in 0..20 {
        trades(&feed, "A", 1000);
    }
    server.await_seq("A", 19_999);
    latest.frames_until(|frame| frame.seq() == 19_999);
    let mut last = None;
    loop {
        match stalled.next_spoken() {
            Incoming::Frame(frame) => {
                assert!(last.is_none_or(|last| frame.seq() == last + 1), "{frame:?} after {last:?}");
                last = Some(frame.seq());
            }
            closed => {
                assert!(matches!(closed, Incoming::Closed(4500, _)), "{closed:?}");
                break;
            }
        }
    }
}
