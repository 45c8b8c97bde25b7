//! Fetching from the log what there was no room for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::KafkaError;

use super::{
    Copy,
    again::Found,
    room::RECORDS_MAX,
    worker::{ENTRIES_MAX, RETRY_INTERVAL, Worker},
};

impl Worker {
    /// Does so once what there was room for is set aside.
    pub(super) fn read_again(&mut self, now: Instant) {
        if !self.again.is_reading() {
            if now < self.again_at || !self.pending.is_empty() || self.shared.room.records() > RECORDS_MAX / 2
            {
                return;
            }
            let mut ledger = self.shared.ledger();
            self.shared.metrics.known.inc_by(ledger.settle_known());
            let Some(stretch) = ledger.missed(RECORDS_MAX / 2) else { return };
            drop(ledger);
            if let Err(error) = self.again.begin(stretch) {
                return self.give_up_stretch(now, &error);
            }
        }
        for _ in 0..ENTRIES_MAX {
            let shared = &self.shared;
            match self.again.poll(Duration::ZERO, |place| shared.ledger().reason(place)) {
                Some(Found::Bad(record)) => {
                    let place = record.place.clone();
                    let Some(seat) = self.shared.room.take(record.original.bytes()) else {
                        return self.again.end();
                    };
                    self.shared.ledger().hold(&place);
                    self.take(Arc::new(Copy { record, is_alone: false, _seat: seat }));
                    if self.again.ends_at(&place) {
                        self.shared.ledger().lose_before(&place);
                        return self.again.end();
                    }
                }
                Some(Found::Other) => {}
                Some(Found::End(place)) => {
                    self.shared.ledger().lose_before(&place);
                    return self.again.end();
                }
                Some(Found::Trouble(error)) => return self.give_up_stretch(now, &error),
                None => return,
            }
        }
    }

    fn give_up_stretch(&mut self, now: Instant, error: &KafkaError) {
        self.again.end();
        self.again_at = now + RETRY_INTERVAL;
        self.tell(&format!("what waits can't be read from {}: {error}", self.source));
    }
}
