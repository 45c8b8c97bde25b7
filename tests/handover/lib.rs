//! The server's hand-over and recordings, built on loom's locks.

/// What the sources below take for the standard library's.
mod sync {
    pub(crate) use loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    };
}

/// What a symbol is doesn't matter here.
pub mod market {
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Symbol(pub &'static str);
}

#[path = "../../src/recordings.rs"]
pub mod recordings;

#[path = "../../src/handover.rs"]
pub mod handover;
