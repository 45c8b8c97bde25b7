//! The embedded broker: librdkafka's mock cluster, so that a demo needs nothing installed.
//!
//! Any Kafka client on the machine can publish into it and consume from it. It is for development:
//! it keeps the last 5 MiB of a partition in memory and nothing on disk, and finds no offset by
//! time. Each of its topics has one partition, so that records without a key come in one order, too.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rdkafka::{
    ClientConfig,
    error::KafkaError,
    producer::{BaseProducer, Producer},
};

/// A Kafka broker in this process, on loopback. It ends with its owner.
pub struct EmbeddedBroker {
    /// The client that owns the mock cluster.
    _owner: BaseProducer,
    bootstrap: String,
}

impl std::fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedBroker").field("bootstrap", &self.bootstrap).finish_non_exhaustive()
    }
}

/// Why the embedded broker can't be started.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedBrokerError {
    /// librdkafka refuses.
    #[error("the embedded Kafka broker can't be started: {0}")]
    Kafka(#[from] KafkaError),
    /// The fixed port isn't free.
    #[error("the embedded Kafka broker can't listen on 127.0.0.1:{port}: {error}")]
    Port {
        /// The port.
        port: u16,
        /// Why not.
        error: io::Error,
    },
}

impl EmbeddedBroker {
    /// Starts a broker that has the topics, on a port of loopback: the given one, or any.
    pub fn start(topics: &[&str], port: Option<u16>) -> Result<Self, EmbeddedBrokerError> {
        let owner: BaseProducer =
            ClientConfig::new().set("test.mock.num.brokers", "1").set("log_level", "0").create()?;
        let cluster = owner.client().mock_cluster().expect("the client was made with a mock cluster");
        for topic in topics {
            cluster.create_topic(topic, 1, 1)?;
        }
        let own_address = cluster.bootstrap_servers();
        drop(cluster);
        let bootstrap = match port {
            None => own_address,
            Some(port) => {
                forward(port, own_address)?;
                advertise(&owner, port);
                format!("127.0.0.1:{port}")
            }
        };
        Ok(Self { _owner: owner, bootstrap })
    }

    /// `host:port`, for any Kafka client on this machine.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

/// Tells clients to come back to this port rather than to the broker's own.
#[expect(unsafe_code, reason = "the safe wrapper has no call for it")]
fn advertise(owner: &BaseProducer, port: u16) {
    use rdkafka::bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_broker_set_host_port};
    const BROKER: i32 = 1;
    // SAFETY: the client was made with a mock cluster and lives as long as the borrow; the host is a
    // NUL-terminated string that the call copies.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(owner.client().native_ptr());
        rd_kafka_mock_broker_set_host_port(cluster, BROKER, c"127.0.0.1".as_ptr(), i32::from(port));
    }
}

/// Connections that are forwarded at a time. A client has two or three.
const CONNECTIONS_MAX: usize = 256;

/// The mock cluster takes no port, so that a fixed one is forwarded to its own. The threads end with
/// the process, or when either side closes.
fn forward(port: u16, own_address: String) -> Result<(), EmbeddedBrokerError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| EmbeddedBrokerError::Port { port, error })?;
    let connections = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
                connections.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (address, connections) = (own_address.clone(), Arc::clone(&connections));
            thread::spawn(move || {
                if let Err(error) = join(&client, &address) {
                    tracing::debug!(%error, "a connection to the embedded broker ended");
                }
                connections.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    Ok(())
}

fn join(client: &TcpStream, address: &str) -> io::Result<()> {
    let broker = TcpStream::connect(address)?;
    for stream in [client, &broker] {
        stream.set_nodelay(true)?;
    }
    let (mut from_broker, mut to_client) = (broker.try_clone()?, client.try_clone()?);
    let backwards = thread::spawn(move || {
        let copied = io::copy(&mut from_broker, &mut to_client);
        // Whatever ended this direction ends the other.
        let _ = to_client.shutdown(Shutdown::Both);
        copied
    });
    let copied = io::copy(&mut &*client, &mut &broker);
    let _ = broker.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    let _ = backwards.join();
    copied.map(|_| ())
}
