//! tickcast streams stock prices from Kafka to browsers.

pub mod app;
pub mod cli;
pub mod config;
pub mod failure;
pub mod telemetry;
pub mod metrics;
pub mod kafka;
pub mod readiness;
pub mod rejection_log;
pub mod transport;
pub mod actors;
pub mod http;
pub mod feeder;

pub mod market;
pub mod feed;
pub mod publication;
pub mod fold;
pub mod catch_up;

pub mod destination;
pub mod origin;
pub mod stomp;
pub mod last_value_cache;
pub mod conflation;
pub mod session;
pub mod shard;
