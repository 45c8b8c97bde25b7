//! Conflation: what a session is owed, and nothing else.
//!
//! Between the market and a session stands no queue of messages but a set of dirty slots. A slot
//! knows which symbol it stands for, not what its state is; the state is looked up when the socket
//! can take it. So a slow reader gets fewer, newer states, and what it can hold back is bounded by
//! what it subscribed to.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric.

mod growth;
mod outbox;
mod rate;
mod rest;
mod slots;
mod terms;
mod wheel;

pub use growth::room_step;
pub use outbox::{Baseline, Due, Outbox, Overflow, Removed, SlotId};
pub use rate::{MaxRate, RateError};
pub use rest::{Pace, Rest};
pub use slots::{Kind, Stamp};
pub use terms::Terms;
pub use wheel::TimingWheel;
