//! The reference of one subscription: what it asked for, and of each symbol what it was told last. It knows of no slot,
//! no line and no timer.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use serde_json::Value;

use super::{
    PRICES, SNAPSHOTS,
    known::State,
    rate::{Rate, Run},
    scenario::Wish,
    stomp::Heard,
};

/// A moment of a world: its microsecond, and the number of the event in it.
pub(super) type Moment = (u64, u64);

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) to: String,
    pub(super) wish: Wish,
    pub(super) rate: Rate,
    /// By symbol.
    views: Vec<Option<View>>,
    /// Ticks that have to come one by one, oldest first, and may come beside those that tell nothing new.
    pub(super) ring: VecDeque<Rc<State>>,
    /// What was sent and not acknowledged, oldest first.
    pub(super) unacknowledged: VecDeque<String>,
    /// Those of them that the client has.
    pub(super) arrived: VecDeque<String>,
    /// When it was last given credit.
    pub(super) credited: Moment,
}

/// What a subscription's client knows of a symbol.
#[derive(Debug)]
pub(super) struct View {
    pub(super) told: Told,
    /// When the last message went out.
    pub(super) served: Option<Moment>,
    /// What came as often as its rate allows.
    pub(super) run: Option<Run>,
    /// Ticks that messages since the first brought or counted.
    pub(super) accounted: u64,
    /// The ordinal from which they are counted.
    pub(super) counted_from: Option<u64>,
    /// What a client holds that lays delta upon delta.
    pub(super) held: BTreeMap<String, Value>,
}

/// What a client was told last.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// Nothing: the snapshot is owed.
    Nothing,
    /// Nothing, and all up to this state isn't asked for.
    NotBefore(u64, u32),
    This(Rc<State>),
}

/// A message that has to come, or would be the next.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) kind: &'static str,
    /// How many further ticks it stands for.
    pub(super) conflated: u64,
    pub(super) body: Body,
}

/// What a body has to be.
#[derive(Debug, PartialEq)]
pub(super) enum Body {
    /// The whole state.
    Whole,
    /// These fields of it, `null` for what is no longer known.
    Part(BTreeMap<&'static str, Value>),
}

impl Subscription {
    pub(super) fn new(to: String, wish: Wish, rate: Rate) -> Self {
        Self {
            to,
            wish,
            rate,
            views: Vec::new(),
            ring: VecDeque::new(),
            unacknowledged: VecDeque::new(),
            arrived: VecDeque::new(),
            credited: (0, 0),
        }
    }

    /// Whether it wants to hear of the symbol.
    pub(super) fn takes(&self, symbol: &str) -> bool {
        let wanted =
            self.to.strip_prefix(PRICES).or_else(|| self.to.strip_prefix(SNAPSHOTS)).unwrap_or_default();
        match wanted.strip_suffix(['*', '#']) {
            Some(prefix) => symbol.starts_with(prefix),
            None => wanted == symbol,
        }
    }

    /// Whether a state may tell it nothing new.
    pub(super) fn is_partial(&self) -> bool {
        self.wish.fields.is_some() || self.wish.delta
    }

    /// Whether it counts as a wildcard.
    pub(super) fn is_wildcard(&self) -> bool {
        self.to.ends_with(['*', '#'])
    }

    /// Whether it's over when everything has been told once.
    pub(super) fn is_once(&self) -> bool {
        self.to.starts_with(SNAPSHOTS)
    }

    /// The subscription begins while this is the symbol's newest state.
    pub(super) fn begin(&mut self, newest: &State) {
        let (ordinal, rollovers) = newest.stamp();
        let is_owed = self.wish.snapshot && newest.listed;
        let told = if is_owed { Told::Nothing } else { Told::NotBefore(ordinal, rollovers) };
        if is_owed || !self.is_once() {
            self.set(newest.symbol, View::new(told));
        }
    }

    /// A symbol has a newer state. Answers whether it may be told now: not if every tick is.
    pub(super) fn note(&mut self, newest: &State, name: &str) -> bool {
        if !self.is_once() && self.view(newest.symbol).is_none() && self.takes(name) {
            // Its first ticks are news, and no snapshot.
            self.set(newest.symbol, View::new(Told::NotBefore(0, 0)));
        }
        let view = self.view(newest.symbol);
        view.is_some_and(|view| !self.wish.every || matches!(view.told, Told::Nothing))
    }

    /// Ticks come, in the log's order. Those that the snapshot will have aren't told.
    pub(super) fn note_ticks(&mut self, ticks: &[Rc<State>]) {
        let has_begun = |tick: &&Rc<State>| {
            self.view(tick.symbol).is_some_and(|view| !matches!(view.told, Told::Nothing))
        };
        let news: Vec<_> = ticks.iter().filter(has_begun).cloned().collect();
        self.ring.extend(news);
    }

    /// Whether some of the ticks in the ring have to come.
    pub(super) fn owes_ticks(&self) -> bool {
        self.ring.iter().any(|tick| self.due(tick).is_some())
    }

    /// A symbol's ticks among the first so many of the ring were told, or had nothing to tell.
    pub(super) fn take_ticks(&mut self, symbol: u16, places: usize) {
        let mut place = 0;
        self.ring.retain(|tick| {
            place += 1;
            place > places || tick.symbol != symbol
        });
    }

    /// The state that a message of the symbol has to show, if there is to be one, and up to which place of the ring it
    /// is told then.
    pub(super) fn next_state(&self, newest: &Rc<State>) -> Option<(Rc<State>, usize)> {
        let view = self.view(newest.symbol)?;
        if !self.wish.every || matches!(view.told, Told::Nothing) {
            return Some((Rc::clone(newest), 0));
        }
        let first = self.ring.iter().position(|tick| self.due(tick).is_some())?;
        let number = self.ring[first].number;
        let is_next = |tick: &Rc<State>| tick.number == number && tick.symbol == newest.symbol;
        let at = self.ring.iter().position(is_next)?;
        Some((Rc::clone(&self.ring[at]), at + 1))
    }

    /// A symbol was told that's told once. Answers whether it was the last.
    pub(super) fn end_view(&mut self, symbol: u16) -> bool {
        self.views[usize::from(symbol)] = None;
        !self.has_views()
    }

    pub(super) fn has_views(&self) -> bool {
        self.views.iter().any(Option::is_some)
    }

    pub(super) fn view(&self, symbol: u16) -> Option<&View> {
        self.views.get(usize::from(symbol))?.as_ref()
    }

    pub(super) fn view_mut(&mut self, symbol: u16) -> Option<&mut View> {
        self.views.get_mut(usize::from(symbol))?.as_mut()
    }

    fn set(&mut self, symbol: u16, view: View) {
        let at = usize::from(symbol);
        if self.views.len() <= at {
            self.views.resize_with(at + 1, || None);
        }
        self.views[at] = Some(view);
    }

    /// Whether it may be sent a message more.
    pub(super) fn has_credit(&self) -> bool {
        self.wish.ack.is_none_or(|ack| self.unacknowledged.len() < ack.prefetch as usize)
    }

    /// What has to be said of the symbol, if anything.
    pub(super) fn due(&self, newest: &State) -> Option<Due> {
        let view = self.view(newest.symbol)?;
        let (ordinal, rollovers) = newest.stamp();
        let (known, last) = match &view.told {
            Told::Nothing if !newest.listed => return None,
            Told::Nothing => {
                return Some(Due { kind: "snapshot", conflated: 0, body: self.whole(newest) });
            }
            Told::NotBefore(ordinal, rollovers) => ((*ordinal, *rollovers), None),
            Told::This(state) => (state.stamp(), Some(&**state)),
        };
        if known == (ordinal, rollovers) {
            return None;
        }
        let is_relisted = last.is_none_or(|last| last.listed != newest.listed);
        if !is_relisted && self.is_partial() && self.changed(last, newest).is_empty() {
            return None;
        }
        let kind = match (ordinal > known.0, newest.listed) {
            // Only the day began anew.
            (false, _) => "snapshot",
            (true, true) => "update",
            (true, false) => "delisted",
        };
        let body = match last {
            Some(_) if self.wish.delta && kind != "snapshot" => Body::Part(self.changed(last, newest)),
            _ => self.whole(newest),
        };
        Some(Due { kind, conflated: (ordinal - known.0).saturating_sub(1), body })
    }

    /// The whole state, as far as it was asked for.
    fn whole(&self, newest: &State) -> Body {
        match self.wish.fields {
            None => Body::Whole,
            Some(_) => Body::Part(self.projection(newest)),
        }
    }

    /// Those fields that were asked for.
    pub(super) fn projection(&self, state: &State) -> BTreeMap<&'static str, Value> {
        let is_wanted = |name: &str| {
            self.wish.fields.as_deref().is_none_or(|fields| fields.split(',').any(|field| field == name))
        };
        let fields = state.fields.iter().filter(|(name, _)| is_wanted(name));
        fields.map(|(name, value)| (*name, value.clone())).collect()
    }

    /// Those that were asked for and differ.
    fn changed(&self, last: Option<&State>, newest: &State) -> BTreeMap<&'static str, Value> {
        let before = last.map(|last| self.projection(last)).unwrap_or_default();
        let after = self.projection(newest);
        let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (*name, Value::Null));
        let news = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
        gone.chain(news.map(|(name, value)| (*name, value.clone()))).collect()
    }

    /// What a client names a message by that it acknowledges.
    pub(super) fn ack_name(heard: &Heard<'_>) -> Option<String> {
        heard.header("ack").or_else(|| heard.header("message-id")).map(str::to_owned)
    }

    /// The client acknowledges a message, and maybe those before it.
    pub(super) fn acknowledge(&mut self, name: &str, now: Moment) {
        let Some(ack) = self.wish.ack else { return };
        for names in [&mut self.unacknowledged, &mut self.arrived] {
            if let Some(at) = names.iter().position(|sent| sent == name) {
                if ack.cumulative {
                    names.drain(..=at);
                } else {
                    names.remove(at);
                }
            }
        }
        self.credited = now;
    }
}

impl View {
    fn new(told: Told) -> Self {
        Self { told, served: None, run: None, accounted: 0, counted_from: None, held: BTreeMap::new() }
    }

    /// Counts the ticks that a message brings to the client's knowledge.
    pub(super) fn account(&mut self, kind: &str, ordinal: u64, conflated: u64) {
        let is_first = self.counted_from.is_none();
        if is_first {
            let before = match self.told {
                Told::NotBefore(ordinal, _) => ordinal,
                Told::Nothing | Told::This(_) => ordinal,
            };
            self.counted_from = Some(before);
        }
        if kind != "snapshot" {
            self.accounted += 1 + conflated;
        }
    }
}
