//! Heart-beat negotiation (specification, "Heart-beating").

use std::time::Duration;

/// What one side offers in its `heart-beat` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeartBeat {
    /// The smallest interval between the beats that it can send; zero: it can't.
    pub can_send: Duration,
    /// The interval at which it would like to get them; zero: it doesn't want any.
    pub wants: Duration,
}

impl HeartBeat {
    /// Reads `x,y`, two whole numbers of milliseconds.
    pub fn parse(text: &str) -> Option<Self> {
        let (can_send, wants) = text.split_once(',')?;
        Some(Self { can_send: milliseconds(can_send)?, wants: milliseconds(wants)? })
    }

    /// The interval at which this side sends to `peer`, if at all: the larger of what it can and
    /// what the peer wants.
    pub fn interval_towards(self, peer: Self) -> Option<Duration> {
        let on = !self.can_send.is_zero() && !peer.wants.is_zero();
        on.then(|| self.can_send.max(peer.wants))
    }
}

impl std::fmt::Display for HeartBeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", self.can_send.as_millis(), self.wants.as_millis())
    }
}

fn milliseconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // 32 bits are 49 days: long enough to never beat, short enough to never overflow a deadline.
    is_number.then(|| text.parse().unwrap_or(u32::MAX)).map(|ms| Duration::from_millis(u64::from(ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_is_the_larger_of_both_wishes_or_off() {
        let server = HeartBeat::parse("10000,10000").unwrap();
        for (client, to_client, to_server) in [
            ("0,0", None, None),
            ("10000,10000", Some(10_000), Some(10_000)),
            ("500,30000", Some(30_000), Some(10_000)),
            ("30000,0", None, Some(30_000)),
        ] {
            let client = HeartBeat::parse(client).unwrap();
            let ms = |interval: Option<Duration>| interval.map(|interval| interval.as_millis());
            assert_eq!(ms(server.interval_towards(client)), to_client);
            assert_eq!(ms(client.interval_towards(server)), to_server);
        }
    }

    #[test]
    fn garbage_is_none() {
        for text in ["", "1", "1,", ",1", "a,b", "-1,0", "1,2,3", "1.5,0", "+1,0"] {
            assert_eq!(HeartBeat::parse(text), None, "{text}");
        }
    }
}
