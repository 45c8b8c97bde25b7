//! What a checkpoint takes out of the fold, and what a fold begins with that has one.

use super::{Fold, Kept, entry::Entry, id_of};
use crate::publication::{Epoch, Status};

impl Fold {
    /// Which log the offsets belong to.
    pub const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// How often anything has changed, to tell whether something has since another moment.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// How often a symbol has come to another's place, so that it stands elsewhere than it did.
    pub const fn replaced(&self) -> u64 {
        self.replaced
    }

    /// What is remembered of the symbols from the one with this number on: a checkpoint keeps it.
    pub fn kept_from(&self, first: usize) -> impl Iterator<Item = &Kept> {
        self.entries.iter().skip(first).map(|entry| &entry.kept)
    }

    /// Remembers what was kept, before anything is folded. [`Fold::publish`] hands it out, but for delisted symbols:
    /// nobody knows them yet, and so they give way where there are too many.
    pub fn restore(&mut self, symbols: Vec<Kept>) {
        debug_assert!(self.entries.is_empty(), "nothing is folded yet");
        for (index, kept) in symbols.into_iter().enumerate() {
            let id = id_of(index);
            self.by_symbol.insert(kept.symbol.clone(), id);
            let is_recorded = self.recorded.contains(&kept.symbol);
            self.entries.push(Entry::new(kept, &self.epoch, is_recorded));
            if self.entries[index].status() == Status::Listed && self.entries[index].kept.is_told() {
                self.note_change(id);
            } else {
                self.departed.push(id);
            }
        }
    }
}
