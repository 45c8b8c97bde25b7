//! Routes: which slots of which sessions hear of a symbol.

use super::Shard;
use crate::{
    conflation::{Baseline, Kind, Pace, Stamp},
    destination::{Pattern, Symbols},
    last_value_cache::{Route, TopicId},
    publication::Status,
    session::{Delivery, Wanted},
};

/// A subscription that takes symbols which appear later.
#[derive(Debug)]
pub(super) struct Wildcard {
    pub(super) session: u32,
    pub(super) subscription: u32,
    pub(super) pattern: Pattern,
    /// What its slots are.
    pub(super) kind: Kind,
}

/// How many routes may be made or taken away for the price of a frame: 256 take some 6 µs, what an
/// ordinary frame takes. So a wildcard over many symbols, asked for again and again, costs its own
/// client's budget and not the other clients' time.
const ROUTES_A_FRAME: f64 = 256.0;

/// How many slots, or subscriptions to wildcards, may be looked at for that price.
const LOOKS_A_FRAME: f64 = 8192.0;

impl<C> Shard<C> {
    /// Begins a subscription: at once, or if it wants every tick, when those come.
    pub(super) fn subscribe(
        &mut self,
        place: u32,
        subscription: u32,
        wanted: Wanted,
        receipt: Option<String>,
    ) {
        if wanted.delivery == Delivery::Every {
            self.record_for(place, subscription, wanted, receipt);
        } else {
            self.begin(place, subscription, &wanted, receipt.as_deref());
        }
    }

    /// Makes a subscription's routes, queues its snapshot, and tells the session.
    pub(super) fn begin(&mut self, place: u32, subscription: u32, wanted: &Wanted, receipt: Option<&str>) {
        let Wanted { symbols, delivery, snapshot } = wanted;
        let kind = match delivery {
            Delivery::Latest => Kind::State,
            Delivery::Every => Kind::Record,
            Delivery::Once => Kind::Once,
        };
        let newest = match symbols {
            Some(Symbols::One(symbol)) => {
                let topic = match kind {
                    Kind::Once => self.cache.published(symbol.as_str()),
                    _ => Some(self.cache.topic_of(symbol)),
                };
                if let Some(topic) = topic {
                    self.add_route(topic, place, subscription, kind, *snapshot);
                }
                let newest = topic.and_then(|topic| self.cache.topic(topic).current.clone());
                newest.filter(|publication| publication.status == Status::Listed)
            }
            Some(Symbols::Matching(pattern)) => {
                let topics = self.cache.matching(pattern);
                self.sessions[place as usize].session.charge(topics.len() as f64 / ROUTES_A_FRAME);
                for topic in topics {
                    self.add_route(topic, place, subscription, kind, *snapshot);
                }
                if kind != Kind::Once {
                    let pattern = pattern.clone();
                    self.wildcards.push(Wildcard { session: place, subscription, pattern, kind });
                }
                None
            }
            None => None,
        };
        let mut pace = Pace { wheel: &mut self.wheel, session: place };
        let session = &mut self.sessions[place as usize].session;
        session.confirm(subscription, receipt, newest.as_deref(), &mut pace);
        if let (Delivery::Once, Some(Symbols::One(symbol)), None) = (delivery, symbols, newest) {
            session.note_unknown(symbol);
        }
    }

    /// Ends a subscription.
    pub(super) fn unsubscribe(&mut self, place: u32, subscription: u32, is_wildcard: bool, is_every: bool) {
        self.take_routes(place, Some(subscription));
        let mut pace = Pace { wheel: &mut self.wheel, session: place };
        self.sessions[place as usize].session.outbox().end(subscription, &mut pace);
        if is_wildcard {
            let looks = self.wildcards.len() as f64;
            self.sessions[place as usize].session.charge(looks / LOOKS_A_FRAME);
            self.wildcards.retain(|it| (it.session, it.subscription) != (place, subscription));
        }
        if is_every {
            self.recorders.end(place, subscription);
        }
    }

    /// Routes a topic to a subscription, and queues the snapshot if it's owed one. A delisted symbol has no state to
    /// take a snapshot of.
    fn add_route(&mut self, topic: TopicId, place: u32, subscription: u32, kind: Kind, snapshot: bool) {
        let baseline = match &self.cache.topic(topic).current {
            Some(newest) if snapshot && newest.status == Status::Listed => Baseline::Snapshot,
            Some(_) if kind == Kind::Once => return,
            Some(newest) => Baseline::After(Stamp::from(&***newest)),
            None => Baseline::After(Stamp::START),
        };
        self.add_slot(topic, place, subscription, kind, baseline);
    }

    fn add_slot(&mut self, topic: TopicId, place: u32, subscription: u32, kind: Kind, baseline: Baseline) {
        let outbox = self.sessions[place as usize].session.outbox();
        let slot = outbox.insert(subscription, kind, topic, baseline);
        outbox.set_route(slot, self.cache.add_route(topic, kind, Route { session: place, slot }));
        if baseline == Baseline::Snapshot {
            outbox.mark(slot);
        }
    }

    /// Takes away the routes to one subscription of a session, or to all of them.
    pub(super) fn take_routes(&mut self, place: u32, subscription: Option<u32>) {
        let session = &mut self.sessions[place as usize].session;
        let slots = match subscription {
            Some(subscription) => session.outbox().slots_of(subscription),
            None => session.outbox().slots(),
        };
        let looks = if slots.len() > 1 { session.outbox().places() } else { 0 };
        session.charge(slots.len() as f64 / ROUTES_A_FRAME + looks as f64 / LOOKS_A_FRAME);
        for slot in slots {
            let mut pace = Pace { wheel: &mut self.wheel, session: place };
            let removed = self.sessions[place as usize].session.outbox().remove(slot, &mut pace);
            if let Some(moved) = self.cache.remove_route(removed) {
                let outbox = self.sessions[moved.session as usize].session.outbox();
                outbox.set_route(moved.slot, removed.route);
            }
        }
    }

    /// A symbol published for the first time: whoever wanted it before it was known gets a route.
    pub(super) fn expand_wildcards(&mut self, topic: TopicId) {
        let symbol = self.cache.topic(topic).symbol.clone();
        for at in 0..self.wildcards.len() {
            let Wildcard { session, subscription, ref pattern, kind } = self.wildcards[at];
            if pattern.takes(symbol.as_ref()) {
                self.add_slot(topic, session, subscription, kind, Baseline::After(Stamp::START));
            }
        }
    }
}
