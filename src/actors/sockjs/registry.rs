//! Where each session's home is, for all threads.
//!
//! What it holds is bounded: so many sessions, each with a channel of [`COMMANDS_MAX`] commands and, among the requests
//! that send, one whose body is read and [`WAITING_SENDS_MAX`] that wait for their turn without being read.

use std::{
    collections::{HashMap, hash_map},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{
    sockjs::{Framing, Messages},
    transport::exchange::Supply,
};

/// Commands that wait for a session's home. A request that finds the channel full waits on its own connection.
const COMMANDS_MAX: usize = 4;

/// Requests of one session that wait until another's messages are taken. sockjs-client sends one at a time; clients
/// with threads send a few.
const WAITING_SENDS_MAX: usize = 8;

/// The sessions' homes by the sessions' names.
#[derive(Debug)]
pub struct Registry {
    sessions: Mutex<HashMap<Box<str>, Arc<Entry>>>,
    sessions_max: usize,
}

/// The way to a session's home.
#[derive(Debug)]
pub struct Entry {
    /// Who opened it. A name may be read from a log or over a shoulder; so it's no more than a name.
    address: IpAddr,
    /// In boxes: the channel makes room for 32 of them for every session, most of which it never has.
    commands: mpsc::Sender<Box<Command>>,
    /// One request at a time has its messages taken.
    turn: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// What a request wants of a session.
#[derive(Debug)]
pub enum Command {
    /// Be told what is said.
    Attach(Supply, Framing),
    /// Say something.
    Send {
        /// What.
        messages: Messages,
        /// Tells when all of it is taken.
        done: oneshot::Sender<Outcome>,
        /// The next request's turn comes when this is dropped.
        turn: OwnedSemaphorePermit,
    },
}

/// What became of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The session has taken them.
    Taken,
    /// The session is over.
    Over,
}

/// Why there is no session for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfound {
    /// Nobody has opened one of this name, or it's over.
    Unknown,
    /// Somebody else has.
    Foreign,
}

/// What a request that may open a session finds.
#[derive(Debug)]
pub enum Claim<T> {
    /// It's there.
    Known(Arc<Entry>),
    /// It was opened, and the name is its own.
    New(Arc<Entry>, Registration, T),
    /// It's somebody else's.
    Foreign,
    /// There are as many as there may be.
    Full,
}

/// A name in the registry, for as long as this lives, and what comes for it.
#[derive(Debug)]
pub struct Registration {
    registry: Arc<Registry>,
    session: Box<str>,
    entry: Arc<Entry>,
    commands: mpsc::Receiver<Box<Command>>,
}

/// More requests send to one session than may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySends;

impl Registry {
    /// A registry for so many sessions, those that are over but not forgotten included.
    pub fn new(sessions_max: usize) -> Self {
        Self { sessions: Mutex::default(), sessions_max }
    }

    /// The session of this name.
    ///
    /// # Errors
    /// There is none for a client of this address.
    pub fn find(&self, session: &str, address: IpAddr) -> Result<Arc<Entry>, Unfound> {
        match self.sessions().get(session) {
            None => Err(Unfound::Unknown),
            Some(entry) if entry.address != address => Err(Unfound::Foreign),
            Some(entry) => Ok(Arc::clone(entry)),
        }
    }

    /// The session of this name, or a new one. `open` is to be quick, since all threads wait for it, and not to use the
    /// registry. Nobody finds a session of which it isn't certain that it opens.
    ///
    /// # Errors
    /// Those of `open`. The name is still free.
    pub fn claim<T, E>(
        self: &Arc<Self>,
        session: &str,
        address: IpAddr,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<Claim<T>, E> {
        let mut sessions = self.sessions();
        let is_full = sessions.len() >= self.sessions_max;
        Ok(match sessions.entry(session.into()) {
            hash_map::Entry::Occupied(known) if known.get().address != address => Claim::Foreign,
            hash_map::Entry::Occupied(known) => Claim::Known(Arc::clone(known.get())),
            hash_map::Entry::Vacant(_) if is_full => Claim::Full,
            hash_map::Entry::Vacant(vacant) => {
                let opened = open()?;
                let (sender, commands) = mpsc::channel(COMMANDS_MAX);
                let turn = Arc::new(Semaphore::new(1));
                let entry = Entry { address, commands: sender, turn, waiting: AtomicUsize::new(0) };
                let entry = Arc::clone(vacant.insert(Arc::new(entry)));
                let (registry, session) = (Arc::clone(self), session.into());
                let registration = Registration { registry, session, entry: Arc::clone(&entry), commands };
                Claim::New(entry, registration, opened)
            }
        })
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Entry>>> {
        // Nothing in here can be half done: a panic elsewhere doesn't matter.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Speaks to the session's home.
    ///
    /// # Errors
    /// The session has just been forgotten.
    pub async fn command(&self, command: Command) -> Result<(), Unfound> {
        self.commands.send(Box::new(command)).await.map_err(|_| Unfound::Unknown)
    }

    /// Waits for the turn of a request that sends: in the order in which they came.
    ///
    /// # Errors
    /// As many wait as may.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, TooManySends> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_SENDS_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(TooManySends);
        }
        // Whoever stops waiting, since its connection broke, is counted no more.
        let _waiting = Waiting(&self.waiting);
        let permit = Arc::clone(&self.turn).acquire_owned().await;
        Ok(permit.expect("nobody closes the semaphore"))
    }
}

/// One request that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Registration {
    /// What comes for the session.
    pub(super) const fn commands(&mut self) -> &mut mpsc::Receiver<Box<Command>> {
        &mut self.commands
    }

    /// Gives the name back. What came until then is answered by whoever calls.
    pub(super) fn close(&mut self) {
        self.forget();
        self.commands.close();
    }

    fn forget(&self) {
        let mut sessions = self.registry.sessions();
        // The name may be somebody else's by now.
        if sessions.get(&self.session).is_some_and(|entry| Arc::ptr_eq(entry, &self.entry)) {
            sessions.remove(&self.session);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Waker},
    };

    use super::*;

    fn is_pending<F: Future>(future: Pin<&mut F>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn claim(registry: &Arc<Registry>, session: &str, address: IpAddr) -> Claim<()> {
        let Ok(claim) = registry.claim(session, address, || Ok::<_, Infallible>(()));
        claim
    }

    #[track_caller]
    fn claim_new(registry: &Arc<Registry>, session: &str) -> (Arc<Entry>, Registration) {
        match claim(registry, session, HERE) {
            Claim::New(entry, registration, ()) => (entry, registration),
            other => panic!("{other:?} instead of a new session"),
        }
    }

    #[test]
    fn a_name_belongs_to_the_address_that_claimed_it() {
        let registry = Arc::new(Registry::new(10));
        assert_eq!(registry.find("a", HERE).unwrap_err(), Unfound::Unknown);
        let (_, registration) = claim_new(&registry, "a");
        assert!(registry.find("a", HERE).is_ok());
        assert!(matches!(claim(&registry, "a", HERE), Claim::Known(_)));
        assert_eq!(registry.find("a", THERE).unwrap_err(), Unfound::Foreign);
        assert!(matches!(claim(&registry, "a", THERE), Claim::Foreign));
        drop(registration);
        assert_eq!(registry.find("a", HERE).unwrap_err(), Unfound::Unknown);
        assert!(matches!(claim(&registry, "a", THERE), Claim::New(..)));
    }

    #[test]
    fn a_session_that_is_not_opened_is_never_there() {
        let registry = Arc::new(Registry::new(10));
        let refused = registry.claim("a", HERE, || Err::<(), _>("no room"));
        assert_eq!(refused.unwrap_err(), "no room");
        assert_eq!(registry.find("a", HERE).unwrap_err(), Unfound::Unknown);
        claim_new(&registry, "a");
    }

    #[test]
    fn a_name_that_was_given_back_is_the_next_ones() {
        let registry = Arc::new(Registry::new(10));
        let (_, mut first) = claim_new(&registry, "a");
        first.close();
        let (_, second) = claim_new(&registry, "a");
        drop(first);
        assert!(registry.find("a", HERE).is_ok(), "the second one's");
        drop(second);
    }

    #[test]
    fn there_are_no_more_sessions_than_there_may_be() {
        let registry = Arc::new(Registry::new(2));
        let _first = claim_new(&registry, "a");
        let second = claim_new(&registry, "b");
        assert!(matches!(claim(&registry, "c", HERE), Claim::Full));
        assert!(matches!(claim(&registry, "a", HERE), Claim::Known(_)));
        drop(second);
        claim_new(&registry, "c");
    }

    #[tokio::test]
    async fn so_many_requests_wait_for_their_turn_and_no_more() {
        let registry = Arc::new(Registry::new(1));
        let (entry, _registration) = claim_new(&registry, "a");
        let held = entry.turn().await.unwrap();
        let mut turns: Vec<_> = (0..WAITING_SENDS_MAX).map(|_| Box::pin(entry.turn())).collect();
        for turn in &mut turns {
            assert!(is_pending(turn.as_mut()));
        }
        assert_eq!(entry.turn().await.unwrap_err(), TooManySends);
        drop(turns.pop());
        drop(held);
        let first = turns.remove(0).await.unwrap();
        assert!(is_pending(turns[0].as_mut()), "one at a time");
        drop(first);
        assert!(turns.remove(0).await.is_ok());
    }
}
