//! What all sessions of a load share: what they say, and how they read what they hear.

use std::{cell::RefCell, collections::HashMap};

use foldhash::fast::RandomState;
use memchr::memmem::Finder;

use super::plan::Plan;
use crate::{client::Upgrade, clock::now_us};

/// What all sessions share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Plan,
    pub(super) upgrade: Upgrade,
    /// The masking key of all that is sent.
    pub(super) mask: [u8; 4],
    /// Whether a session is open only when each subscription has had a message.
    pub(super) await_snapshots: bool,
    destinations: Vec<String>,
    time_key: Finder<'static>,
    /// The ids of destinations that wildcards have brought.
    brought: Option<RefCell<HashMap<Vec<u8>, usize, RandomState>>>,
}

impl Shared {
    pub(super) fn new(plan: Plan, destinations: Vec<String>, await_snapshots: bool) -> Self {
        let is_wildcard = destinations.iter().any(|destination| destination.contains(['*', '#', '>']));
        let host = plan.authority();
        let random = Random::draw();
        Self {
            upgrade: Upgrade::new(&host, &plan.path, plan.origin.as_deref(), random.nonce),
            mask: random.mask,
            await_snapshots: await_snapshots && !is_wildcard,
            time_key: Finder::new(plan.age.key.as_bytes()).into_owned(),
            destinations,
            brought: is_wildcard.then(RefCell::default),
            plan,
        }
    }

    pub(super) fn now_us(&self) -> u64 {
        now_us().unsigned_abs()
    }

    /// Subscriptions of each session.
    pub(super) fn subscriptions(&self) -> usize {
        self.plan.subscriptions
    }

    /// How many different destinations are subscribed to.
    pub(super) fn destinations(&self) -> usize {
        self.destinations.len()
    }

    /// What a subscription of a session is for: the sessions take the destinations in turn, so that each has as many
    /// subscribers as any other, give or take one.
    pub(super) fn destination(&self, session: usize, subscription: usize) -> &str {
        &self.destinations[self.place(session, subscription)]
    }

    /// The number of that destination.
    pub(super) fn place(&self, session: usize, subscription: usize) -> usize {
        (session * self.plan.subscriptions + subscription) % self.destinations.len()
    }

    /// Whether messages come of other destinations than those that were subscribed to.
    pub(super) fn is_wildcard(&self) -> bool {
        self.brought.is_some()
    }

    /// The time that a body tells, in microseconds since the Unix epoch.
    pub(super) fn time_us(&self, body: &[u8]) -> Option<u64> {
        let at = self.time_key.find(body)? + self.time_key.needle().len();
        let value = body[at..].iter().skip_while(|byte| matches!(byte, b' ' | b'"'));
        let mut count = None;
        for digit in value.take_while(|byte| byte.is_ascii_digit()) {
            count = Some(count.unwrap_or(0_u64).wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
        }
        count.map(|count| self.plan.age.unit.to_us(count))
    }

    /// The number of a destination that a wildcard has brought; none if no wildcard was subscribed to.
    pub(super) fn brought(&self, destination: &[u8]) -> Option<usize> {
        let mut brought = self.brought.as_ref()?.borrow_mut();
        if let Some(id) = brought.get(destination) {
            return Some(*id);
        }
        let id = brought.len();
        brought.insert(destination.to_vec(), id);
        Some(id)
    }
}

/// What RFC 6455 wants nobody to guess.
struct Random {
    nonce: [u8; 16],
    mask: [u8; 4],
}

impl Random {
    /// A page could not choose what this program sends: without the system's randomness fixed bytes do no harm.
    fn draw() -> Self {
        let mut this = Self { nonce: *b"tickcast's nonce", mask: *b"mask" };
        let _ = getrandom::fill(&mut this.nonce).and_then(|()| getrandom::fill(&mut this.mask));
        this
    }
}
