//! The last value of each symbol, and who wants to hear of the next one.
//!
//! Each shard has a cache of its own. The publications are shared, the table isn't; so a snapshot
//! is a look into a table of the same thread, and a subscription can't race with an update.

mod routes;

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use slab::Slab;

use crate::{
    conflation::{Kind, Removed},
    destination::Pattern,
    market::Symbol,
    publication::{Publication, SymbolId},
};

pub use self::routes::{Route, Routes};

/// A topic's number on its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicId(pub(crate) u32);

impl TopicId {
    /// No topic.
    pub(crate) const NONE: Self = Self(u32::MAX);

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One symbol's place on a shard. It exists once the symbol has published, or while somebody waits
/// for it to.
#[derive(Debug)]
pub struct Topic {
    /// The symbol.
    pub symbol: Symbol,
    /// Its newest state, if it ever had one.
    pub current: Option<Arc<Publication>>,
    /// Whom to tell of a newer one.
    pub routes: Routes,
    /// Whom to give each tick.
    pub recorders: Vec<Route>,
}

/// Whether a publication's symbol had a topic already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It has published before on this shard.
    Known(TopicId),
    /// This is its first publication: wildcards haven't seen it.
    New(TopicId),
}

/// How the feed is.
#[derive(Debug)]
pub struct FeedNotice {
    /// How often it has changed.
    pub number: u64,
    /// What is told of it.
    pub json: Arc<str>,
}

impl Default for FeedNotice {
    fn default() -> Self {
        Self { number: 0, json: r#"{"status":"live"}"#.into() }
    }
}

/// The topics of one shard.
#[derive(Debug, Default)]
pub struct LastValueCache {
    feed: FeedNotice,
    topics: Slab<Topic>,
    /// In order, so that those with a common beginning stand together.
    by_symbol: BTreeMap<Symbol, TopicId>,
    /// By [`SymbolId`]: where the symbols that have published are.
    by_id: Vec<Option<TopicId>>,
}

impl LastValueCache {
    /// Replaces a symbol's state. Publications come in the log's order, so that the newer one wins.
    pub fn put(&mut self, publication: Arc<Publication>) -> Put {
        let SymbolId(index) = publication.id;
        let index = index as usize;
        if let Some(&Some(id)) = self.by_id.get(index) {
            self.topics[id.index()].current = Some(publication);
            return Put::Known(id);
        }
        if self.by_id.len() <= index {
            self.by_id.resize(index + 1, None);
        }
        let id = self.topic_of(&publication.symbol);
        self.by_id[index] = Some(id);
        self.topics[id.index()].current = Some(publication);
        Put::New(id)
    }

    /// How the feed is.
    pub const fn feed(&self) -> &FeedNotice {
        &self.feed
    }

    /// The feed's status has changed to what this JSON tells.
    pub fn set_feed(&mut self, json: Arc<str>) {
        self.feed = FeedNotice { number: self.feed.number + 1, json };
    }

    /// The symbol's topic; it's made if there is none.
    pub fn topic_of(&mut self, symbol: &Symbol) -> TopicId {
        if let Some(&id) = self.by_symbol.get(symbol) {
            return id;
        }
        let topic =
            Topic { symbol: symbol.clone(), current: None, routes: Routes::default(), recorders: Vec::new() };
        let index = u32::try_from(self.topics.insert(topic)).expect("symbols and subscriptions are bounded");
        let id = TopicId(index);
        self.by_symbol.insert(symbol.clone(), id);
        id
    }

    /// A topic.
    pub fn topic(&self, id: TopicId) -> &Topic {
        &self.topics[id.index()]
    }

    /// The topic of a symbol that has published. It stays, while one of a symbol that was only
    /// subscribed to goes with its last route.
    pub fn published(&self, symbol: &str) -> Option<TopicId> {
        self.by_symbol.get(symbol).copied().filter(|id| self.topics[id.index()].current.is_some())
    }

    /// All newest states, by symbol number, and their topics, which stay.
    pub fn iter(&self) -> impl Iterator<Item = (TopicId, &Arc<Publication>)> {
        self.by_id.iter().flatten().filter_map(|id| Some((*id, self.topics[id.index()].current.as_ref()?)))
    }

    /// The newest states of the symbols that the pattern takes, and their topics. Only those are
    /// looked at.
    pub fn matching(&self, pattern: &Pattern) -> Vec<TopicId> {
        let prefix = match pattern {
            Pattern::All => return self.iter().map(|(topic, _)| topic).collect(),
            Pattern::Prefix(prefix) => prefix.as_str(),
        };
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.by_symbol
            .range::<str, _>(from)
            .take_while(|(symbol, _)| symbol.as_str().starts_with(prefix))
            .map(|(_, topic)| *topic)
            .filter(|topic| self.topics[topic.index()].current.is_some())
            .collect()
    }

    /// The topic of a publication's symbol, which has published before.
    pub fn topic_of_publication(&self, publication: &Publication) -> Option<&Topic> {
        let id = self.by_id.get(publication.id.0 as usize)?.as_ref()?;
        Some(&self.topics[id.index()])
    }

    /// Adds a route for a slot of this kind; answers its place in the topic's list. A state that is sent once needs none.
    pub fn add_route(&mut self, id: TopicId, kind: Kind, route: Route) -> u32 {
        let topic = &mut self.topics[id.index()];
        match kind {
            Kind::State => topic.routes.push(route),
            Kind::Record => {
                topic.recorders.push(route);
                u32::try_from(topic.recorders.len() - 1).expect("sessions are bounded")
            }
            Kind::Once | Kind::Turn => 0,
        }
    }

    /// Takes a route away. The last one of the list takes its place; it's answered, for its slot to
    /// be told.
    pub fn remove_route(&mut self, Removed { topic: id, route: place, kind }: Removed) -> Option<Route> {
        let topic = &mut self.topics[id.index()];
        let moved = match kind {
            Kind::State => topic.routes.swap_remove(place),
            Kind::Record => {
                topic.recorders.swap_remove(place as usize);
                topic.recorders.get(place as usize).copied()
            }
            Kind::Once | Kind::Turn => return None,
        };
        if topic.recorders.is_empty() {
            topic.recorders = Vec::new();
        }
        if topic.current.is_none() && topic.routes.is_empty() && topic.recorders.is_empty() {
            // Nobody waits any longer for a symbol that never published.
            let topic = self.topics.remove(id.index());
            self.by_symbol.remove(&topic.symbol);
        }
        moved
    }

    /// All topics, those that never published included.
    #[cfg(test)]
    pub(crate) fn topics(&self) -> impl Iterator<Item = (TopicId, &Topic)> {
        self.topics.iter().map(|(index, topic)| (TopicId(index as u32), topic))
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conflation::{Baseline, Outbox},
        publication::tests::publication,
    };

    #[test]
    fn the_newest_publication_is_the_current_one() {
        let mut cache = LastValueCache::default();
        assert!(matches!(cache.put(publication(3, "A", 1)), Put::New(_)));
        assert!(matches!(cache.put(publication(3, "A", 2)), Put::Known(_)));
        let topic = cache.published("A").unwrap();
        assert_eq!(cache.topic(topic).current.as_ref().unwrap().ordinal, 2);
        assert_eq!(cache.published("B"), None);
        assert_eq!(cache.iter().count(), 1);
    }

    #[test]
    fn a_topic_that_nobody_waits_for_any_longer_is_forgotten() {
        let mut cache = LastValueCache::default();
        let id = cache.topic_of(&Symbol::parse("A").unwrap());
        let slot = Outbox::default().insert(0, Kind::State, id, Baseline::Snapshot);
        let [first, second] = [0, 1].map(|session| Route { session, slot });
        assert_eq!([first, second].map(|route| cache.add_route(id, Kind::State, route)), [0, 1]);
        assert_eq!(cache.add_route(id, Kind::Record, first), 0);
        let removed = |kind| Removed { topic: id, route: 0, kind };
        assert_eq!(cache.remove_route(removed(Kind::State)), Some(second));
        assert_eq!(cache.remove_route(removed(Kind::State)), None);
        assert_eq!(cache.len(), 1, "somebody waits for its ticks");
        assert_eq!(cache.remove_route(removed(Kind::Record)), None);
        assert!(cache.is_empty());
    }
}
