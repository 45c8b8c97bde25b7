//! What the clients of a world do, and what they may expect from then on.

use std::{collections::BTreeMap, sync::Arc, task::Waker};

use tickcast::session::Inbound;

use super::{
    PRICES, SNAPSHOTS,
    link::{Item, Link},
    peer::{Peer, Starting},
    promise::{Kept, Promise},
    scenario::{Dialect, LinkKind, Wish},
    stomp::{self, Heard},
    subscription::Subscription,
    talk,
    world::{Bell, World},
};

impl World {
    pub(super) fn open(&mut self, session: u32, version: Dialect, link: LinkKind) -> Kept {
        if self.peers.contains_key(&session) {
            return Ok(());
        }
        let key = self.shard.open(format!("s-{session}"), session, self.at());
        let waker = Waker::from(Arc::new(Bell { session, woken: Arc::clone(&self.woken) }));
        let peer = Peer::new(key, version, waker, Link::new(link), self.now.0);
        self.peers.insert(session, peer);
        let connect = [("accept-version", version.name()), ("heart-beat", "0,0")];
        self.say(session, &stomp::frame("CONNECT", &connect))?;
        self.pump(session)
    }

    pub(super) fn touch(&mut self, session: u32, change: impl FnOnce(&mut Link)) -> Kept {
        let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
        change(&mut peer.link);
        self.pump(session)
    }

    pub(super) fn subscribe(&mut self, session: u32, id: u8, to: &str, wish: &Wish) -> Kept {
        let Some(peer) = self.hears(session) else { return Ok(()) };
        let is_used = peer.subscriptions.contains_key(&id) || peer.notices.has(id);
        let wildcards = peer.subscriptions.values().filter(|it| it.is_wildcard()).count();
        if !is_used && wildcards >= self.settings.wildcards_max {
            return Ok(());
        }
        let unsubscribe =
            if is_used { stomp::frame("UNSUBSCRIBE", &[("id", &id.to_string())]) } else { String::new() };
        let receipt = wish.receipt.then(|| self.next_receipt());
        let frame = talk::subscribe(id, to, wish, receipt.as_deref());
        let subscription = talk::subscription(to, wish, &self.rules);
        let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
        peer.unsubscribe(id);
        if !to.starts_with(PRICES) && !to.starts_with(SNAPSHOTS) {
            peer.notices.subscribe(id, to, wish.snapshot, &self.feed);
            peer.receipts.extend(receipt.map(|receipt| BTreeMap::from([("receipt-id", receipt)])));
        } else if wish.every {
            let (looks, _) = self.market.looks();
            peer.starting = Some(Starting { id, subscription, receipt, looks });
        } else {
            peer.receipts.extend(receipt.map(|receipt| talk::receipt(&receipt, &subscription, &self.market)));
            peer.subscribe(id, subscription, &self.market, self.now);
        }
        self.say(session, &(unsubscribe + &frame))
    }

    pub(super) fn unsubscribe(&mut self, session: u32, id: u8, receipt: bool) -> Kept {
        if self.hears(session).is_none() {
            return Ok(());
        }
        let receipt = receipt.then(|| self.next_receipt());
        let name = id.to_string();
        let mut headers = vec![("id", name.as_str())];
        headers.extend(receipt.as_deref().map(|receipt| ("receipt", receipt)));
        let frame = stomp::frame("UNSUBSCRIBE", &headers);
        let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
        peer.unsubscribe(id);
        peer.receipts.extend(receipt.map(|receipt| BTreeMap::from([("receipt-id", receipt)])));
        self.say(session, &frame)
    }

    pub(super) fn acknowledge_some(&mut self, session: u32, id: u8, at: u8) -> Kept {
        let arrived = self.hears(session).and_then(|peer| peer.subscriptions.get(&id)).map(|it| &it.arrived);
        let Some(arrived) = arrived.filter(|arrived| !arrived.is_empty()) else { return Ok(()) };
        let name = arrived[usize::from(at) % arrived.len()].clone();
        self.acknowledge(session, id, &name)
    }

    pub(super) fn acknowledge_all(&mut self, session: u32) -> Kept {
        let Some(peer) = self.hears(session) else { return Ok(()) };
        let all: Vec<(u8, String)> = peer
            .subscriptions
            .iter()
            .flat_map(|(id, it)| it.arrived.iter().map(|name| (*id, name.clone())))
            .collect();
        for (id, name) in all {
            self.acknowledge(session, id, &name)?;
        }
        self.settle()
    }

    fn acknowledge(&mut self, session: u32, id: u8, name: &str) -> Kept {
        let now = self.now;
        if self.hears(session).is_none() {
            return Ok(());
        }
        let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
        let Some(subscription) = peer.subscriptions.get_mut(&id) else { return Ok(()) };
        if !subscription.unacknowledged.iter().any(|sent| sent == name) {
            return Ok(());
        }
        subscription.acknowledge(name, now);
        let frame = match peer.version {
            Dialect::V1_2 => stomp::frame("ACK", &[("id", name)]),
            Dialect::V1_1 => stomp::frame("ACK", &[("subscription", &id.to_string()), ("message-id", name)]),
        };
        self.say(session, &frame)
    }

    pub(super) fn disconnect(&mut self, session: u32) -> Kept {
        if self.hears(session).is_none() {
            return Ok(());
        }
        let receipt = self.next_receipt();
        let frame = stomp::frame("DISCONNECT", &[("receipt", &receipt)]);
        let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
        peer.said_bye = true;
        peer.receipts.push_back(BTreeMap::from([("receipt-id", receipt)]));
        self.say(session, &frame)
    }

    pub(super) fn vanish(&mut self, session: u32) -> Kept {
        let Some(peer) = self.peers.remove(&session) else { return Ok(()) };
        let ended = self.shard.forget(peer.key, self.at()).map(|(_, reason)| reason.label());
        let is_right = ended == Some("connection_lost") || !peer.is_live() || peer.may_close;
        Promise::Closing.check(is_right, || format!("session {session} vanished and ended as {ended:?}"))
    }

    /// The client has read something.
    pub(super) fn arrive(&mut self, session: u32, item: Item) -> Kept {
        let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
        match item {
            Item::Ping => self.send(session, Inbound::Pong),
            Item::Pong => Ok(()),
            Item::Close(code, _) => self.send(session, Inbound::Close(Some(code))),
            Item::Frame(_) if peer.said_bye && peer.receipts.is_empty() && peer.link.is_drained() => {
                self.send(session, Inbound::Close(Some(1000)))
            }
            Item::Frame(bytes) => {
                let Some(heard) = Heard::parse(&bytes)? else { return Ok(()) };
                let id = heard.header("subscription").and_then(|id| id.parse().ok());
                let Some((id, name)) = id.zip(Subscription::ack_name(&heard)) else { return Ok(()) };
                let Some(subscription) = peer.subscriptions.get_mut(&id) else { return Ok(()) };
                let Some(ack) = subscription.wish.ack else { return Ok(()) };
                if subscription.unacknowledged.contains(&name) {
                    subscription.arrived.push_back(name.clone());
                }
                if ack.prompt { self.acknowledge(session, id, &name) } else { Ok(()) }
            }
        }
    }

    /// The peer, if its client may say something now.
    fn hears(&mut self, session: u32) -> Option<&Peer> {
        let peer = self.peers.get(&session).filter(|peer| peer.is_live())?;
        self.shard.accepts_input(peer.key, Waker::noop()).then_some(peer)
    }

    fn say(&mut self, session: u32, text: &str) -> Kept {
        self.send(session, Inbound::Data(text.as_bytes()))
    }

    fn send(&mut self, session: u32, inbound: Inbound<'_>) -> Kept {
        let at = self.at();
        let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
        peer.spoke_us = self.now.0;
        self.shard.receive(peer.key, at, inbound);
        Ok(())
    }

    fn next_receipt(&mut self) -> String {
        self.receipts += 1;
        format!("r-{}", self.receipts)
    }
}
