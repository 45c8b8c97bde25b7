//! What time does: slots have rested, clients read on, deadlines pass.

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

use super::{
    promise::{Kept, Promise},
    world::{World, micros},
};

/// Ingest waits no longer for a record, and looks who records what.
const IDLE_TURN_US: u32 = 20_000;

/// The actor looks at who is blocked for so long.
const SLOW_AFTER: Duration = Duration::from_secs(1);

impl World {
    pub(super) fn pass(&mut self, us: u32) -> Kept {
        let end_us = self.now.0 + u64::from(us);
        self.take();
        if us >= IDLE_TURN_US {
            self.market.turn(self.now.0, &[])?;
            self.take();
        }
        self.settle()?;
        loop {
            let expiry_us = self.shard.next_expiry().map_or(u64::MAX, |at| self.micros_at(at));
            let read_us = self.reads.peek().map_or(u64::MAX, |Reverse((at_us, _))| *at_us);
            let next_us = read_us.min(self.next_look_us).min(expiry_us);
            if next_us > end_us {
                break;
            }
            self.now = (self.now.0.max(next_us), self.now.1 + 1);
            if expiry_us <= self.now.0 {
                self.shard.expire(self.at());
                let is_later = self.shard.next_expiry().is_none_or(|at| self.micros_at(at) > expiry_us);
                Promise::Sanity.check(is_later, || "what has expired expires again".to_owned())?;
            } else if self.next_look_us <= self.now.0 {
                self.next_look_us += micros(self.settings.deadline_interval());
                self.look_at_deadlines()?;
            } else if let Some(Reverse((_, session))) = self.reads.pop() {
                self.pump(session)?;
            }
            self.settle()?;
        }
        self.now = (end_us, self.now.1 + 1);
        Ok(())
    }

    /// A moment of the shard's clock, in the world's microseconds; rounded up, for it's when something is due.
    fn micros_at(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_nanos().div_ceil(1000)).expect("it's soon")
    }

    fn look_at_deadlines(&mut self) -> Kept {
        let at = self.at();
        let Self { shard, peers, .. } = self;
        shard.note_progress(at, SLOW_AFTER, |session| Some(peers.get(session)?.link.acknowledged()));
        let aborted: Vec<u32> = shard.handle_timeouts(at).into_iter().copied().collect();
        let deadline_us = micros(self.settings.send_deadline);
        for session in aborted {
            let Some(peer) = self.peers.remove(&session) else {
                return Promise::Closing.broken(format!("session {session} is aborted and was over"));
            };
            let idle_us = self.now.0 - peer.link.moved_us();
            let is_stuck = idle_us >= deadline_us && !peer.link.is_writable();
            Promise::Closing.check(is_stuck || !peer.is_live() || peer.may_close, || {
                format!("session {session} is aborted and its socket took something {idle_us} us ago")
            })?;
            let ended = self.shard.forget(peer.key, at).map(|(_, reason)| reason.label());
            let is_right = ended == Some("slow") || !peer.is_live() || peer.may_close;
            Promise::Closing
                .check(is_right, || format!("session {session} was stuck and ended as {ended:?}"))?;
            self.tally.aborted += 1;
        }
        // Whoever is blocked is looked at after a second, and then twice a second.
        let patience_us = deadline_us + 2 * micros(SLOW_AFTER);
        for (session, peer) in &self.peers {
            let is_stuck = !peer.link.is_writable() && peer.link.moved_us() + patience_us < self.now.0;
            Promise::Closing.check(!is_stuck, || format!("session {session} is stuck and isn't closed"))?;
        }
        Ok(())
    }
}
