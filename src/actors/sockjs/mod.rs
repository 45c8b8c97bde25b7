//! SockJS sessions that are received by requests: each has a home, and every request finds it.
//!
//! A session lives on the thread that its first request came to. Later ones may come to other threads: they look its
//! home up in the [`Registry`], which all threads share, and speak to it through a bounded channel. What the session
//! says comes back through the [`exchange`](crate::transport::exchange) of the receiving request, when that asks.

mod body;
mod home;
mod registry;

pub use body::AnswerBody;
pub use home::Home;
pub use registry::{Claim, Command, Entry, Outcome, Registry, TooManySends, Unfound};
