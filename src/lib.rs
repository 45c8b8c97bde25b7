//! tickcast streams stock prices from Kafka to browsers.

pub mod failure;

pub mod feed;
pub mod fold;
pub mod market;
pub mod publication;

pub mod destination;
pub mod origin;
pub mod stomp;
