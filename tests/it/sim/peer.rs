//! One session seen from outside: its connection, its client, and what both may expect now.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    task::Waker,
};

use tickcast::shard::SessionKey;

use super::{
    PRICES,
    bodies::Bodies,
    known::State,
    link::Link,
    market::{EPOCH, Market},
    notices::Notices,
    promise::{Kept, Promise},
    scenario::Dialect,
    stomp::Heard,
    subscription::{Moment, Subscription, Told},
    talk,
    turns::{Line, TURN},
};

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
    /// A subscription to every tick that hasn't begun yet; the session hears nothing meanwhile.
    pub(super) starting: Option<Starting>,
    pub(super) notices: Notices,
    pub(super) line: Line,
    /// More ticks waited than may, or maybe, since some of them may have told nothing new.
    pub(super) may_close: bool,
    pub(super) must_close: bool,
}

/// A subscription that begins when its ticks are recorded.
pub(super) struct Starting {
    pub(super) id: u8,
    pub(super) subscription: Subscription,
    pub(super) receipt: Option<String>,
    /// How often ingest had looked before.
    pub(super) looks: u64,
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
            starting: None,
            notices: Notices::default(),
            line: Line::new(),
            may_close: false,
            must_close: false,
        }
    }

    /// Whether it's a conversation still.
    pub(super) fn is_live(&self) -> bool {
        !self.said_bye && self.closed.is_none() && !self.must_close
    }

    pub(super) fn subscribe(&mut self, id: u8, mut subscription: Subscription, market: &Market, now: Moment) {
        let symbols = market.symbols().filter_map(|symbol| market.newest(symbol));
        let symbols: Vec<_> = symbols.filter(|state| subscription.takes(market.name(state.symbol))).collect();
        symbols.iter().for_each(|newest| subscription.begin(newest));
        if subscription.is_once() && !subscription.has_views() {
            if !subscription.to.ends_with(['*', '#']) {
                self.notices.note_unknown(&subscription.to);
            }
            return;
        }
        self.subscriptions.insert(id, subscription);
        symbols.iter().for_each(|newest| self.mark((id, newest.symbol), market, now));
    }

    pub(super) fn unsubscribe(&mut self, id: u8) {
        self.subscriptions.remove(&id);
        self.notices.unsubscribe(id);
        self.line.retain(|(owner, _), _| *owner != id);
    }

    /// The symbol has a newer state.
    pub(super) fn note(&mut self, symbol: u16, market: &Market, now: Moment) {
        let Some(newest) = market.newest(symbol) else { return };
        let name = market.name(symbol);
        let notes = self.subscriptions.iter_mut().filter_map(|(id, it)| it.note(newest, name).then_some(*id));
        let concerned: Vec<u8> = notes.collect();
        concerned.into_iter().for_each(|id| self.mark((id, symbol), market, now));
    }

    /// Ticks come one by one, beside the newest states.
    pub(super) fn note_ticks(&mut self, ticks: &[Rc<State>], ticks_max: usize, now: Moment) {
        let is_exact = !self.subscriptions.values().any(|it| it.wish.every && it.is_partial());
        for subscription in self.subscriptions.values_mut().filter(|it| it.wish.every) {
            subscription.note_ticks(ticks);
        }
        let waiting: usize = self.subscriptions.values().map(|it| it.ring.len()).sum();
        self.may_close |= waiting > ticks_max;
        self.must_close |= waiting > ticks_max && is_exact;
        let every: Vec<u8> =
            self.subscriptions.iter().filter(|(_, it)| it.wish.every).map(|(id, _)| *id).collect();
        every.into_iter().for_each(|id| self.mark_turn(id, now));
    }

    /// Ticks were lost on their way to the shard. Who begins with this delivery begins after them.
    pub(super) fn lose_ticks(&mut self) {
        let has_every = self.subscriptions.values().any(|it| it.wish.every);
        self.may_close |= has_every;
        self.must_close |= has_every;
    }

    /// Ingest has looked so often: what waited for the look before begins.
    pub(super) fn begin_every(&mut self, looks: u64, market: &Market, now: Moment) {
        let Some(Starting { id, subscription, receipt, .. }) = self.starting.take_if(|it| it.looks < looks)
        else {
            return;
        };
        self.receipts.extend(receipt.map(|receipt| talk::receipt(&receipt, &subscription, market)));
        self.subscribe(id, subscription, market, now);
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
            "MESSAGE" if heard.header("destination").is_some_and(|to| !to.starts_with(PRICES)) => {
                self.notices.hear(&heard, now.0).map(|()| None)
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
        if self.said_bye {
            return fails(Promise::Stray, "the client said DISCONNECT");
        }
        let symbol = heard.expect("destination")?.strip_prefix(PRICES);
        let Some(symbol) = symbol.and_then(|name| market.number(name)) else {
            return fails(Promise::Wire, "no such destination");
        };
        let id = heard.expect("subscription")?.parse().ok();
        let entry = id.and_then(|id| Some((id, self.subscriptions.get(&id)?)));
        let entry = entry.and_then(|(id, it)| Some((id, it, it.view(symbol)?)));
        let Some((id, subscription, view)) = entry else {
            return fails(Promise::Stray, "nobody subscribed to this");
        };
        if self.must_close {
            return fails(Promise::Every, "ticks are missing before it");
        }
        let Some(newest) = market.newest(symbol) else { return fails(Promise::Newest, "made up") };
        let seq = heard.number("seq")?;
        if let Told::This(last) = &view.told
            && seq < last.seq
        {
            return fails(Promise::Order, "seq goes back");
        }
        let kind = heard.expect("type")?;
        let promise = if subscription.wish.every { Promise::Every } else { Promise::Newest };
        let Some((state, of_ring)) = subscription.next_state(newest) else {
            return fails(promise, "nothing of it has to come");
        };
        if seq != state.seq {
            return fails(promise, &format!("seq {} has to come", state.seq));
        }
        let Some(due) = subscription.due(&state) else { return fails(promise, "it was said before") };
        if kind != due.kind {
            return fails(Promise::Order, &format!("a {} has to come", due.kind));
        }
        let conflated = heard.header("conflated").map_or(Ok(0), |_| heard.number("conflated"))?;
        if conflated != due.conflated || heard.header("conflated") == Some("0") {
            return fails(Promise::Count, &format!("it stands for {} ticks more", due.conflated));
        }
        check_headers(heard, subscription, &state, self.version)?;
        bodies.check(heard, &state, &due.body)?;
        if !subscription.has_credit() {
            return fails(Promise::Credit, "too much stands unacknowledged");
        }
        let owner = if of_ring > 0 { (id, TURN) } else { (id, symbol) };
        self.check_turn(owner, view, heard, now)?;
        self.line.remove(&owner);
        self.note_heard(id, heard, &state, of_ring, bodies, now)?;
        Ok(conflated)
    }

    /// The client knows more.
    fn note_heard(
        &mut self,
        id: u8,
        heard: &Heard<'_>,
        state: &Rc<State>,
        of_ring: usize,
        bodies: &Bodies,
        now: Moment,
    ) -> Kept {
        let kind = heard.expect("type")?;
        let conflated = heard.header("conflated").map_or(Ok(0), |_| heard.number("conflated"))?;
        let subscription = self.subscriptions.get_mut(&id).expect("it was looked for");
        subscription.take_ticks(state.symbol, of_ring);
        let projection = subscription.wish.delta.then(|| subscription.projection(state));
        if subscription.wish.ack.is_some() {
            subscription.unacknowledged.extend(Subscription::ack_name(heard));
        }
        let rate = subscription.rate.clone();
        let view = subscription.view_mut(state.symbol).expect("it was looked for");
        view.run = Some(rate.run(view.run, now.0));
        view.account(kind, state.ordinal, conflated);
        view.told = Told::This(Rc::clone(state));
        view.served = Some(now);
        if let Some(projection) = projection {
            bodies.apply(heard, kind == "snapshot", &mut view.held, &projection)?;
        }
        if subscription.is_once() && subscription.end_view(state.symbol) {
            self.unsubscribe(id);
        } else if of_ring > 0 {
            self.mark_turn(id, now);
        }
        Ok(())
    }
}

fn check_headers(heard: &Heard<'_>, of: &Subscription, state: &State, version: Dialect) -> Kept {
    let mut name = format!("{}-{}", state.partition, heard.expect("seq")?);
    if state.rollovers > 0 {
        name += &format!("-{}", state.rollovers);
    }
    let mut names = vec!["content-length", "content-type", "destination", "epoch", "message-id", "seq"];
    names.extend(["subscription", "type"]);
    names.extend(heard.header("conflated").map(|_| "conflated"));
    names.extend((of.wish.ack.is_some() && version == Dialect::V1_2).then_some("ack"));
    names.sort_unstable();
    let is_right = heard.names() == names
        && heard.header("content-type") == Some("application/json")
        && heard.header("epoch") == Some(EPOCH)
        && heard.expect("message-id")? == name;
    Promise::Wire.check(is_right, || format!("the headers of {heard:?}"))
}
