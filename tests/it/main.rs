//! tests

mod feeds;
