//! What a shard keeps with each session: how to look at its client's connection, and to end it.

use std::{
    cell::{Ref, RefCell},
    rc::Rc,
    task::Waker,
};

use crate::transport::{exchange::Supply, socket::Socket};

/// A session's connection to its client.
#[derive(Clone, Debug)]
pub enum Connection {
    /// One for the session's whole life.
    Socket(Socket),
    /// One after the other, with gaps between.
    Answers(Rc<Answers>),
}

/// The answer that a client receives through at the moment, if there is one.
#[derive(Debug, Default)]
pub struct Answers {
    current: RefCell<Option<Supply>>,
    /// Who looks after the session.
    home: RefCell<Option<Waker>>,
}

impl Connection {
    /// How many bytes the client has acknowledged since the connection began, if that can be told.
    pub(super) fn acknowledged_bytes(&self) -> Option<u64> {
        match self {
            Self::Socket(socket) => socket.acknowledged_bytes(),
            Self::Answers(answers) => answers.current()?.acknowledged_bytes(),
        }
    }

    /// Ends the connection at once. To be called only while the session lives.
    pub(super) fn abort(&self) {
        match self {
            Self::Socket(socket) => socket.abort(),
            Self::Answers(answers) => {
                if let Some(supply) = answers.current() {
                    supply.abort();
                }
                if let Some(home) = answers.home.take() {
                    home.wake();
                }
            }
        }
    }
}

impl Answers {
    /// The answer of the moment.
    pub(super) fn current(&self) -> Option<Ref<'_, Supply>> {
        Ref::filter_map(self.current.borrow(), Option::as_ref).ok()
    }

    /// Another answer takes the place of the one before, or none.
    pub(super) fn replace(&self, supply: Option<Supply>) {
        self.current.replace(supply);
    }

    /// Who is to be woken when the session has ended by itself.
    pub(super) fn set_home(&self, home: &Waker) {
        self.home.replace(Some(home.clone()));
    }
}
