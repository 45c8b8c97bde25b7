//! tickcast streams stock prices from Kafka to browsers.

pub mod failure;
pub mod market;
pub mod feed;
