//! tickcast streams stock prices from Kafka to browsers.

pub mod app;
pub mod cli;
pub mod config;
pub mod failure;
pub mod feed;
pub mod market;
pub mod telemetry;
