//! What a shard's sessions have sent, until it's added to the metrics.
//!
//! All shards share those: added for each write they would be passed from core to core, five of them a write. So they
//! are added once a sweep over the sessions that had something to send.

use std::cell::Cell;

use crate::{metrics::SessionMetrics, transport::Transport};

/// Counts since they were last added to the metrics.
#[derive(Debug, Default)]
pub(super) struct Tally {
    transports: [Sent; Transport::ALL.len()],
    conflated: Cell<u64>,
    has_counted: Cell<bool>,
}

/// By way of one transport.
#[derive(Debug, Default)]
struct Sent {
    messages: Cell<u64>,
    bytes: Cell<u64>,
    writes: Cell<u64>,
}

impl Tally {
    /// Counts MESSAGE frames, and the ticks that were folded into them. Like the others it answers whether it's the first
    /// count: somebody has to see to it that it's added.
    pub(super) fn count_messages(&self, transport: Transport, messages: u64, conflated: u64) -> bool {
        self.conflated.update(|count| count + conflated);
        self.count(&self.of(transport).messages, messages)
    }

    /// Counts bytes.
    pub(super) fn count_bytes(&self, transport: Transport, bytes: u64) -> bool {
        self.count(&self.of(transport).bytes, bytes)
    }

    /// Counts writes.
    pub(super) fn count_writes(&self, transport: Transport, writes: u64) -> bool {
        self.count(&self.of(transport).writes, writes)
    }

    /// Adds everything to the metrics.
    pub(super) fn add_to(&self, metrics: &SessionMetrics) {
        if !self.has_counted.replace(false) {
            return;
        }
        metrics.conflated.inc_by(self.conflated.take());
        for transport in Transport::ALL {
            let (sent, metrics) = (self.of(transport), metrics.of(transport));
            metrics.messages.inc_by(sent.messages.take());
            metrics.bytes.inc_by(sent.bytes.take());
            metrics.writes.inc_by(sent.writes.take());
        }
    }

    const fn of(&self, transport: Transport) -> &Sent {
        &self.transports[transport as usize]
    }

    fn count(&self, what: &Cell<u64>, more: u64) -> bool {
        what.update(|count| count + more);
        !self.has_counted.replace(true)
    }
}

#[cfg(test)]
mod tests {
    use prometheus::IntCounter;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn everything_is_added_once() {
        let (tally, metrics) = (Tally::default(), Metrics::new().sessions);
        assert!(tally.count_messages(Transport::Xhr, 2, 5));
        assert!(!tally.count_bytes(Transport::Xhr, 300));
        assert!(!tally.count_writes(Transport::Websocket, 1));
        tally.add_to(&metrics);
        tally.add_to(&metrics);
        let counts = |transport: Transport| {
            let metrics = metrics.of(transport);
            [&metrics.messages, &metrics.bytes, &metrics.writes].map(IntCounter::get)
        };
        assert_eq!(counts(Transport::Xhr), [2, 300, 0]);
        assert_eq!(counts(Transport::Websocket), [0, 0, 1]);
        assert_eq!(metrics.conflated.get(), 5);
        assert!(tally.count_writes(Transport::Websocket, 1), "it has begun anew");
    }
}
