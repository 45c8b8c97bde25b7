//! tickcast streams stock prices from Kafka to browsers.

pub mod app;
pub mod cli;
pub mod config;
pub mod failure;
pub mod telemetry;

pub mod market;
pub mod feed;
pub mod publication;
pub mod fold;

pub mod destination;
pub mod origin;
pub mod stomp;
pub mod last_value_cache;
pub mod conflation;
pub mod session;
pub mod shard;
