//! The producer when the queue is full, and when the broker goes away.

use std::time::Duration;

use tickcast::{
    feed::TickFormat,
    kafka::{ProducerError, TickProducer},
    market::SymbolRef,
};

use super::broker::Broker;

const TICK: &[u8] = br#"{"symbol":"A","time_us":1719792000000000,"price":1}"#;

#[test]
fn a_full_queue_makes_the_sender_wait_and_drops_nothing() {
    let broker = Broker::start();
    let config = broker.config(Duration::from_secs(30), &["queue.buffering.max.messages=10"]);
    let producer = TickProducer::connect(config).unwrap();
    for _ in 0..500 {
        producer.send(SymbolRef::parse("A").unwrap(), TICK, TickFormat::Json).unwrap();
    }
    assert_eq!(producer.flush().unwrap().acknowledged, 500);
    assert_eq!(broker.fold_all(TickFormat::Json)["A"].ticks, 500);
}

#[test]
fn records_that_a_lost_broker_never_acknowledges_are_counted_and_told() {
    let broker = Broker::start();
    let config = broker.config(Duration::from_secs(1), &[]);
    let producer = TickProducer::connect(config).unwrap();
    producer.send(SymbolRef::parse("A").unwrap(), TICK, TickFormat::Json).unwrap();
    producer.flush().unwrap();
    broker.stop();
    for _ in 0..3 {
        producer.send(SymbolRef::parse("A").unwrap(), TICK, TickFormat::Json).unwrap();
    }
    let error = producer.flush().unwrap_err();
    assert!(matches!(error, ProducerError::NotAcknowledged { count: 3, .. }), "{error}");
    assert!(error.to_string().contains(&broker.bootstrap()), "{error}");
    assert_eq!(producer.delivered().acknowledged, 1);
}
