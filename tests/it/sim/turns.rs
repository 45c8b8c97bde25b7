//! Whose turn it is: what a session owes, since when, and what must not come before it.

use std::collections::BTreeMap;

use super::{
    market::Market,
    peer::Peer,
    promise::{Kept, Promise},
    stomp::Heard,
    subscription::{Moment, Told, View},
};

/// A subscription's id and a symbol, or [`TURN`].
pub(super) type Owner = (u8, u16);

/// Stands for the ticks of a subscription that gets every one of them: they have one turn, whatever symbols they are of.
pub(super) const TURN: u16 = u16::MAX;

/// Which symbols stand in line, or may.
pub(super) type Line = BTreeMap<Owner, Owed>;

/// A symbol's place in the line, as far as it can be told from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    /// It isn't in line before this.
    earliest: Moment,
    /// It's in line from this on, or would be if it had credit; none: nothing is owed any longer, and the place is
    /// passed over.
    latest: Option<Moment>,
}

impl Peer {
    /// Puts a symbol in line if something is owed of it.
    pub(super) fn mark(&mut self, owner: Owner, market: &Market, now: Moment) {
        let (id, symbol) = owner;
        let subscription = &self.subscriptions[&id];
        let Some(newest) = market.newest(symbol) else { return };
        let Some(view) = subscription.view(symbol) else { return };
        let (begin_us, end_us) = view.run.and_then(|run| subscription.rate.next_us(&run)).unwrap_or_default();
        let earliest = if begin_us > now.0 { (begin_us, 0) } else { now };
        let surely = if end_us > now.0 { (end_us, u64::MAX) } else { now };
        let is_due = subscription.due(newest).is_some();
        self.join(owner, is_due, earliest, surely);
    }

    /// Puts a subscription's ticks in line if there are some.
    pub(super) fn mark_turn(&mut self, id: u8, now: Moment) {
        let subscription = &self.subscriptions[&id];
        if !subscription.ring.is_empty() {
            let is_due = subscription.owes_ticks();
            self.join((id, TURN), is_due, now, now);
        }
    }

    /// What may have nothing to tell stands in line all the same until its turn comes.
    fn join(&mut self, owner: Owner, is_due: bool, earliest: Moment, surely: Moment) {
        let subscription = &self.subscriptions[&owner.0];
        let stands = self.line.contains_key(&owner);
        if !is_due && !stands && !subscription.is_partial() {
            return;
        }
        let owed = self.line.entry(owner).or_insert(Owed { earliest, latest: None });
        // What is told once, and was delisted meanwhile, may have been passed over for good.
        let is_over = stands && subscription.is_once() && owed.latest.is_none();
        owed.latest = (is_due && !is_over).then_some(owed.latest.unwrap_or(surely));
    }

    /// Nobody is overtaken, and nobody comes too soon.
    pub(super) fn check_turn(&self, owner: Owner, view: &View, heard: &Heard<'_>, now: Moment) -> Kept {
        let subscription = &self.subscriptions[&owner.0];
        if let Some((earliest_us, _)) = view.run.and_then(|run| subscription.rate.next_us(&run)) {
            Promise::Rate.check(now.0 >= earliest_us, || {
                format!("{} us too early after {:?}: {heard:?}", earliest_us - now.0, view.run)
            })?;
        }
        let served = view.served;
        let Some(Owed { earliest, .. }) = self.line.get(&owner) else {
            return Promise::Newest.broken(format!("it isn't owed: {heard:?}"));
        };
        for (other, Owed { latest, .. }) in &self.line {
            let Some(latest) = latest.filter(|_| *other != owner) else { continue };
            let their = &self.subscriptions[&other.0];
            // Ticks that tell nothing new take their turns too, which can't be seen.
            if other.1 == TURN && their.is_partial() {
                continue;
            }
            // Who needs credit has a line of its own to wait in.
            let overtaken = if their.wish.ack.is_none() {
                latest < *earliest
            } else {
                other.0 == owner.0 && served.is_some_and(|served| latest < served)
            };
            Promise::Fairness
                .check(!overtaken, || format!("{other:?} has waited since {latest:?} and {heard:?} came"))?;
        }
        Ok(())
    }

    /// The writer is about to ask, after it had nothing to do: nobody may have waited for that.
    pub(super) fn check_prompt(&self, now: Moment) -> Kept {
        self.check_waiting(now, |since| since.0 < now.0)
    }

    /// The session has nothing to say: nothing is owed.
    pub(super) fn check_quiet(&mut self, now: Moment) -> Kept {
        self.check_waiting(now, |since| since <= now)?;
        // Whoever rests keeps its place, and so does who waits for credit to be told once, whether there will be
        // something to tell or not.
        let subscriptions = &self.subscriptions;
        let rests = |id: u8, until_us: u64| {
            let of = &subscriptions[&id];
            of.is_once() || of.rate.longest_rest_us().is_some_and(|rest_us| until_us + rest_us > now.0)
        };
        self.line.retain(|(id, _), owed| owed.latest.is_some() || rests(*id, owed.earliest.0));
        for subscription in self.subscriptions.values_mut().filter(|it| it.has_credit()) {
            subscription.ring.clear();
        }
        // What is left of those that are told once was delisted meanwhile.
        self.subscriptions.retain(|_, it| !it.is_once() || !it.has_credit());
        self.line.retain(|(id, _), _| self.subscriptions.contains_key(id));
        let is_over = self.closed.is_some();
        Promise::Every
            .check(is_over || !self.must_close, || "it goes on without all its ticks".to_owned())?;
        let is_answered = self.receipts.is_empty() || is_over;
        Promise::Receipt.check(is_answered, || format!("{:?} didn't come", self.receipts))?;
        if self.is_live() { self.notices.check_quiet(now.0) } else { Ok(()) }
    }

    /// The session is asked for output. Answers whether it has to tell that its socket is slow: not if the client itself
    /// asked for less.
    pub(super) fn must_tell(&mut self, now_us: u64) -> bool {
        let intervals = self.subscriptions.values().map(|it| it.rate.interval_us.unwrap_or(0));
        let is_slow = intervals.min().is_some_and(|interval_us| interval_us > 1_000_000);
        let must_tell = self.notices.note_poll(now_us, !is_slow);
        must_tell && self.is_live()
    }

    /// A chunk with so many prices was handed over.
    pub(super) fn note_chunk(&mut self, prices: u32, must_tell: bool, now_us: u64) -> Kept {
        let is_told = self.notices.is_conflated() || self.closed.is_some();
        Promise::Notice
            .check(is_told || !must_tell, || "it isn't told that its socket is slow".to_owned())?;
        if prices > 0 {
            let is_all = !self.line.values().any(|owed| owed.latest.is_some());
            self.notices.note_prices(now_us, is_all);
        }
        Ok(())
    }

    fn check_waiting(&self, now: Moment, is_late: impl Fn(Moment) -> bool) -> Kept {
        if !self.is_live() {
            return Ok(());
        }
        for ((id, symbol), owed) in &self.line {
            let subscription = &self.subscriptions[id];
            let Some(latest) = owed.latest.filter(|_| subscription.has_credit()) else { continue };
            let since =
                if subscription.wish.ack.is_some() { latest.max(subscription.credited) } else { latest };
            Promise::Freshness.check(!is_late(since), || {
                format!("subscription {id}, symbol {symbol}: owed since {since:?}, and it's {now:?}")
            })?;
        }
        Ok(())
    }

    /// The market has been quiet and everything was read: the client knows it all, and nothing was lost on the way.
    pub(super) fn check_settled(&self, market: &Market) -> Kept {
        for (id, subscription) in &self.subscriptions {
            for symbol in market.symbols().filter(|symbol| subscription.takes(market.name(*symbol))) {
                let Some(newest) = market.newest(symbol) else { continue };
                let about = || format!("subscription {id} ({}), {}", subscription.to, market.name(symbol));
                let Some(view) = subscription.view(symbol) else {
                    Promise::Freshness
                        .check(subscription.is_once(), || format!("{}: never told", about()))?;
                    continue;
                };
                if subscription.has_credit() {
                    let due = subscription.due(newest);
                    Promise::Freshness.check(due.is_none(), || format!("{}: {due:?} is owed", about()))?;
                }
                if let (Told::This(last), Some(from)) = (&view.told, view.counted_from) {
                    let ticks = last.ordinal - from;
                    Promise::Count.check(view.accounted == ticks, || {
                        format!("{}: {} of {ticks} ticks are accounted for", about(), view.accounted)
                    })?;
                }
            }
        }
        Ok(())
    }
}
