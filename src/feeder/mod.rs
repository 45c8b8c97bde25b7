//! The feeds at work: a recording or the simulator on one side, a producer and the clock on the
//! other. What they publish is decided in [`crate::feed`]; here is only when.

pub mod quarantine;
pub mod replay;
pub mod simulate;
