//! One Apache Kafka node, broker and controller in one (KRaft): started from plain jars on free ports, with a
//! plaintext listener and one that demands TLS and SCRAM-SHA-512.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use rdkafka::{ClientConfig, consumer::BaseConsumer, consumer::Consumer};
use tempfile::TempDir;

use crate::harness::{eventually, free_ports};

/// Whom the secure listener lets in.
const USER: &str = "alice";
const PASSWORD: &str = "alice-secret";
/// Of the stores that hold the node's key; they live as long as the test.
const STORE_PASSWORD: &str = "changeit";
/// Any 16 bytes in base64url will do: a node talks to nobody but itself.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// A running node; stopped and removed when dropped.
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
    controller: u16,
}

impl Node {
    /// A node of the caller's own; `None`, with the reason printed, where there are no jars.
    pub(crate) fn own() -> Option<Self> {
        let Some(libraries) = std::env::var_os("TICKCAST_KAFKA_LIBS") else {
            // Written past libtest, which shows nobody what a passing test prints.
            let reason =
                "skipped: TICKCAST_KAFKA_LIBS names no directory of Kafka's jars: tests/run.sh kafka\n";
            std::io::stderr().write_all(reason.as_bytes()).unwrap();
            return None;
        };
        let [plaintext, secure, controller] = free_ports();
        let node = Self {
            libraries: fs::canonicalize(libraries).expect("TICKCAST_KAFKA_LIBS names a directory"),
            directory: TempDir::new().unwrap(),
            ports: Ports { plaintext, secure, controller },
            process: Mutex::new(None),
        };
        node.make_keys();
        node.write_properties();
        node.format();
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

    /// Address of the listener that demands TLS and SCRAM.
    pub(crate) fn secure(&self) -> String {
        format!("127.0.0.1:{}", self.ports.secure)
    }

    /// librdkafka's settings that the secure listener asks for.
    pub(crate) fn secure_properties(&self) -> Vec<(&'static str, String)> {
        vec![
            ("security.protocol", "sasl_ssl".to_owned()),
            ("sasl.mechanism", "SCRAM-SHA-512".to_owned()),
            ("sasl.username", USER.to_owned()),
            ("sasl.password", PASSWORD.to_owned()),
            ("ssl.ca.location", self.path("ca.pem").display().to_string()),
        ]
    }

    /// The newest segment's file of a partition.
    pub(crate) fn segment(&self, topic: &str, partition: i32) -> PathBuf {
        self.path("data").join(format!("{topic}-{partition}")).join("00000000000000000000.log")
    }

    /// Starts the process and waits until it answers.
    pub(crate) fn start(&self) {
        let output = File::options().create(true).append(true).open(self.path("node.log")).unwrap();
        let child = self
            .java()
            // The first compiler tier alone: the node lives for seconds, and start-up is what it spends.
            .args(["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg(format!(
                "-Dlog4j2.configurationFile={}/tests/kafka/log4j2.properties",
                env!("CARGO_MANIFEST_DIR")
            ))
            .arg("kafka.Kafka")
            .arg(self.path("server.properties"))
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("java runs");
        *self.process.lock().unwrap() = Some(child);
        let probe: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", self.plaintext()).create().unwrap();
        eventually("the Kafka node answers", || {
            if let Some(status) = self.process.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
                panic!("the Kafka node ended with {status}:\n{}", self.log());
            }
            let metadata =
                probe.fetch_metadata(None, Duration::from_secs(2)).map_err(|error| error.to_string())?;
            if metadata.brokers().is_empty() { Err("no broker yet".to_owned()) } else { Ok(()) }
        });
    }

    /// Ends the process as an operator would, keeping its data.
    pub(crate) fn stop(&self) {
        let Some(mut child) = self.process.lock().unwrap().take() else { return };
        let terminated =
            Command::new("kill").arg(child.id().to_string()).status().is_ok_and(|it| it.success());
        if terminated {
            eventually("the Kafka node ends", || match child.try_wait() {
                Ok(Some(_)) => Ok(()),
                other => Err(format!("{other:?}")),
            });
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("node.log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn java(&self) -> Command {
        let mut java = Command::new("java");
        java.arg("-cp").arg(format!("{}/*", self.libraries.display())).stdin(Stdio::null());
        java
    }

    /// A CA, a key of the node that the CA signed for 127.0.0.1, and the CA's certificate for clients.
    fn make_keys(&self) {
        let store = self.path("keys.p12");
        let store = store.to_str().expect("temporary paths are text");
        let key = |arguments: &[&str]| {
            let mut all = vec!["-keystore", store, "-storepass", STORE_PASSWORD, "-storetype", "PKCS12"];
            all.extend(arguments);
            run(Command::new("keytool").args(all));
        };
        key(&["-genkeypair", "-alias", "ca", "-keyalg", "EC", "-dname", "CN=tests", "-ext", "bc:c"]);
        key(&[
            "-genkeypair",
            "-alias",
            "node",
            "-keyalg",
            "EC",
            "-dname",
            "CN=node",
            "-signer",
            "ca",
            "-ext",
            "san=ip:127.0.0.1,dns:localhost",
        ]);
        key(&["-exportcert", "-alias", "ca", "-rfc", "-file", self.path("ca.pem").to_str().unwrap()]);
        // With the CA's key in it the node could pick that one: it keeps its own only.
        key(&["-delete", "-alias", "ca"]);
    }

    fn write_properties(&self) {
        let Ports { plaintext, secure, controller } = self.ports;
        let properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\n\
             listeners=PLAINTEXT://127.0.0.1:{plaintext},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{plaintext},SECURE://127.0.0.1:{secure}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT\n\
             listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
             listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             listener.name.secure.ssl.keystore.type=PKCS12\n\
             listener.name.secure.ssl.keystore.location={keys}\n\
             listener.name.secure.ssl.keystore.password={STORE_PASSWORD}\n\
             log.dirs={data}\n\
             auto.create.topics.enable=false\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             controlled.shutdown.enable=false\n",
            keys = self.path("keys.p12").display(),
            data = self.path("data").display(),
        );
        fs::write(self.path("server.properties"), properties).unwrap();
    }

    fn format(&self) {
        let scram = format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]");
        let mut java = self.java();
        java.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-S", &scram, "-c"]);
        run(java.arg(self.path("server.properties")));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the Kafka node:\n{}", self.log());
        }
        // Its data is removed next, so nothing is lost by ending it at once.
        let process = self.process.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(mut child) = process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{text}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
}

/// The compression codec that a batch of a segment's file was stored with, one entry a batch.
///
/// Kafka's record batch, version 2: base offset (8 bytes), length of what follows (4), leader epoch (4), magic (1),
/// checksum (4), attributes (2), whose lowest three bits are the codec.
pub(crate) fn codecs(segment: &Path) -> Vec<u8> {
    let bytes = fs::read(segment).unwrap_or_else(|error| panic!("{}: {error}", segment.display()));
    let (mut codecs, mut rest) = (Vec::new(), bytes.as_slice());
    while let [_, _, _, _, _, _, _, _, a, b, c, d, after @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        codecs.push(after[10] & 0b111);
        rest = &after[length..];
    }
    codecs
}
