//! tickcast streams stock prices from Kafka to browsers.

pub mod cli;
pub mod failure;
pub mod feed;
pub mod feeder;
pub mod kafka;
pub mod market;
