//! tickcast streams stock prices from Kafka to browsers.

pub mod failure;
pub mod feed;
pub mod market;
