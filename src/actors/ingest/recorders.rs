//! Who records what: each shard asks for its own sessions, and the fold records what any of them wants.

use std::{collections::HashSet, sync::Arc};

use crate::{
    actors::inbox::Inbox,
    fold::{Batch, Fold},
    market::Symbol,
};

/// The shards, and what each of them records.
#[derive(Debug)]
pub(super) struct Recorders {
    inboxes: Arc<[Inbox]>,
    /// By shard.
    wanted: Vec<Wanted>,
}

#[derive(Debug, Default)]
struct Wanted {
    all: bool,
    symbols: HashSet<Symbol>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        !self.all && self.symbols.is_empty()
    }
}

impl Recorders {
    pub(super) fn new(inboxes: Arc<[Inbox]>) -> Self {
        let wanted = inboxes.iter().map(|_| Wanted::default()).collect();
        Self { inboxes, wanted }
    }

    /// Lets the fold record what the shards have asked for since the last look, and tells them so; whether there was
    /// anything. To be called when everything that was folded has been delivered.
    pub(super) fn look(&mut self, fold: &mut Fold) -> bool {
        let mut has_changed = false;
        for at in 0..self.inboxes.len() {
            let inbox = &self.inboxes[at];
            let Some(changes) = inbox.recordings.changes() else { continue };
            has_changed = true;
            self.wanted[at].all = changes.all;
            fold.record_all(self.wanted.iter().any(|wanted| wanted.all));
            for (symbol, is_wanted) in changes.symbols {
                let symbols = &mut self.wanted[at].symbols;
                if is_wanted {
                    symbols.insert(symbol.clone());
                } else {
                    symbols.remove(&symbol);
                }
                fold.record(&symbol, self.wanted.iter().any(|wanted| wanted.symbols.contains(&symbol)));
            }
            inbox.handover.set_recorded_up_to(changes.ticket);
        }
        has_changed
    }

    /// Whether any shard wants ticks one by one.
    pub(super) fn is_any_wanted(&self) -> bool {
        !self.wanted.iter().all(Wanted::is_empty)
    }

    /// Hands a batch to every shard. Ticks are for those alone that asked for some.
    pub(super) fn deliver(&self, batch: &Batch) {
        for (inbox, wanted) in self.inboxes.iter().zip(&self.wanted) {
            let ticks = if wanted.is_empty() { &[][..] } else { &batch.ticks };
            inbox.handover.deliver(&batch.newest, ticks);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Poll, Waker};

    use super::*;
    use crate::{
        actors::inbox::Delivery, fold::Record, market::DayBoundary, publication::Publication,
        recordings::Recorded,
    };

    struct World {
        inboxes: Arc<[Inbox]>,
        recorders: Recorders,
        fold: Fold,
        offset: u64,
    }

    impl World {
        fn new() -> Self {
            let inboxes: Arc<[Inbox]> = (0..2).map(|_| Inbox::default()).collect();
            let recorders = Recorders::new(Arc::clone(&inboxes));
            Self { inboxes, recorders, fold: Fold::new("e".into(), DayBoundary::default(), 8), offset: 0 }
        }

        /// A batch with one tick of A and one of B; how many newest states and ticks each shard gets.
        fn batch(&mut self) -> [(usize, Vec<String>); 2] {
            self.recorders.look(&mut self.fold);
            for json in [&br#"{"symbol":"A","price":1}"#[..], br#"{"symbol":"B","price":1}"#] {
                let (offset, value) = (self.offset, Some(json));
                self.offset += 1;
                let record =
                    Record { partition: 0, offset, timestamp_us: 0, key: None, value, content_type: None };
                self.fold.apply(&record).unwrap();
            }
            let mut batch = Batch::default();
            self.fold.publish(0, &mut batch);
            self.recorders.deliver(&batch);
            [0, 1].map(|at| {
                let mut delivery = Delivery::default();
                assert_eq!(
                    self.inboxes[at].handover.poll_fetch(&mut delivery, Waker::noop()),
                    Poll::Ready(())
                );
                let symbol = |publication: &Arc<Publication>| publication.symbol.as_str().to_owned();
                (delivery.newest.len(), delivery.ticks.iter().map(symbol).collect())
            })
        }
    }

    #[test]
    fn ticks_go_to_the_shards_that_asked_for_some() {
        let mut world = World::new();
        let a = Recorded::Symbol(Symbol::parse("A").unwrap());
        let texts = |symbols: &[&str]| symbols.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(world.batch(), [(2, vec![]), (2, vec![])]);
        world.inboxes[0].recordings.begin(&a);
        assert_eq!(world.batch(), [(2, texts(&["A"])), (2, vec![])]);
        world.inboxes[1].recordings.begin(&Recorded::All);
        world.inboxes[1].recordings.begin(&a);
        assert_eq!(world.batch(), [(2, texts(&["A", "B"])), (2, texts(&["A", "B"]))]);
        world.inboxes[0].recordings.end(&a);
        world.inboxes[1].recordings.end(&Recorded::All);
        assert_eq!(world.batch(), [(2, vec![]), (2, texts(&["A"]))]);
        world.inboxes[1].recordings.end(&a);
        assert_eq!(world.batch(), [(2, vec![]), (2, vec![])]);
    }
}
