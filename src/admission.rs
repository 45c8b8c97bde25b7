//! Who may open a session: so many at a time and so many a second, in the whole process and from each
//! address.
//!
//! A refusal tells when to come again, and each one a second later than the one before: so those who
//! came together come again spread out, at about the rate at which they are let in.

use core::net::IpAddr;
use std::{collections::HashMap, time::Instant};

/// How many sessions there may be, and how fast they may come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Sessions open at a time.
    pub sessions_max: usize,
    /// New sessions, in the whole process.
    pub rate: Rate,
    /// Sessions open at a time from one address; `None` for any number.
    pub sessions_per_address_max: Option<usize>,
    /// New sessions from one address.
    pub rate_per_address: Rate,
}

/// Tokens a second, and how many may be saved up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// New sessions a second; infinite where there is no limit.
    pub per_s: f64,
    /// New sessions at once, after a pause.
    pub burst: f64,
}

/// Why a session isn't let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There are as many as there may be.
    #[error("there are as many sessions as there may be")]
    Sessions,
    /// They come too fast.
    #[error("there are too many new sessions at once")]
    Rate,
    /// The address has as many as it may have.
    #[error("there are as many sessions from this address as there may be")]
    SessionsOfAddress,
    /// They come too fast from the address.
    #[error("there are too many new sessions at once from this address")]
    RateOfAddress,
}

/// The sessions that are open, and what is left to let in.
///
/// An address is remembered while it has a session or its bucket isn't full again. The former are at
/// most [`Limits::sessions_max`]; the latter at most what the whole process lets in while a bucket fills,
/// which for one token are 50 ms. With the defaults 20,000 and, after a pause, a burst of 20,000; before
/// they are swept twice as many: 80,000 of 56 bytes each are 4.5 MB, if each session of a flood comes from
/// an address of its own. Those refused for the whole process's sake are not remembered.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    sessions: usize,
    bucket: Bucket,
    addresses: HashMap<Source, Usage>,
    /// How many addresses there have to be before those are looked for that needn't be remembered.
    sweep_at: usize,
    refusals: u64,
}

/// What counts as one address: an IPv4 address, or the 64 bits of an IPv6 network that one customer has
/// at least (RFC 6177) and takes addresses from as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The address.
    V4([u8; 4]),
    /// The network's prefix.
    V6([u16; 4]),
}

#[derive(Debug)]
struct Usage {
    sessions: usize,
    bucket: Bucket,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// Below it nobody looks for addresses to forget.
const SWEEP_MIN: usize = 1024;

/// The longest that somebody is told to wait, in seconds.
const RETRY_MAX_S: u64 = 30;

impl Admission {
    /// Nobody is in.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            sessions: 0,
            bucket: Bucket::full(limits.rate, now),
            addresses: HashMap::new(),
            sweep_at: SWEEP_MIN,
            refusals: 0,
            limits,
        }
    }

    /// Lets a session in, which has to [`leave`](Self::leave).
    ///
    /// # Errors
    /// Which limit stands against it.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> Result<(), Refused> {
        let limits = self.limits;
        if self.sessions >= limits.sessions_max {
            return Err(Refused::Sessions);
        }
        if self.bucket.refill(limits.rate, now) < 1.0 {
            return Err(Refused::Rate);
        }
        if let Some(source) = limits.source(address) {
            self.sweep(now);
            let usage = self.addresses.entry(source);
            let usage = usage.or_insert_with(|| Usage::none(limits.rate_per_address, now));
            if limits.sessions_per_address_max.is_some_and(|max| usage.sessions >= max) {
                return Err(Refused::SessionsOfAddress);
            }
            if usage.bucket.refill(limits.rate_per_address, now) < 1.0 {
                return Err(Refused::RateOfAddress);
            }
            usage.bucket.tokens -= 1.0;
            usage.sessions += 1;
        }
        self.bucket.tokens -= 1.0;
        self.sessions += 1;
        Ok(())
    }

    /// A session that was let in from the address is over.
    pub fn leave(&mut self, address: IpAddr) {
        self.sessions -= 1;
        let source = self.limits.source(address);
        if let Some(usage) = source.and_then(|source| self.addresses.get_mut(&source)) {
            usage.sessions -= 1;
        }
    }

    /// In how many seconds somebody who was just refused is to come again: with each refusal a second
    /// later, as far as it takes to let all sessions in anew.
    pub fn retry_after_s(&mut self) -> u64 {
        let limits = &self.limits;
        let spread_s = (limits.sessions_max as f64 / limits.rate.per_s).ceil() as u64;
        self.refusals += 1;
        1 + self.refusals % spread_s.clamp(5, RETRY_MAX_S)
    }

    /// Forgets the addresses without sessions whose buckets are full again, once there are twice as many
    /// addresses as were left the last time: so each costs two looks, however many there are.
    fn sweep(&mut self, now: Instant) {
        if self.addresses.len() < self.sweep_at {
            return;
        }
        let rate = self.limits.rate_per_address;
        self.addresses.retain(|_, usage| usage.sessions > 0 || usage.bucket.refill(rate, now) < rate.burst);
        self.sweep_at = SWEEP_MIN.max(2 * self.addresses.len());
    }
}

impl Limits {
    /// Whose limits count for the address. Loopback has none: whoever is on this machine is a proxy that
    /// wasn't named, or a load test.
    fn source(&self, address: IpAddr) -> Option<Source> {
        let is_limited = self.sessions_per_address_max.is_some() || self.rate_per_address.per_s.is_finite();
        (is_limited && !address.to_canonical().is_loopback()).then(|| Source::of(address))
    }
}

impl Source {
    /// What the address counts as. An IPv4 address written as IPv6 is one of IPv4.
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl Usage {
    const fn none(rate: Rate, now: Instant) -> Self {
        Self { sessions: 0, bucket: Bucket::full(rate, now) }
    }
}

impl Bucket {
    const fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, filled: now }
    }

    /// Adds what has come since; answers what is there.
    fn refill(&mut self, rate: Rate, now: Instant) -> f64 {
        // Worker threads don't ask in the order in which they looked at the clock.
        let elapsed_s = now.saturating_duration_since(self.filled).as_secs_f64();
        if elapsed_s > 0.0 {
            self.tokens = (self.tokens + elapsed_s * rate.per_s).min(rate.burst);
            self.filled = now;
        }
        self.tokens
    }
}

impl Refused {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Sessions, Self::Rate, Self::SessionsOfAddress, Self::RateOfAddress];

    /// One of a closed set, for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sessions => "connections",
            Self::Rate => "accept_rate",
            Self::SessionsOfAddress => "connections_per_ip",
            Self::RateOfAddress => "accept_rate_per_ip",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: Limits = Limits {
        sessions_max: 20_000,
        rate: Rate { per_s: 2000.0, burst: 20_000.0 },
        sessions_per_address_max: Some(1000),
        rate_per_address: Rate { per_s: 20.0, burst: 400.0 },
    };

    fn v4(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    fn v6(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of `asked` are let in from an address.
    fn let_in(admission: &mut Admission, address: IpAddr, asked: usize, now: Instant) -> usize {
        (0..asked).filter(|_| admission.admit(address, now).is_ok()).count()
    }

    #[test]
    fn a_whole_fleet_that_comes_back_at_once_is_let_in_and_so_is_an_office() {
        let now = Instant::now();
        let mut admission = Admission::new(LIMITS, now);
        let dashboards = (0..19_800).map(v4).filter(|address| admission.admit(*address, now).is_ok()).count();
        assert_eq!(dashboards, 19_800);
        assert_eq!(let_in(&mut admission, v6("2001:db8::1"), 200, now), 200);
        assert_eq!(admission.admit(v4(30_000), now), Err(Refused::Sessions));
    }

    #[test]
    fn sessions_come_at_their_rate_after_a_burst() {
        let now = Instant::now();
        let limits = Limits { rate: Rate { per_s: 10.0, burst: 5.0 }, ..LIMITS };
        let mut admission = Admission::new(limits, now);
        assert_eq!(let_in(&mut admission, v4(1), 9, now), 5);
        assert_eq!(admission.admit(v4(2), now), Err(Refused::Rate));
        assert_eq!(let_in(&mut admission, v4(2), 9, now + Duration::from_millis(200)), 2);
        assert_eq!(let_in(&mut admission, v4(2), 9, now + Duration::from_secs(60)), 5);
        // A thread that looked at the clock earlier takes nothing back.
        assert_eq!(admission.admit(v4(2), now), Err(Refused::Rate));
    }

    #[test]
    fn an_address_has_its_own_limits_and_another_has_others() {
        let now = Instant::now();
        let mut admission = Admission::new(LIMITS, now);
        assert_eq!(let_in(&mut admission, v4(1), 900, now), 400);
        assert_eq!(admission.admit(v4(1), now), Err(Refused::RateOfAddress));
        assert_eq!(let_in(&mut admission, v4(2), 1, now), 1);
        let later = now + Duration::from_secs(3600);
        assert_eq!(let_in(&mut admission, v4(1), 900, later), 400);
        assert_eq!(let_in(&mut admission, v4(1), 900, later + Duration::from_secs(3600)), 200);
        assert_eq!(
            admission.admit(v4(1), later + Duration::from_secs(3600)),
            Err(Refused::SessionsOfAddress)
        );
        admission.leave(v4(1));
        assert_eq!(admission.admit(v4(1), later + Duration::from_secs(3600)), Ok(()));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address_and_loopback_as_none() {
        let now = Instant::now();
        let limits = Limits { sessions_per_address_max: Some(1), ..LIMITS };
        let mut admission = Admission::new(limits, now);
        for (address, expected) in [
            ("2001:db8:0:1::1", Ok(())),
            ("2001:db8:0:1:ffff::2", Err(Refused::SessionsOfAddress)),
            ("2001:db8:0:2::1", Ok(())),
            ("198.51.100.1", Ok(())),
            ("::ffff:198.51.100.1", Err(Refused::SessionsOfAddress)),
            ("127.0.0.1", Ok(())),
            ("127.0.0.1", Ok(())),
            ("::1", Ok(())),
            ("::1", Ok(())),
        ] {
            assert_eq!(admission.admit(v6(address), now), expected, "{address}");
        }
    }

    #[test]
    fn addresses_are_forgotten_once_they_make_no_difference() {
        let start = Instant::now();
        let limits = Limits { rate: Rate { per_s: 1e6, burst: 1e6 }, ..LIMITS };
        let mut admission = Admission::new(limits, start);
        let mut most = 0;
        for number in 0..200_000 {
            let now = start + Duration::from_millis(u64::from(number));
            admission.admit(v4(number), now).unwrap();
            admission.leave(v4(number));
            most = most.max(admission.addresses.len());
        }
        // Each has its token back after 50 ms.
        assert!(most <= SWEEP_MIN, "{most} addresses were remembered");
        admission.admit(v4(1), start).unwrap();
        let unlimited = Rate { per_s: f64::INFINITY, burst: f64::INFINITY };
        let limits = Limits { sessions_per_address_max: None, rate_per_address: unlimited, ..limits };
        let mut admission = Admission::new(limits, start);
        assert_eq!(let_in(&mut admission, v4(1), 5000, start), 5000);
        assert!(admission.addresses.is_empty());
    }

    #[test]
    fn those_refused_together_come_again_spread_out() {
        let mut admission = Admission::new(LIMITS, Instant::now());
        let mut told = [0; 32];
        for _ in 0..20_000 {
            told[admission.retry_after_s() as usize] += 1;
        }
        // 20,000 sessions at 2,000/s take ten seconds.
        assert_eq!(told[1..=10], [2000; 10]);
    }
}
