//! tickcast streams stock prices from Kafka to browsers.

pub mod app;
pub mod cli;
pub mod config;
pub mod failure;
pub mod telemetry;

pub mod feed;
pub mod fold;
pub mod market;
pub mod publication;

pub mod conflation;
pub mod destination;
pub mod last_value_cache;
pub mod origin;
pub mod session;
pub mod shard;
pub mod stomp;
