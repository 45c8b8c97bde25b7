//! One session seen from outside: its connection, its client, and what both may expect now.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    task::Waker,
};

use tickcast::shard::SessionKey;

use super::{
    bodies::Bodies,
    link::Link,
    market::{EPOCH, Market},
    promise::{Kept, Promise},
    scenario::Dialect,
    stomp::Heard,
    subscription::{Moment, Subscription, Told},
};

/// How late a symbol may be whose rate makes it wait: the wheel that tells turns by the millisecond.
const WHEEL_US: u64 = 1000;

/// A subscription's id and a symbol.
type Owner = (u8, u16);

pub(super) struct Peer {
    pub(super) key: SessionKey,
    pub(super) version: Dialect,
    pub(super) waker: Waker,
    pub(super) link: Link,
    /// The session had nothing to say, and nobody woke its writer since.
    pub(super) is_parked: bool,
    /// CONNECTED came.
    is_connected: bool,
    /// When the client said something last.
    pub(super) spoke_us: u64,
    /// The client said DISCONNECT.
    pub(super) said_bye: bool,
    /// The server's close, once it was said.
    pub(super) closed: Option<u16>,
    pub(super) subscriptions: BTreeMap<u8, Subscription>,
    /// The headers of the receipts that are to come, in order.
    pub(super) receipts: VecDeque<BTreeMap<&'static str, String>>,
    /// Which symbols stand in line, or may.
    owed: BTreeMap<Owner, Owed>,
}

/// A symbol's place in the line, as far as it can be told from outside.
#[derive(Clone, Copy, Debug)]
struct Owed {
    /// It isn't in line before this.
    earliest: Moment,
    /// It's in line from this on, or would be if it had credit; none: nothing is owed any longer, and the place is
    /// passed over.
    latest: Option<Moment>,
}

impl Peer {
    pub(super) fn new(key: SessionKey, version: Dialect, waker: Waker, link: Link, now_us: u64) -> Self {
        Self {
            key,
            version,
            waker,
            link,
            is_parked: false,
            is_connected: false,
            spoke_us: now_us,
            said_bye: false,
            closed: None,
            subscriptions: BTreeMap::new(),
            receipts: VecDeque::new(),
            owed: BTreeMap::new(),
        }
    }

    /// Whether it's a conversation still.
    pub(super) fn is_live(&self) -> bool {
        !self.said_bye && self.closed.is_none()
    }

    pub(super) fn subscribe(&mut self, id: u8, mut subscription: Subscription, market: &Market, now: Moment) {
        self.unsubscribe(id);
        let symbols = market.symbols().filter_map(|symbol| market.newest(symbol));
        let symbols: Vec<_> = symbols.filter(|state| subscription.takes(market.name(state.symbol))).collect();
        symbols.iter().for_each(|newest| subscription.begin(newest));
        self.subscriptions.insert(id, subscription);
        symbols.iter().for_each(|newest| self.mark((id, newest.symbol), market, now));
    }

    pub(super) fn unsubscribe(&mut self, id: u8) {
        self.subscriptions.remove(&id);
        self.owed.retain(|(owner, _), _| *owner != id);
    }

    /// The symbol has a newer state.
    pub(super) fn note(&mut self, symbol: u16, market: &Market, now: Moment) {
        let Some(newest) = market.newest(symbol) else { return };
        let name = market.name(symbol);
        let notes = self.subscriptions.iter_mut().filter_map(|(id, it)| it.note(newest, name).then_some(*id));
        let concerned: Vec<u8> = notes.collect();
        concerned.into_iter().for_each(|id| self.mark((id, symbol), market, now));
    }

    /// Puts a symbol in line if something is owed of it.
    fn mark(&mut self, owner: Owner, market: &Market, now: Moment) {
        let (id, symbol) = owner;
        let subscription = &self.subscriptions[&id];
        let Some(newest) = market.newest(symbol) else { return };
        let Some(view) = subscription.view(symbol) else { return };
        let rest = view.served.zip(subscription.rate.interval_us);
        let ends_us = rest.map_or(0, |((served_us, _), interval_us)| served_us + interval_us);
        let earliest = if ends_us > now.0 { (ends_us, 0) } else { now };
        let surely =
            if ends_us + WHEEL_US > now.0 && rest.is_some() { (ends_us + WHEEL_US, u64::MAX) } else { now };
        let is_due = subscription.due(newest).is_some();
        if !is_due && !self.owed.contains_key(&owner) {
            return;
        }
        let owed = self.owed.entry(owner).or_insert(Owed { earliest, latest: None });
        owed.latest = is_due.then_some(owed.latest.unwrap_or(surely));
    }

    /// A frame is handed over. Answers what to acknowledge it by.
    pub(super) fn hear(
        &mut self,
        bytes: &[u8],
        market: &Market,
        bodies: &mut Bodies,
        now: Moment,
    ) -> Kept<Option<u64>> {
        let Some(heard) = Heard::parse(bytes)? else { return Ok(None) };
        if self.closed.is_some() {
            return Promise::Stray.broken(format!("after the close: {heard:?}"));
        }
        match heard.command {
            "CONNECTED" if !self.is_connected => {
                self.is_connected = true;
                let is_right = heard.header("version") == Some(self.version.name());
                Promise::Wire.check(is_right, || format!("{heard:?}")).map(|()| None)
            }
            "MESSAGE" => self.hear_message(&heard, market, bodies, now).map(Some),
            "RECEIPT" => self.hear_receipt(&heard).map(|()| None),
            _ => Promise::Wire.broken(format!("nobody asked for {heard:?}")),
        }
    }

    fn hear_receipt(&mut self, heard: &Heard<'_>) -> Kept {
        let Some(expected) = self.receipts.pop_front() else {
            return Promise::Receipt.broken(format!("nobody asked for {heard:?}"));
        };
        let is_right = heard.names() == expected.keys().copied().collect::<Vec<_>>()
            && expected.iter().all(|(name, value)| heard.header(name) == Some(value));
        Promise::Receipt.check(is_right, || format!("{heard:?} isn't {expected:?}"))
    }

    /// Answers how many ticks the message stands for beside its own.
    fn hear_message(
        &mut self,
        heard: &Heard<'_>,
        market: &Market,
        bodies: &mut Bodies,
        now: Moment,
    ) -> Kept<u64> {
        let fails = |promise: Promise, why: &str| promise.broken(format!("{why}: {heard:?}"));
        let symbol = heard.expect("destination")?.strip_prefix(super::PRICES);
        let Some(symbol) = symbol.and_then(|name| market.number(name)) else {
            return fails(Promise::Wire, "no such destination");
        };
        let id = heard.expect("subscription")?.parse().ok();
        let entry = id.and_then(|id| Some((id, self.subscriptions.get(&id)?)));
        let Some((id, subscription)) = entry.filter(|(_, it)| it.view(symbol).is_some()) else {
            return fails(Promise::Stray, "nobody subscribed to this");
        };
        if self.said_bye {
            return fails(Promise::Stray, "the client said DISCONNECT");
        }
        let Some(newest) = market.newest(symbol) else { return fails(Promise::Newest, "made up") };
        let view = subscription.view(symbol).expect("it was looked for");
        let seq = heard.number("seq")?;
        if let Told::This(last) = &view.told
            && seq < last.seq
        {
            return fails(Promise::Order, "seq goes back");
        }
        if seq != newest.seq {
            return fails(Promise::Newest, &format!("{} is the newest seq", newest.seq));
        }
        let Some(due) = subscription.due(newest) else { return fails(Promise::Newest, "it was said before") };
        let kind = heard.expect("type")?;
        if kind != due.kind {
            return fails(Promise::Order, &format!("a {} has to come", due.kind));
        }
        let conflated = heard.header("conflated").map_or(Ok(0), |_| heard.number("conflated"))?;
        if conflated != due.conflated || heard.header("conflated") == Some("0") {
            return fails(Promise::Count, &format!("it stands for {} ticks more", due.conflated));
        }
        check_headers(heard, subscription, newest.partition, self.version)?;
        bodies.check(heard, newest, &due.body)?;
        if !subscription.has_credit() {
            return fails(Promise::Credit, "too much stands unacknowledged");
        }
        self.check_turn((id, symbol), heard, now)?;
        self.owed.remove(&(id, symbol));
        let subscription = self.subscriptions.get_mut(&id).expect("it was looked for");
        let projection = subscription.wish.delta.then(|| subscription.projection(newest));
        if subscription.wish.ack.is_some() {
            subscription.unacknowledged.extend(Subscription::ack_name(heard));
        }
        let view = subscription.view_mut(symbol).expect("it was looked for");
        view.account(kind, newest.ordinal, conflated);
        view.told = Told::This(Rc::clone(newest));
        view.served = Some(now);
        if let Some(projection) = projection {
            bodies.apply(heard, kind == "snapshot", &mut view.held, &projection)?;
        }
        Ok(conflated)
    }

    /// Nobody is overtaken, and nobody comes too soon.
    fn check_turn(&self, owner: Owner, heard: &Heard<'_>, now: Moment) -> Kept {
        let (id, symbol) = owner;
        let subscription = &self.subscriptions[&id];
        let served = subscription.view(symbol).and_then(|view| view.served);
        if let Some(((served_us, _), interval_us)) = served.zip(subscription.rate.interval_us) {
            let since_us = now.0 - served_us;
            Promise::Rate.check(since_us >= interval_us, || {
                format!("only {since_us} us after the one before: {heard:?}")
            })?;
        }
        let Some(Owed { earliest, .. }) = self.owed.get(&owner) else {
            return Promise::Newest.broken(format!("it isn't owed: {heard:?}"));
        };
        for (other, Owed { latest, .. }) in &self.owed {
            let Some(latest) = latest.filter(|_| *other != owner) else { continue };
            // Who needs credit has a line of its own to wait in.
            let overtaken = if self.subscriptions[&other.0].wish.ack.is_none() {
                latest < *earliest
            } else {
                other.0 == id && served.is_some_and(|served| latest < served)
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
        self.owed.retain(|_, owed| owed.latest.is_some());
        let is_answered = self.receipts.is_empty() || self.closed.is_some();
        Promise::Receipt.check(is_answered, || format!("{:?} didn't come", self.receipts))
    }

    fn check_waiting(&self, now: Moment, is_late: impl Fn(Moment) -> bool) -> Kept {
        if !self.is_live() {
            return Ok(());
        }
        for ((id, symbol), owed) in &self.owed {
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
                    return Promise::Freshness.broken(format!("{}: it was never told", about()));
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

fn check_headers(heard: &Heard<'_>, of: &Subscription, partition: i32, version: Dialect) -> Kept {
    let seq = heard.expect("seq")?;
    let mut names = vec!["content-length", "content-type", "destination", "epoch", "message-id", "seq"];
    names.extend(["subscription", "type"]);
    names.extend(heard.header("conflated").map(|_| "conflated"));
    names.extend((of.wish.ack.is_some() && version == Dialect::V1_2).then_some("ack"));
    names.sort_unstable();
    let is_right = heard.names() == names
        && heard.header("content-type") == Some("application/json")
        && heard.header("epoch") == Some(EPOCH)
        && heard.expect("message-id")? == format!("{partition}-{seq}");
    Promise::Wire.check(is_right, || format!("the headers of {heard:?}"))
}
