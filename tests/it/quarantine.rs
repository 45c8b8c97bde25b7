//! Bad records are set aside with their reason, once, and stop nothing.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod broker;
mod command;
mod setting_aside;
