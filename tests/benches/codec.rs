//! What frames cost: `cargo bench --bench codec`.
//!
//! Figures are of one thread, and of the codec alone: no socket, no session.

use std::{hint::black_box, sync::Arc};

use bytes::{Bytes, BytesMut};
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use tickcast::{
    market::{DayBoundary, Instrument, Price, Side, Size, Symbol, Tick, Trade},
    publication::{Content, Fields, Publication, Status, SymbolId, View},
    session::FrameSink,
    sockjs::Batch,
    stomp::{Decoder, FrameBuilder, Limits, Version},
    transport::websocket::{Reader, Writer},
};

const LIMITS: Limits = Limits::with_frame_bytes(64 * 1024);

const SUBSCRIBE: &[u8] =
    b"SUBSCRIBE\nid:sub-17\ndestination:/topic/price.stock.AAPL\nack:auto\nreceipt:r-17\n\n\0";

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let mut many = b"SUBSCRIBE\n".to_vec();
    for number in 0..30 {
        many.extend(format!("header-{number}:value\\c{number}\n").bytes());
    }
    many.extend(b"\n\0");
    for (name, frame, piece) in [
        ("SUBSCRIBE, whole", SUBSCRIBE, usize::MAX),
        ("SUBSCRIBE, octet by octet", SUBSCRIBE, 1),
        ("30 escaped headers, whole", &many, usize::MAX),
        ("30 escaped headers, octet by octet", &many, 1),
    ] {
        group.throughput(Throughput::Bytes(frame.len() as u64));
        // One stream: a decoder lives as long as its session.
        let mut decoder = Decoder::new(LIMITS);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut decoded = None;
                for piece in black_box(frame).chunks(piece) {
                    decoder.push(piece);
                    decoded = decoder.next_frame().expect("the frame is right");
                }
                decoded.expect("the frame is whole")
            });
        });
    }
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    group.bench_function("RECEIPT", |b| {
        b.iter(|| FrameBuilder::new("RECEIPT", Version::V1_2).header("receipt-id", black_box("r-17")).end());
    });
    // Once a publication, whoever gets it.
    group.bench_function("MESSAGE, the shared tail", |b| {
        b.iter_batched_ref(
            publication,
            |publication| publication.tail(Version::V1_2).len(),
            BatchSize::SmallInput,
        );
    });
    let publication = publication();
    parts(&mut group, &publication);
    // Once a subscriber.
    let tail = publication.tail(Version::V1_2);
    let head = b"MESSAGE\nsubscription:sub-17\n";
    let mut out = BytesMut::with_capacity(16 * 1024);
    let parts: [&[u8]; 3] = [head, b"type:update\n", &tail];
    group.throughput(Throughput::Bytes(parts.iter().map(|part| part.len() as u64).sum()));
    group.bench_function("MESSAGE, a subscriber's frame", |b| {
        b.iter(|| {
            out.clear();
            Writer(&mut out).frame(black_box(&parts));
            out.len()
        });
    });
    group.bench_function("MESSAGE, a subscriber's frame over SockJS", |b| {
        b.iter(|| {
            let mut batch = Batch::default();
            batch.frame(black_box(&parts));
            batch.take_messages()
        });
    });
}

/// What a subscription with `fields` or `delta` gets, encoded for it alone.
fn parts(group: &mut BenchmarkGroup<'_, WallTime>, publication: &Publication) {
    let fields = |text| Fields::parse(text).expect("fields of the contract");
    let mut out = Vec::with_capacity(1024);
    for (name, view) in [
        ("MESSAGE, a whole tail", View::WHOLE),
        ("MESSAGE, a tail with 3 fields", View::State(fields("price,bid,ask"))),
        ("MESSAGE, a tail with a delta of 3 fields", View::Changes(fields("bid,bid_size,time_us"))),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                publication.write_tail(Version::V1_2, black_box(view), &mut out);
                out.len()
            });
        });
    }
    let last = self::publication();
    group.bench_function("MESSAGE, which fields changed", |b| {
        b.iter(|| black_box(publication).changed_since(black_box(&last)));
    });
}

fn read_websocket(c: &mut Criterion) {
    let mut group = c.benchmark_group("read WebSocket");
    for (name, first, length, count) in [
        ("a text frame of 80 bytes", 0x81, 80, 1),
        ("50 text frames of 80 bytes", 0x81, 80, 50),
        ("a text frame of 16 KiB", 0x81, 16 * 1024, 1),
        ("a binary frame of 16 KiB", 0x82, 16 * 1024, 1),
    ] {
        let bytes = Bytes::from(masked(first, &vec![b'x'; length]).repeat(count));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut reader = Reader::default();
        group.bench_function(name, |b| {
            // Unmasking works in place, as on what was read from a socket: each round has its own copy.
            b.iter_batched(
                || Bytes::copy_from_slice(&bytes),
                |bytes| {
                    reader.push(&bytes);
                    let mut messages = 0;
                    while reader.next(64 * 1024).expect("the frames are right").is_some() {
                        messages += 1;
                    }
                    assert_eq!(messages, count);
                },
                BatchSize::SmallInput,
            );
        });
    }
}

/// A client's frame.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = match payload.len() {
        0..126 => vec![first, 0x80 | payload.len() as u8],
        length => [&[first, 0x80 | 126][..], &u16::try_from(length).expect("16 KiB").to_be_bytes()].concat(),
    };
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A state with every field, as contract §5.3 shows it.
fn publication() -> Publication {
    let price = |text| Price::parse(text).expect("a price");
    let size = |text| Size::parse(text).expect("a size");
    let symbol = Symbol::parse("AAPL").expect("a symbol");
    let mut tick = Tick::new(symbol.as_ref());
    tick.trade = Some(Trade { price: price("189.84"), size: Some(size("100")) });
    tick.bid = Side::Set { price: price("189.83"), size: Some(size("300")) };
    tick.ask = Side::Set { price: price("189.85"), size: Some(size("200")) };
    tick.venue = Some("XNAS");
    let mut instrument = Instrument::default();
    instrument.fold(&tick, 1_732_187_000_123_456, DayBoundary::after_midnight_utc(0));
    let state = instrument.state().clone();
    Publication::from(Content {
        id: SymbolId(0),
        symbol,
        partition: 0,
        seq: 18_734_211,
        epoch: Arc::from("5kQ2vJ"),
        ordinal: 8211,
        rollovers: 0,
        status: Status::Listed,
        state,
        ingested_us: 1_732_187_000_123_999,
    })
}

criterion_group!(benches, decode, encode, read_websocket);
criterion_main!(benches);
