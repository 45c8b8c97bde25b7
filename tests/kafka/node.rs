//! One Apache Kafka node (KRaft), started from plain jars on free ports: its process, its addresses, and every way in
//! which it can go and come back. `setup` says how it's configured.

mod setup;

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use rdkafka::{ClientConfig, consumer::BaseConsumer, consumer::Consumer};
use tempfile::TempDir;

use crate::{
    harness::{eventually, free_ports},
    process,
    segment::Partition,
};
pub(crate) use setup::{CLIENT_SECRET, Quorum, USER};

/// A running node; ended and removed when dropped.
pub(crate) struct Node {
    libraries: PathBuf,
    directory: TempDir,
    ports: Ports,
    process: Mutex<Option<Child>>,
}

#[derive(Clone, Copy)]
struct Ports {
    plaintext: u16,
    secure: u16,
    oauth: u16,
    mutual: u16,
    /// What is advertised to those who came through it is the proxy's.
    proxied: u16,
    controller: u16,
}

impl Node {
    /// A node of the caller's own, broker and controller in one; `None`, with the reason printed, where there are no
    /// jars.
    pub(crate) fn own() -> Option<Self> {
        Self::of(Quorum::Alone, None)
    }

    /// The same, with a listener that tells its clients to come through a proxy at this port.
    pub(crate) fn behind(proxy: u16) -> Option<Self> {
        Self::of(Quorum::Alone, Some(proxy))
    }

    /// A node that is set up as a member of a quorum.
    pub(crate) fn of(quorum: Quorum, proxy: Option<u16>) -> Option<Self> {
        let Some(libraries) = std::env::var_os("TICKCAST_KAFKA_LIBS") else {
            // Written past libtest, which shows nobody what a passing test prints.
            let reason =
                "skipped: TICKCAST_KAFKA_LIBS names no directory of Kafka's jars: tests/run.sh kafka\n";
            std::io::stderr().write_all(reason.as_bytes()).unwrap();
            return None;
        };
        let [plaintext, secure, oauth, mutual, proxied, controller] = free_ports();
        let node = Self {
            libraries: fs::canonicalize(libraries).expect("TICKCAST_KAFKA_LIBS names a directory"),
            directory: TempDir::new().unwrap(),
            ports: Ports { plaintext, secure, oauth, mutual, proxied, controller },
            process: Mutex::new(None),
        };
        node.set_up(quorum, proxy);
        node.start();
        Some(node)
    }

    /// The node that tests running at the same time share.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Node>> = Mutex::new(Weak::new());
        // A test that panicked while it held the lock left nothing half done.
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(node) = shared.upgrade() {
            return Some(node);
        }
        let node = Arc::new(Self::own()?);
        *shared = Arc::downgrade(&node);
        Some(node)
    }

    /// Address of the listener without TLS.
    pub(crate) fn plaintext(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plaintext)
    }

    /// Address of the listener that demands TLS and a password: PLAIN or SCRAM.
    pub(crate) fn secure(&self) -> String {
        format!("127.0.0.1:{}", self.ports.secure)
    }

    /// Address of the listener that demands TLS and a signed token.
    pub(crate) fn oauth(&self) -> String {
        format!("127.0.0.1:{}", self.ports.oauth)
    }

    /// Address of the listener that demands TLS of both sides.
    pub(crate) fn mutual(&self) -> String {
        format!("127.0.0.1:{}", self.ports.mutual)
    }

    /// Where the proxy has to lead.
    pub(crate) fn behind_proxy(&self) -> u16 {
        self.ports.proxied
    }

    /// Where the nodes of a cluster find the controller.
    pub(crate) fn controller(&self) -> u16 {
        self.ports.controller
    }

    /// What a partition is on the node's disk. It's to be touched while the node is down only.
    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Partition {
        Partition::of(&self.path("data"), topic, partition)
    }

    /// Starts the process and waits until it answers.
    pub(crate) fn start(&self) {
        self.launch();
        self.await_answer();
    }

    /// Starts the process.
    pub(crate) fn launch(&self) {
        let output = File::options().create(true).append(true).open(self.path("node.log")).unwrap();
        let child = self
            .java()
            // The first compiler tier alone: the node lives for seconds, and start-up is what it spends.
            .args(["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"])
            .arg(format!(
                "-Dlog4j2.configurationFile={}/tests/kafka/log4j2.properties",
                env!("CARGO_MANIFEST_DIR")
            ))
            // What the broker may read the keys of tokens from has to be allowed by name since Kafka 4.
            .arg(format!(
                "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{}",
                self.path("jwks.json").display()
            ))
            .arg("kafka.Kafka")
            .arg(self.path("server.properties"))
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("java runs");
        *self.process.lock().unwrap() = Some(child);
    }

    /// Waits until it answers a client that comes for the first time; the moment when it did.
    pub(crate) fn await_answer(&self) -> Instant {
        let probe: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.plaintext())
            .set("reconnect.backoff.max.ms", "100")
            .create()
            .unwrap();
        eventually("the Kafka node answers", || {
            if let Some(status) = self.process.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
                panic!("the Kafka node ended with {status}:\n{}", self.log());
            }
            let metadata =
                probe.fetch_metadata(None, Duration::from_secs(2)).map_err(|error| error.to_string())?;
            if metadata.brokers().is_empty() { Err("no broker yet".to_owned()) } else { Ok(Instant::now()) }
        })
    }

    /// Ends the process as an operator would, keeping its data.
    pub(crate) fn stop(&self) {
        let Some(mut child) = self.process.lock().unwrap().take() else { return };
        process::signal(child.id(), "TERM");
        eventually("the Kafka node ends", || match child.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    /// Ends the process as a loss of power would, keeping what it wrote.
    pub(crate) fn kill(&self) {
        let Some(mut child) = self.process.lock().unwrap().take() else { return };
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops the process's clock: connections stay and nothing answers, as on a machine that hangs.
    pub(crate) fn pause(&self) {
        process::signal(self.id(), "STOP");
    }

    /// Undoes [`Node::pause`].
    pub(crate) fn resume(&self) {
        process::signal(self.id(), "CONT");
    }

    fn id(&self) -> u32 {
        self.process.lock().unwrap().as_ref().expect("the node runs").id()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("node.log")).unwrap_or_default()
    }

    /// A file of the node's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn java(&self) -> Command {
        let mut java = Command::new("java");
        java.arg("-cp").arg(format!("{}/*", self.libraries.display())).stdin(Stdio::null());
        java
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the Kafka node:\n{}", self.log());
        }
        // Its data is removed next, so nothing is lost by ending it at once; SIGKILL ends one that is paused, too.
        let process = self.process.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(mut child) = process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
