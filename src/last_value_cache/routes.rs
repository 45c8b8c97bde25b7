//! Whom a tick of a symbol concerns: the slots that stand for it, and which of them await news.
//!
//! A slot that is dirty, or rests and has news already, needs no mark: it will be served with the newest state whenever
//! that is. So a tick looks at those slots only that were served since the tick before, and however many ticks come, a
//! slot is looked at once for each message that it's sent. It costs a bit a slot.

use std::cell::Cell;

use crate::conflation::SlotId;

/// One slot of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The session's place on the shard.
    pub session: u32,
    /// The slot in its outbox.
    pub slot: SlotId,
}

/// The slots that stand for a symbol's newest state.
#[derive(Debug, Default)]
pub struct Routes {
    list: Vec<Route>,
    /// A bit for each, lowest first: whether it awaits news. A session says so while it's being served, when nobody can
    /// change the table that it's served from.
    awaiting: Vec<Cell<u64>>,
}

impl Routes {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a slot, which awaits news; answers its place.
    pub(super) fn push(&mut self, route: Route) -> u32 {
        let place = u32::try_from(self.list.len()).expect("sessions are bounded");
        self.list.push(route);
        if self.list.len() > self.awaiting.len() * 64 {
            self.awaiting.push(Cell::default());
        }
        self.await_news(place);
        place
    }

    /// Takes a slot away. The last one takes its place; it's answered, for its slot to be told.
    pub(super) fn swap_remove(&mut self, place: u32) -> Option<Route> {
        let last = self.list.len() - 1;
        let (word, bit) = at(last as u32);
        let last_awaits = self.awaiting[word].get() & bit != 0;
        self.awaiting[word].update(|bits| bits & !bit);
        self.list.swap_remove(place as usize);
        let moved = self.list.get(place as usize).copied();
        if moved.is_some() {
            let (word, bit) = at(place);
            self.awaiting[word].update(|bits| if last_awaits { bits | bit } else { bits & !bit });
        }
        if self.list.is_empty() {
            *self = Self::default();
        }
        moved
    }

    /// The slot at this place is about to be served: it's to hear of the next tick.
    pub fn await_news(&self, place: u32) {
        let (word, bit) = at(place);
        self.awaiting[word].update(|bits| bits | bit);
    }

    /// Those that await news, and don't from here on.
    pub fn take_awaiting(&self) -> impl Iterator<Item = Route> {
        self.awaiting.iter().zip(self.list.chunks(64)).flat_map(|(awaiting, routes)| {
            let mut bits = awaiting.take();
            std::iter::from_fn(move || {
                let place = bits.trailing_zeros();
                let route = *routes.get(place as usize).filter(|_| bits != 0)?;
                bits &= bits - 1;
                Some(route)
            })
        })
    }

    /// All of them, and whether they await news.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Route, bool)> {
        let awaits = |place| self.awaiting[at(place).0].get() & at(place).1 != 0;
        (0..).zip(&self.list).map(move |(place, route)| (*route, awaits(place)))
    }
}

/// Where a place's bit is: the word's number, and the bit in it.
const fn at(place: u32) -> (usize, u64) {
    ((place / 64) as usize, 1 << (place % 64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        conflation::{Baseline, Kind, Outbox},
        last_value_cache::TopicId,
    };

    #[derive(Clone, Debug)]
    enum Step {
        Push,
        Remove(prop::sample::Index),
        Serve(prop::sample::Index),
        Tick,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Push),
            2 => any::<prop::sample::Index>().prop_map(Step::Remove),
            3 => any::<prop::sample::Index>().prop_map(Step::Serve),
            1 => Just(Step::Tick),
        ];
        prop::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn whoever_was_served_hears_of_the_next_tick_and_nobody_else(steps in steps()) {
            let slot = Outbox::default().insert(0, Kind::State, TopicId::NONE, Baseline::Snapshot);
            let (mut routes, mut expected, mut sessions) = (Routes::default(), Vec::new(), 0..);
            for step in steps {
                match step {
                    Step::Push => {
                        let route = Route { session: sessions.next().unwrap(), slot };
                        prop_assert_eq!(routes.push(route) as usize, expected.len());
                        expected.push((route, true));
                    }
                    Step::Remove(at) if !expected.is_empty() => {
                        let at = at.index(expected.len());
                        expected.swap_remove(at);
                        prop_assert_eq!(routes.swap_remove(at as u32), expected.get(at).map(|it| it.0));
                    }
                    Step::Serve(at) if !expected.is_empty() => {
                        let at = at.index(expected.len());
                        routes.await_news(at as u32);
                        expected[at].1 = true;
                    }
                    Step::Remove(_) | Step::Serve(_) => {}
                    Step::Tick => {
                        let told: Vec<_> = routes.take_awaiting().collect();
                        let awaiting: Vec<_> = expected.iter().filter(|it| it.1).map(|it| it.0).collect();
                        prop_assert_eq!(told, awaiting);
                        expected.iter_mut().for_each(|it| it.1 = false);
                    }
                }
                prop_assert_eq!(routes.iter().collect::<Vec<_>>(), expected.clone());
            }
        }
    }
}
