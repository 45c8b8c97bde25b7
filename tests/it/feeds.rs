//! The feeds, from a file or the simulator through a broker and back.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a helper of a test fails like the test")]

mod answers;
mod broker;
mod command;
mod producer;
mod samples;
