//! Who reads the log independently: a plain consumer from the topic's beginning, and a fold by the contract's text (§3,
//! §5.3) that shares nothing with the server's.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::BorrowedMessage,
    metadata::MetadataPartition,
};
use serde_json::Value;

use crate::{
    harness::PATIENCE,
    records::Client,
    states::{Fact, State, States, nanos},
};

const DAY_NANOS: i128 = 24 * 60 * 60 * 1_000_000 * ONE;
const ONE: i128 = 1_000_000_000;

/// What the whole log says about every symbol.
pub(crate) fn read(client: &Client, topic: &str) -> States {
    let mut states = States::new();
    each_record(client, topic, |record| fold(&mut states, record));
    states
}

/// How many records the log has, those of aborted transactions not among them.
pub(crate) fn count(client: &Client, topic: &str) -> usize {
    let mut count = 0;
    each_record(client, topic, |_| count += 1);
    count
}

fn each_record(client: &Client, topic: &str, mut look: impl FnMut(&BorrowedMessage<'_>)) {
    let mut config = client.config();
    config
        .set("group.id", "reader")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed");
    let consumer: BaseConsumer = config.create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30)).unwrap();
    let mut unread: BTreeSet<i32> =
        metadata.topics()[0].partitions().iter().map(MetadataPartition::id).collect();
    let mut all = TopicPartitionList::new();
    for partition in &unread {
        all.add_partition_offset(topic, *partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !unread.is_empty() {
        assert!(
            Instant::now() < deadline,
            "partitions {unread:?} of {topic} aren't read within {PATIENCE:?}"
        );
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => look(&record),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
            }
            Some(Err(error)) => eprintln!("the reader goes on after: {error}"),
            None => {}
        }
    }
}

fn fold(states: &mut States, record: &BorrowedMessage<'_>) {
    let Some(value) = record.payload() else {
        states.remove(std::str::from_utf8(record.key().unwrap()).unwrap());
        return;
    };
    let Ok(Value::Object(tick)) = serde_json::from_slice(value) else { return };
    let Some(symbol) = tick.get("symbol").and_then(Value::as_str) else { return };
    let number = |name: &str| match tick.get(name)? {
        Value::String(text) => Some(nanos(text)),
        Value::Number(number) => Some(nanos(&number.to_string())),
        _ => None,
    };
    let recorded_us = i128::from(record.timestamp().to_millis().unwrap()) * 1000;
    let time = number("time_us").unwrap_or(recorded_us * ONE);
    let state = states.entry(symbol.to_owned()).or_default();
    if let Some(price) = number("price") {
        fold_trade(state, price, number("size"), time);
    }
    for (side, size) in [("bid", "bid_size"), ("ask", "ask_size")] {
        for name in [side, size] {
            match tick.get(name) {
                Some(Value::Null) => drop(state.remove(name)),
                Some(_) => set(state, name, number(name).unwrap()),
                None => {}
            }
        }
    }
    if let Some(venue) = tick.get("venue").and_then(Value::as_str) {
        state.insert("venue".to_owned(), Fact::Text(venue.to_owned()));
    }
    set(state, "time_us", time);
    set(state, "seq", i128::from(record.offset()) * ONE);
}

/// A trade moves the day's figures; the first of a new day begins them.
fn fold_trade(state: &mut State, price: i128, size: Option<i128>, time: i128) {
    let known = |state: &State, name: &str| match state.get(name) {
        Some(Fact::Number(number)) => Some(*number),
        _ => None,
    };
    let is_new_day =
        known(state, "time_us").is_none_or(|last| last.div_euclid(DAY_NANOS) < time.div_euclid(DAY_NANOS));
    if is_new_day {
        for name in ["open", "high", "low", "volume", "trades"] {
            state.remove(name);
        }
    }
    let day = |name| known(state, name);
    let (open, high, low) = (day("open"), day("high"), day("low"));
    let (volume, trades) = (day("volume").unwrap_or(0), day("trades").unwrap_or(0));
    set(state, "price", price);
    set(state, "open", open.unwrap_or(price));
    set(state, "high", high.map_or(price, |high| high.max(price)));
    set(state, "low", low.map_or(price, |low| low.min(price)));
    set(state, "volume", volume + size.unwrap_or(0));
    set(state, "trades", trades + ONE);
    if let Some(size) = size {
        set(state, "size", size);
    }
}

fn set(state: &mut State, name: &str, number: i128) {
    state.insert(name.to_owned(), Fact::Number(number));
}
