//! tickcast against a real Apache Kafka: the built binary on one side, a KRaft node of the current version on the
//! other, both started and stopped by the test. `tests/run.sh kafka` fetches the node's jars and names their
//! directory in `TICKCAST_KAFKA_LIBS`; without it the tests that need a node say so and pass.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "helpers of tests, outside of any #[test]")]

mod follower;
mod harness;
mod load;
mod node;
mod process;
mod proxy;
mod reader;
mod records;
mod scene;
mod segment;
mod server;
mod states;
mod stomp;
mod token;
mod cases {
    //! One file a promise.
    mod another_log;
    mod crash;
    mod harness_itself;
    mod holes;
    mod ingest_figures;
    mod leaders;
    mod outage;
    mod quarantine;
    mod reading;
    mod return_figures;
    mod security;
    mod starting;
    mod ways_to_start;
}
