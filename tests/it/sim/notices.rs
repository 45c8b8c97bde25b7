//! What a session is told beside prices: how the feed is, how fast its own socket is, and what it asked for in vain.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{
    promise::{Kept, Promise},
    stomp::Heard,
};

pub(super) const FEED: &str = "/topic/feed.status";
pub(super) const SESSION: &str = "/user/queue/session";
pub(super) const ERRORS: &str = "/user/queue/errors";

/// A socket that keeps a symbol waiting for so long is a slow one.
const SLOW_US: u64 = 1_000_000;

/// So long after everything was said a session is told that it's a fast one again: the time that the promise has for it,
/// and twice the time between two looks at the deadlines.
const RECOVERED_US: u64 = 2_000_000;

/// The notices that a peer subscribed to.
#[derive(Debug, Default)]
pub(super) struct Notices {
    subscriptions: BTreeMap<u8, Noticing>,
    /// What was said last of the session's own socket.
    flow: Value,
    /// Since when there has been something to say without a pause.
    busy_us: Option<u64>,
    /// When prices were handed over last, and whether nothing was left to say then.
    handed_over: Option<(u64, bool)>,
}

#[derive(Debug)]
struct Noticing {
    to: String,
    has_begun: bool,
    /// What has to be told, oldest first. Of a status there is the latest alone.
    due: VecDeque<Value>,
}

impl Notices {
    pub(super) fn subscribe(&mut self, id: u8, to: &str, snapshot: bool, feed: &str) {
        let mut due = VecDeque::new();
        if snapshot && to == FEED {
            due.push_back(feed.parse().expect("a status is JSON"));
        }
        let noticing = Noticing { to: to.to_owned(), has_begun: !snapshot || to == ERRORS, due };
        self.subscriptions.insert(id, noticing);
    }

    pub(super) fn unsubscribe(&mut self, id: u8) {
        self.subscriptions.remove(&id);
    }

    pub(super) fn has(&self, id: u8) -> bool {
        self.subscriptions.contains_key(&id)
    }

    fn to(&mut self, to: &str) -> impl Iterator<Item = &mut Noticing> {
        self.subscriptions.values_mut().filter(move |noticing| noticing.to == to)
    }

    /// The feed has another status.
    pub(super) fn note_feed(&mut self, json: &str) {
        let status: Value = json.parse().expect("a status is JSON");
        self.to(FEED).for_each(|noticing| noticing.due = VecDeque::from([status.clone()]));
    }

    /// The client asked for the state of a symbol that has none.
    pub(super) fn note_unknown(&mut self, destination: &str) {
        let error = json!({ "error": "unknown symbol", "destination": destination });
        self.to(ERRORS).for_each(|noticing| noticing.due.push_back(error.clone()));
    }

    /// The session is asked for output. Answers whether it has to tell of its slow socket: everything that was owed was
    /// handed over with the last prices, and the socket took more than a second over them.
    pub(super) fn note_poll(&mut self, now_us: u64, is_at_any_rate: bool) -> bool {
        self.busy_us.get_or_insert(now_us);
        let handed_over = self.handed_over.take();
        let was_slow = handed_over.is_some_and(|(at_us, was_all)| was_all && now_us - at_us > SLOW_US);
        let is_told = self.flow["status"] == "conflated" || self.to(SESSION).next().is_none();
        was_slow && is_at_any_rate && !is_told
    }

    /// Prices were handed over.
    pub(super) fn note_prices(&mut self, now_us: u64, is_all: bool) {
        self.handed_over = Some((now_us, is_all));
    }

    /// What the last word on the socket was.
    pub(super) fn is_conflated(&self) -> bool {
        self.flow["status"] == "conflated"
    }

    /// A MESSAGE that's no price.
    pub(super) fn hear(&mut self, heard: &Heard<'_>, now_us: u64) -> Kept {
        let fails = |promise: Promise, why: &str| promise.broken(format!("{why}: {heard:?}"));
        let id = heard.expect("subscription")?.parse().unwrap_or_default();
        let to = heard.expect("destination")?;
        let Ok(body) = serde_json::from_slice::<Value>(heard.body) else {
            return fails(Promise::Wire, "it isn't JSON");
        };
        let Some(noticing) = self.subscriptions.get_mut(&id).filter(|it| it.to == to) else {
            return fails(Promise::Stray, "nobody subscribed to this");
        };
        let kind = if std::mem::replace(&mut noticing.has_begun, true) { "update" } else { "snapshot" };
        if heard.expect("type")? != kind {
            return fails(Promise::Notice, &format!("a {kind} has to come"));
        }
        if to != SESSION {
            let due = noticing.due.pop_front();
            let is_right = due.as_ref() == Some(&body);
            return Promise::Notice.check(is_right, || format!("{due:?} has to come: {heard:?}, {body}"));
        }
        self.check_flow(kind, &body, now_us)?;
        self.flow = body;
        Ok(())
    }

    fn check_flow(&self, kind: &str, body: &Value, now_us: u64) -> Kept {
        let before = &self.flow;
        let rate = |flow: &Value| flow["effective_rate"].as_f64();
        let busy_us = now_us - self.busy_us.unwrap_or(now_us);
        let is_right = match body["status"].as_str() {
            // What was said before isn't known to who hears it first; and two who listen hear the same.
            Some("live" | "conflated" | "recovered") if kind == "snapshot" || body == before => true,
            Some("conflated") => {
                let slowest = 1e6 / busy_us as f64 - 0.011;
                busy_us >= SLOW_US && rate(body).is_some_and(|rate| rate <= 1.0 && rate >= slowest.max(0.009))
            }
            Some("recovered") => before["status"] == "conflated" || before.is_null(),
            _ => false,
        };
        Promise::Notice.check(is_right, || format!("busy for {busy_us} us and {before} before: {body}"))
    }

    /// The session has nothing more to say.
    pub(super) fn check_quiet(&mut self, now_us: u64) -> Kept {
        self.busy_us = None;
        let due = self.subscriptions.values().find(|noticing| !noticing.due.is_empty());
        Promise::Notice.check(due.is_none(), || format!("{due:?} has to be told"))?;
        let idle_us = self.handed_over.map_or(0, |(at_us, _)| now_us - at_us);
        let is_listening = self.to(SESSION).next().is_some();
        Promise::Notice.check(!is_listening || !self.is_conflated() || idle_us < RECOVERED_US, || {
            format!("nothing to say for {idle_us} us, and the last word is {}", self.flow)
        })
    }
}
