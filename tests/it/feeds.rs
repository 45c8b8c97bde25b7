//! The feeds, from a file or the simulator through a broker and back.

mod answers;
mod broker;
mod command;
mod samples;
