//! What all worker threads share.

use std::{
    sync::{Arc, Mutex, atomic::AtomicUsize},
    time::Instant,
};

use crate::{
    actors::places::Places, client_address::Proxies, log_limiter::LogLimiter, metrics::Metrics,
    origin::OriginPolicy, readiness::Readiness,
};

/// What the handlers look at. Shared by all worker threads; a shard isn't, and so isn't in here.
#[derive(Debug)]
pub struct AppState {
    /// Whose pages may connect.
    pub origins: OriginPolicy,
    /// Whether clients may come.
    pub readiness: Arc<Readiness>,
    /// What is counted.
    pub metrics: Metrics,
    /// Sessions open now.
    pub open_sessions: Arc<AtomicUsize>,
    /// Places for sessions.
    pub places: Places,
    /// Who tells where clients are.
    pub proxies: Proxies,
    /// Keeps refused upgrades from filling the log.
    pub refusal_log: Mutex<LogLimiter>,
    /// When the server started.
    pub started: Instant,
    /// The brokers' addresses.
    pub bootstrap: String,
    /// The topic of ticks.
    pub topic: String,
}
