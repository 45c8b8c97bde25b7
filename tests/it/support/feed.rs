//! A producer of records of any kind: ticks, tombstones, and what no tick should look like.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};

use super::{server::Server, wait::PATIENCE};

/// Publishes to a server's broker. As long as it is the only one who does, it knows each record's
/// offset: the embedded broker's topic has one partition and counts from zero.
pub(crate) struct Feed {
    producer: BaseProducer,
    next_offset: Cell<u64>,
}

impl Feed {
    /// A producer to the server's broker.
    pub(crate) fn to(server: &Server) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &server.kafka)
            .set("linger.ms", "1")
            .set("queue.buffering.max.messages", "1000000")
            .create()
            .unwrap();
        Self { producer, next_offset: Cell::new(0) }
    }

    /// Publishes a JSON tick of `symbol` with further fields, such as `"price":1`; its offset.
    pub(crate) fn tick(&self, symbol: &str, fields: &str) -> u64 {
        let payload = format!(r#"{{"symbol":"{symbol}",{fields}}}"#);
        self.record(Some(symbol), Some(payload.as_bytes()), None)
    }

    /// Publishes a tombstone; its offset.
    pub(crate) fn tombstone(&self, symbol: &str) -> u64 {
        self.record(Some(symbol), None, None)
    }

    /// Publishes a record and waits until the broker has it; its offset.
    pub(crate) fn record(&self, key: Option<&str>, value: Option<&[u8]>, content_type: Option<&str>) -> u64 {
        let offset = self.queue(key, value, content_type);
        self.flush();
        offset
    }

    /// Publishes a trade at `price` in each of the symbols, in one batch; the last one's offset.
    pub(crate) fn round<'a>(&self, symbols: impl IntoIterator<Item = &'a String>, price: u64) -> u64 {
        let mut last = 0;
        for symbol in symbols {
            let payload = format!(r#"{{"symbol":"{symbol}","price":{price},"size":1}}"#);
            last = self.queue(Some(symbol), Some(payload.as_bytes()), None);
        }
        self.flush();
        last
    }

    /// Publishes a record to a partition, with a time in milliseconds, and waits until the broker has it.
    pub(crate) fn at(&self, partition: i32, time_ms: i64, key: &str, value: &str) {
        let record = BaseRecord::to("ticks").partition(partition).timestamp(time_ms).key(key).payload(value);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.flush();
    }

    /// Queues a record; the offset that it will have.
    pub(crate) fn queue(&self, key: Option<&str>, value: Option<&[u8]>, content_type: Option<&str>) -> u64 {
        let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to("ticks");
        record.key = key;
        record.payload = value;
        if let Some(content_type) = content_type {
            let header = Header { key: "content-type", value: Some(content_type) };
            record = record.headers(OwnedHeaders::new().insert(header));
        }
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.next_offset.replace(self.next_offset.get() + 1)
    }

    /// Waits until the broker has every record.
    pub(crate) fn flush(&self) {
        let deadline = Instant::now() + PATIENCE;
        // The producer's own flush looks every 100 ms only.
        while self.producer.in_flight_count() > 0 {
            assert!(Instant::now() < deadline, "records are not acknowledged within {PATIENCE:?}");
            self.producer.poll(Duration::from_millis(1));
        }
    }
}
