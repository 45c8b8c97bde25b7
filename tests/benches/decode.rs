//! What a record's value costs to read: `cargo bench --bench decode`.
//!
//! The records are those of `tickcast feed simulate`, thousands of different ones in turn, so that the processor can't
//! learn one by heart. Beside our decoders stands one that a struct and serde_json make, as exact as ours.

use std::{borrow::Cow, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tickcast::{
    actors::inbox::Inbox,
    feed::{
        Decoder, Encoder, TickFormat,
        simulate::{Market, MarketConfig, Names},
    },
    fold::{Batch, Fold, Record},
    market::{DayBoundary, Price, Side, Size, SymbolRef, Tick, Trade},
};

/// More than the processor's branch predictors learn by heart, and a multiple of [`BATCH`].
const RECORDS: usize = 64 * BATCH;

/// As many records as are folded before the shards are told.
const BATCH: usize = 1024;

fn records(format: TickFormat) -> Vec<Vec<u8>> {
    const BEGIN_US: i64 = 1_732_187_000_123_456;
    let config = MarketConfig { symbols: 10_000, names: Names::Numbered, seed: 1 };
    let mut market = Market::new(config, BEGIN_US);
    let mut encoder = Encoder::new(format);
    let times = (BEGIN_US..).step_by(97).take(RECORDS);
    times.map(|time_us| encoder.encode(&market.next(time_us)).to_vec()).collect()
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let (json, protobuf) = (records(TickFormat::Json), records(TickFormat::Protobuf));
    check_the_same(&json, &protobuf);
    let mut decoder = Decoder::default();
    for (name, records, content_type) in [
        ("JSON, simd-json", &json, "application/json"),
        ("Protobuf, prost", &protobuf, "application/x-protobuf"),
    ] {
        group.throughput(Throughput::Bytes(mean_bytes(records)));
        let mut turn = records.iter().cycle();
        group.bench_function(name, |b| {
            b.iter(|| {
                let value = turn.next().expect("it goes round");
                let tick = decoder.decode(Some(content_type.as_bytes()), black_box(value));
                tick.expect("the record is right").trade.is_some()
            });
        });
    }
    group.throughput(Throughput::Bytes(mean_bytes(&json)));
    let mut turn = json.iter().cycle();
    group.bench_function("JSON, serde_json that borrows", |b| {
        b.iter(|| {
            let fields: Fields<'_> =
                serde_json::from_slice(black_box(turn.next().expect("it goes round"))).expect("JSON");
            fields.tick().expect("the record is right").trade.is_some()
        });
    });
}

/// What a batch of records costs from their values to what a shard is handed, Kafka's client apart.
fn fold(c: &mut Criterion) {
    let mut group = c.benchmark_group("fold a batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    for format in [TickFormat::Json, TickFormat::Protobuf] {
        let records = records(format);
        let inbox = Inbox::default();
        let (mut fold, mut batch) = (Fold::new("e".into(), DayBoundary::default(), 10_000), Batch::default());
        let mut turn = records.chunks(BATCH).cycle();
        let mut offset = 0;
        group.bench_function(format!("{format:?}"), |b| {
            b.iter(|| {
                for value in turn.next().expect("it goes round") {
                    offset += 1;
                    let record = Record {
                        partition: 0,
                        offset,
                        timestamp_us: 0,
                        key: None,
                        value: Some(value),
                        content_type: Some(format.content_type().as_bytes()),
                    };
                    fold.apply(&record).expect("the record is right");
                }
                fold.publish(0, &mut batch);
                inbox.handover.deliver(&batch.newest, &batch.ticks);
                batch.newest.clear();
            });
        });
    }
}

fn mean_bytes(records: &[Vec<u8>]) -> u64 {
    (records.iter().map(Vec::len).sum::<usize>() / records.len()) as u64
}

/// All three read the same ticks.
fn check_the_same(json: &[Vec<u8>], protobuf: &[Vec<u8>]) {
    let (mut of_json, mut of_protobuf) = (Decoder::default(), Decoder::new(TickFormat::Protobuf));
    for (json, protobuf) in json.iter().zip(protobuf) {
        let tick = of_json.decode(None, json).expect("the record is right");
        assert_eq!(of_protobuf.decode(None, protobuf), Ok(tick));
        let fields: Fields<'_> = serde_json::from_slice(json).expect("JSON");
        assert_eq!(fields.tick(), Some(tick));
    }
}

/// A tick's fields as serde_json finds them: numbers by their text, since its floats are rounded.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    time_us: Option<i64>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    size: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "told")]
    bid: Option<&'a RawValue>,
    #[serde(borrow)]
    bid_size: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "told")]
    ask: Option<&'a RawValue>,
    #[serde(borrow)]
    ask_size: Option<&'a RawValue>,
    #[serde(borrow)]
    venue: Option<Text<'a>>,
}

/// In an `Option` a text is borrowed only if it's a type of its own.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// `null` is told, too.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Fields<'_> {
    fn tick(&self) -> Option<Tick<'_>> {
        let trade = match (self.price, self.size) {
            (None, None) => None,
            (None, Some(_)) => return None,
            (Some(price), size) => Some(Trade { price: price_of(price)?, size: size_of(size)? }),
        };
        let (bid, ask) = (side(self.bid, self.bid_size)?, side(self.ask, self.ask_size)?);
        let says_something = trade.is_some() || bid != Side::Keep || ask != Side::Keep;
        let is_in_time = self.time_us.is_none_or(|time_us| (0..1 << 53).contains(&time_us));
        let venue = self.venue.as_ref().map(|venue| &*venue.0);
        let is_venue = |text: &str| text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_graphic());
        let symbol = SymbolRef::parse(&self.symbol).ok()?;
        (says_something && is_in_time && venue.is_none_or(is_venue)).then_some(Tick {
            symbol,
            time_us: self.time_us,
            trade,
            bid,
            ask,
            venue,
        })
    }
}

fn side(price: Option<&RawValue>, size: Option<&RawValue>) -> Option<Side> {
    match price.map(RawValue::get) {
        None | Some("null") if size.is_some() => None,
        None => Some(Side::Keep),
        Some("null") => Some(Side::Clear),
        Some(_) => Some(Side::Set { price: price_of(price?)?, size: size_of(size)? }),
    }
}

fn price_of(raw: &RawValue) -> Option<Price> {
    Price::parse(decimal(raw.get())?).ok()
}

fn size_of(raw: Option<&RawValue>) -> Option<Option<Size>> {
    raw.map_or(Some(None), |raw| Size::parse(decimal(raw.get())?).ok().map(Some))
}

/// The digits of a JSON number, or of a string. An exponent, which our feeds don't write, is refused here.
fn decimal(json: &str) -> Option<&str> {
    if let Some(text) = json.strip_prefix('"') {
        return text.strip_suffix('"');
    }
    let digits = json.bytes().filter(u8::is_ascii_digit).count();
    (digits <= 15 || !json.contains('.')).then_some(json)
}

criterion_group!(benches, decode, fold);
criterion_main!(benches);
