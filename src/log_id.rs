//! Which log it is that is read: what makes offsets comparable, with those of another instance as with those of before
//! a restart.
//!
//! This room is pure.

use std::fmt;

use crate::publication::Epoch;

/// A topic of a cluster, told from one that had its name before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogId {
    /// The cluster's own name; empty where the broker tells none.
    pub cluster: String,
    /// The topic's name.
    pub topic: String,
    /// The topic's own identity (KIP-516); empty where the broker tells none.
    pub topic_id: String,
}

impl LogId {
    /// What clients are told of it in `epoch`: the same on every instance, and another one when the topic is made anew.
    pub fn epoch(&self) -> Epoch {
        self.hashed("")
    }

    /// The epoch after an event by which some offsets have come to stand for other records, such as a partition that
    /// was truncated. `event` tells it from others. Only who saw the event knows it: whoever starts later without a
    /// checkpoint has [`Self::epoch`] again.
    pub fn epoch_after(&self, event: &str) -> Epoch {
        self.hashed(event)
    }

    fn hashed(&self, event: &str) -> Epoch {
        let Self { cluster, topic, topic_id } = self;
        let name = [cluster, topic, topic_id, event].map(str::as_bytes).join(&b'/');
        format!("{:016x}", fnv_1a(&name)).into()
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, topic, topic_id } = self;
        write!(f, "topic {topic} ({topic_id}) of cluster {cluster}")
    }
}

/// FNV-1a, 64 bits: the same for ever and everywhere, which the standard library's hash isn't.
fn fnv_1a(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_made_anew_and_a_truncated_one_have_other_epochs() {
        let log = LogId { cluster: "c".into(), topic: "ticks".into(), topic_id: "1".into() };
        let anew = LogId { topic_id: "2".into(), ..log.clone() };
        let epochs =
            [log.epoch(), anew.epoch(), log.epoch_after("partition 3 truncated"), log.epoch_after("x")];
        for (at, epoch) in epochs.iter().enumerate() {
            assert!(!epochs[..at].contains(epoch), "{epochs:?}");
        }
        assert_eq!(log.epoch(), log.clone().epoch());
    }

    #[test]
    fn the_epochs_hash_is_fnv_1a() {
        // From the algorithm's own test vectors.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
