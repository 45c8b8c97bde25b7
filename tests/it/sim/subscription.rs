//! The reference of one subscription: what it asked for, and of each symbol what it was told last. It knows of no slot,
//! no line and no timer.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use serde_json::Value;

use super::{market::State, rate::Rate, scenario::Wish, stomp::Heard};

/// A moment of a world: its microsecond, and the number of the event in it.
pub(super) type Moment = (u64, u64);

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) to: String,
    pub(super) wish: Wish,
    pub(super) rate: Rate,
    /// By symbol.
    views: Vec<Option<View>>,
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
            unacknowledged: VecDeque::new(),
            arrived: VecDeque::new(),
            credited: (0, 0),
        }
    }

    /// Whether it wants to hear of the symbol.
    pub(super) fn takes(&self, symbol: &str) -> bool {
        let Some(wanted) = self.to.strip_prefix(super::PRICES) else { return false };
        match wanted.strip_suffix(['*', '#']) {
            Some(prefix) => symbol.starts_with(prefix),
            None => wanted == symbol,
        }
    }

    pub(super) fn is_wildcard(&self) -> bool {
        self.to.ends_with(['*', '#'])
    }

    /// The subscription begins while this is the symbol's newest state.
    pub(super) fn begin(&mut self, newest: &State) {
        let (ordinal, rollovers) = newest.stamp();
        let is_owed = self.wish.snapshot && newest.listed;
        let told = if is_owed { Told::Nothing } else { Told::NotBefore(ordinal, rollovers) };
        self.set(newest.symbol, View::new(told));
    }

    /// A symbol has a newer state. Answers whether the client has any business with it.
    pub(super) fn note(&mut self, newest: &State, name: &str) -> bool {
        if self.view(newest.symbol).is_some() {
            return true;
        }
        // Its first ticks are news, and no snapshot.
        let takes = self.takes(name);
        if takes {
            self.set(newest.symbol, View::new(Told::NotBefore(0, 0)));
        }
        takes
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
        if !is_relisted && self.wish.fields.is_some() && self.changed(last, newest).is_empty() {
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
        Self { told, served: None, accounted: 0, counted_from: None, held: BTreeMap::new() }
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
