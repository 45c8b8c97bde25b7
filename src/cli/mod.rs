//! The commands.

pub mod feed;
