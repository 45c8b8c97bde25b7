//! Errors that a broker answers with and that no real one can be made to give when a test wants them: the mock cluster
//! injects them into the answers to fetches. Reading goes on after each, and nothing is lost or told twice.

use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use crate::support::{Client, Feed, Server};

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// A server that reads the cluster's topic, and a client that follows all of it.
struct Reading {
    cluster: Cluster,
    server: Server,
    feed: Feed,
    client: Client,
}

impl Reading {
    fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("ticks", 1, 1).unwrap();
        let server = Server::ready(&["--kafka", &cluster.bootstrap_servers()]);
        let mut client = Client::connect(&server);
        client.send("SUBSCRIBE\nid:all\ndestination:/topic/price.stock.*\nreceipt:r\n\n\0");
        assert_eq!(client.frame().command, "RECEIPT");
        let feed = Feed::to(&server);
        Self { cluster, server, feed, client }
    }

    /// Publishes a tick of its own price; the next message is that one.
    #[track_caller]
    fn assert_next(&mut self, seq: u64) {
        self.feed.tick("A", &format!(r#""price":{}"#, seq + 1));
        self.await_seq(seq);
    }

    #[track_caller]
    fn await_seq(&mut self, seq: u64) {
        let frame = self.client.frame();
        assert_eq!((frame.command.as_str(), frame.expect("seq")), ("MESSAGE", seq.to_string().as_str()));
        assert_eq!(frame.json()["price"], seq + 1);
    }
}

#[test]
fn a_fetch_that_fails_for_a_while_is_asked_again() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR__TRANSPORT as TRANSPORT, RD_KAFKA_RESP_ERR_INVALID_MSG as INVALID_MESSAGE,
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE as NO_LEADER,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as NOT_LEADER,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT as TIMED_OUT,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as NOT_ALLOWED,
    };
    let mut reading = Reading::start();
    reading.assert_next(0);
    let errors = [NOT_LEADER, NO_LEADER, TIMED_OUT, TRANSPORT, INVALID_MESSAGE, NOT_ALLOWED];
    for (seq, error) in (1..).zip(errors) {
        reading.cluster.request_errors(RDKafkaApiKey::Fetch, &[error, error]);
        reading.assert_next(seq);
    }
    // One after the other, as while a cluster is rearranged.
    reading.cluster.request_errors(RDKafkaApiKey::Fetch, &errors);
    reading.assert_next(7);
    assert_eq!(reading.server.get("/readyz").status, 200);
}

#[test]
fn an_offset_that_is_said_to_be_out_of_range_changes_no_state() {
    let mut reading = Reading::start();
    for seq in 0..5 {
        reading.assert_next(seq);
    }
    let before = reading.server.snapshot("A");
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    reading.cluster.request_errors(RDKafkaApiKey::Fetch, &[error]);

    reading.assert_next(5);

    let after = reading.server.snapshot("A");
    assert_eq!(after["open"], before["open"]);
    assert_eq!(after["trades"], 6, "what was read again isn't counted again: {after}");
}
