//! What a SUBSCRIBE says, and what its RECEIPT has to say.

use std::collections::BTreeMap;

use super::{
    PRICES, SNAPSHOTS,
    market::{EPOCH, Market},
    rate::Rate,
    scenario::{Rules, Wish},
    stomp,
    subscription::Subscription,
};

/// The frame.
pub(super) fn subscribe(id: u8, to: &str, wish: &Wish, receipt: Option<&str>) -> String {
    let (id, to) = (id.to_string(), to.replace(':', "\\c"));
    let mut headers = vec![("id", id.as_str()), ("destination", to.as_str())];
    if !wish.snapshot {
        headers.push(("snapshot", "false"));
    }
    headers.extend(wish.max_rate.as_deref().map(|rate| ("max-rate", rate)));
    headers.extend(wish.every.then_some(("mode", "every")));
    headers.extend(wish.fields.as_deref().map(|fields| ("fields", fields)));
    headers.extend(wish.delta.then_some(("delta", "true")));
    let prefetch = wish.ack.map(|ack| ack.prefetch.to_string());
    if let Some(ack) = wish.ack {
        headers.push(("ack", if ack.cumulative { "client" } else { "client-individual" }));
    }
    headers.extend(prefetch.as_deref().map(|count| ("prefetch-count", count)));
    headers.extend(receipt.map(|receipt| ("receipt", receipt)));
    stomp::frame("SUBSCRIBE", &headers)
}

/// What the server has to understand by it.
pub(super) fn subscription(to: &str, wish: &Wish, rules: &Rules) -> Subscription {
    let is_rated = to.starts_with(PRICES) && !wish.every;
    let ceiling = rules.rate_ceiling.as_deref().filter(|_| is_rated);
    let rate = Rate::in_force(wish.max_rate.as_deref().filter(|_| is_rated), ceiling);
    Subscription::new(to.to_owned(), wish.clone(), rate)
}

/// The headers of its receipt.
pub(super) fn receipt(
    receipt: &str,
    subscription: &Subscription,
    market: &Market,
) -> BTreeMap<&'static str, String> {
    let wish = &subscription.wish;
    let mode = if wish.every { "every" } else { "latest" };
    let mut headers = BTreeMap::from([("receipt-id", receipt.to_owned())]);
    if subscription.is_once() {
        let listed =
            market.symbols().filter_map(|symbol| market.newest(symbol)).filter(|newest| newest.listed);
        let taken = listed.filter(|newest| subscription.takes(market.name(newest.symbol)));
        headers.insert("snapshots", taken.count().to_string());
    } else {
        headers.insert("effective-mode", mode.to_owned());
        headers.insert("effective-max-rate", subscription.rate.text.clone());
        headers.extend(wish.ack.map(|ack| ("effective-prefetch-count", ack.prefetch.to_string())));
    }
    let name = subscription.to.strip_prefix(PRICES).or_else(|| subscription.to.strip_prefix(SNAPSHOTS));
    let symbol = name.and_then(|name| market.number(name));
    let newest = symbol.and_then(|symbol| market.newest(symbol)).filter(|newest| newest.listed);
    if let Some(newest) = newest {
        headers.extend([("seq", newest.seq.to_string()), ("epoch", EPOCH.to_owned())]);
    }
    headers
}
