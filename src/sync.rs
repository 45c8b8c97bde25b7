//! What threads share the pure rooms' state with. The rooms take it from here, so that a model checker can put its own
//! in the place of the standard library's (`tests/handover`).

pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
