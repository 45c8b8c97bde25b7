//! The whole way: from records to the bytes that sockets are given.

use std::{task::Waker, time::Instant};

use bytes::BytesMut;
use criterion::{Criterion, Throughput};
use tickcast::{
    actors::inbox::{Delivery, Inbox},
    recordings::Recordings,
    session::{Inbound, Settings},
    shard::{Output, SessionKey, Shard},
    transport::websocket::Writer,
};

use crate::market::{BATCH, Ingest, Records};

const SYMBOLS: usize = 100;

/// A shard and its sessions, each with all symbols.
struct Fan {
    ingest: Ingest,
    inbox: Inbox,
    delivery: Delivery,
    shard: Shard<()>,
    sessions: Vec<SessionKey>,
    out: BytesMut,
    now: Instant,
}

/// What a batch of 1,024 ticks of 100 symbols costs: read and folded, published, handed over, marked in each session's
/// outbox, and encoded, once a symbol, and copied into one buffer for each session, as WebSocket messages, until nobody is
/// owed anything. With no session it's what the feed alone takes. Per frame, or per tick where there are none.
pub(crate) fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick to frame");
    let records = Records::new(SYMBOLS, 64);
    for sessions in [0, 1, 100, 1000] {
        let mut fan = Fan::new(sessions);
        let mut turn = records.batches();
        // Every symbol ticks in every batch but for a few.
        let frames = (0..8).map(|_| fan.pulse(turn.next().expect("it goes round"))).sum::<usize>() / 8;
        group.throughput(Throughput::Elements(if sessions == 0 { BATCH } else { frames } as u64));
        group.bench_function(format!("{sessions} sessions"), |b| {
            b.iter(|| fan.pulse(turn.next().expect("it goes round")));
        });
    }
}

impl Fan {
    fn new(sessions: usize) -> Self {
        let now = Instant::now();
        // A session subscribes to more at once than a client may say at once.
        let settings = Settings {
            frame_rate: tickcast::session::FrameRate { frames_per_s: 1e6, burst: 1e6 },
            ..Settings::default()
        };
        let mut fan = Self {
            ingest: Ingest::new(SYMBOLS),
            inbox: Inbox::default(),
            delivery: Delivery::default(),
            shard: Shard::new(settings.into(), std::sync::Arc::<Recordings>::default(), now),
            sessions: Vec::new(),
            out: BytesMut::with_capacity(64 * 1024),
            now,
        };
        fan.sessions = (0..sessions).map(|number| fan.open(number)).collect();
        fan.drain();
        fan
    }

    /// A session that has subscribed to every symbol.
    fn open(&mut self, number: usize) -> SessionKey {
        let key = self.shard.open(number.to_string(), (), self.now);
        let mut say = |text: String| self.shard.receive(key, self.now, Inbound::Data(text.as_bytes()));
        say("CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0".to_owned());
        for symbol in 0..SYMBOLS {
            say(format!("SUBSCRIBE\nid:s{symbol}\ndestination:/topic/price.stock.S{symbol}\n\n\0"));
        }
        key
    }

    /// How many frames came of these records.
    fn pulse(&mut self, records: &[Vec<u8>]) -> usize {
        self.ingest.fold(records);
        self.ingest.publish();
        self.inbox.handover.deliver(&self.ingest.batch.newest, &[]);
        assert!(self.inbox.handover.poll_fetch(&mut self.delivery, Waker::noop()).is_ready());
        self.shard.take(&mut self.delivery, self.now);
        self.drain()
    }

    fn drain(&mut self) -> usize {
        let Self { shard, sessions, out, now, .. } = self;
        let mut frames = 0;
        for key in sessions {
            loop {
                out.clear();
                let mut sink = Writer(out);
                let (output, transmitted) = shard.poll_transmit(*key, *now, &mut sink, Waker::noop());
                frames += transmitted.messages as usize;
                if output != Output::Ready {
                    break;
                }
            }
        }
        frames
    }
}
