//! The way into the line: at once, or when there is credit.

use super::{Outbox, Owner};
use crate::conflation::{
    slots::{Slot, Status},
    terms::Credit,
};

impl Outbox {
    /// Allows a subscription with a limit so many messages more.
    pub fn grant(&mut self, subscription: u32, messages: u32) {
        credit_of(&mut self.owners, subscription).available += messages;
        self.let_in(subscription);
    }

    /// Puts a clean slot into the line, or where it waits for credit.
    pub(super) fn queue(&mut self, id: u32) {
        let &mut Slot { on_terms, subscription, .. } = self.slots.at(id);
        let credit = if on_terms { self.owners[subscription as usize].credit() } else { None };
        if let Some(credit) = credit {
            self.slots.at(id).status = Status::Waiting;
            self.slots.join(&mut credit.waiting, id);
            self.let_in(subscription);
        } else {
            self.slots.at(id).status = Status::Dirty;
            self.slots.join(&mut self.dirty, id);
        }
    }

    /// Lets as many of a subscription's waiting slots into the line as there is credit for.
    pub(super) fn let_in(&mut self, subscription: u32) {
        let Some(credit) = self.owners.get_mut(subscription as usize).and_then(Owner::credit) else { return };
        while credit.in_line < credit.available
            && let Some(id) = credit.waiting.first()
        {
            self.slots.leave(&mut credit.waiting, id);
            self.slots.at(id).status = Status::Dirty;
            self.slots.join(&mut self.dirty, id);
            credit.in_line += 1;
        }
    }

    pub(super) fn left_line(&mut self, id: u32) {
        let &mut Slot { on_terms, subscription, .. } = self.slots.at(id);
        if on_terms && let Some(credit) = self.owners[subscription as usize].credit() {
            credit.in_line -= 1;
        }
    }
}

impl Owner {
    pub(super) fn credit(&mut self) -> Option<&mut Credit> {
        self.agreed.as_mut()?.credit.as_mut()
    }
}

/// Beside the slots, so that both can be changed.
pub(super) fn credit_of(owners: &mut [Owner], subscription: u32) -> &mut Credit {
    owners[subscription as usize].credit().expect("a slot that waits belongs to a subscription with a limit")
}
