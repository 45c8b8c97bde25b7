//! Whether the server may be sent clients, and why not. Shared by all threads.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU8, Ordering},
};

use crate::{publication::Epoch, reading::Remaining};

/// Whether the server may be sent clients.
#[derive(Debug)]
pub struct Readiness {
    phase: AtomicU8,
    detail: Mutex<Detail>,
}

#[derive(Debug, Default)]
struct Detail {
    reason: String,
    remaining: Option<Remaining>,
    epoch: Option<Epoch>,
}

/// A moment's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// A closed set, for metrics.
    pub label: &'static str,
    /// For people.
    pub reason: String,
    /// How much is left to read, and how much it was in all, if that is known.
    pub remaining: Option<Remaining>,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Default for Readiness {
    fn default() -> Self {
        let detail = Detail { reason: "starting".to_owned(), ..Detail::default() };
        Self { phase: AtomicU8::new(STARTING), detail: Mutex::new(detail) }
    }
}

impl Readiness {
    /// Still starting, for this reason.
    pub fn starting(&self, reason: impl Into<String>, remaining: Option<Remaining>) {
        let mut detail = self.detail();
        detail.reason = reason.into();
        detail.remaining = remaining;
    }

    /// The log that is read is known.
    pub fn set_epoch(&self, epoch: Epoch) {
        self.detail().epoch = Some(epoch);
    }

    /// The log that is read, once it's known.
    pub fn epoch(&self) -> Option<Epoch> {
        self.detail().epoch.clone()
    }

    /// Everything of the start was read. A server that drains stays draining.
    pub fn ready(&self) {
        let _ = self.phase.compare_exchange(STARTING, READY, Ordering::Release, Ordering::Relaxed);
    }

    /// The server goes down: no more clients.
    pub fn draining(&self) {
        self.phase.store(DRAINING, Ordering::Release);
    }

    /// Whether clients may come, and if not, why.
    pub fn check(&self) -> Result<(), NotReady> {
        match self.phase.load(Ordering::Acquire) {
            READY => Ok(()),
            DRAINING => Err(NotReady {
                label: "draining",
                reason: "the server shuts down".to_owned(),
                remaining: None,
            }),
            _ => {
                let detail = self.detail();
                let Detail { reason, remaining, .. } = &*detail;
                Err(NotReady { label: "not_ready", reason: reason.clone(), remaining: *remaining })
            }
        }
    }

    fn detail(&self) -> std::sync::MutexGuard<'_, Detail> {
        // What a panicking thread left is still the newest that is known.
        self.detail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_after_its_start_and_before_its_end() {
        let readiness = Readiness::default();
        let remaining = Remaining { left: 7, total: 9 };
        readiness.starting("reading the log", Some(remaining));
        let answer = readiness.check().unwrap_err();
        assert_eq!((answer.reason.as_str(), answer.remaining), ("reading the log", Some(remaining)));
        readiness.ready();
        assert_eq!(readiness.check(), Ok(()));
        readiness.draining();
        readiness.ready();
        assert_eq!(readiness.check().unwrap_err().label, "draining");
    }
}
