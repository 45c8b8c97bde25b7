//! How a node is set up: its keys, its listeners with what each demands, and its place in a quorum.

use std::{fs, process::Command};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::{Node, Ports};
use crate::token::{AUDIENCE, ISSUER, jwks};

/// Whom the secure listener lets in.
pub(crate) const USER: &str = "alice";
const PASSWORD: &str = "alice-secret";
/// What the token endpoint of the tests asks for.
pub(crate) const CLIENT_SECRET: &str = "oidc-client-secret";
/// Any 16 bytes in base64url will do: nodes talk to nobody but each other.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// A node's place among others.
#[derive(Clone, Copy)]
pub(crate) enum Quorum {
    /// Broker and controller in one; the controller of those that join.
    Alone,
    /// A broker of this number, whose controller is at this port.
    Member {
        /// The number of the node; 1 is the controller's.
        id: u16,
        /// Where the controller listens.
        controller: u16,
    },
}

/// librdkafka's properties.
pub(crate) type Properties = Vec<(&'static str, String)>;

impl Node {
    pub(super) fn set_up(&self, quorum: Quorum, proxy: Option<u16>) {
        self.make_keys();
        self.write_properties(quorum, proxy);
        self.format();
    }

    /// librdkafka's settings that the secure listener asks for.
    pub(crate) fn secure_properties(&self) -> Properties {
        self.password_properties("SCRAM-SHA-512")
    }

    /// The same by another mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    pub(crate) fn password_properties(&self, mechanism: &str) -> Properties {
        vec![
            ("security.protocol", "sasl_ssl".to_owned()),
            ("sasl.mechanism", mechanism.to_owned()),
            ("sasl.username", USER.to_owned()),
            ("sasl.password", PASSWORD.to_owned()),
            ("ssl.ca.location", self.path("ca.pem").display().to_string()),
        ]
    }

    /// librdkafka's settings for tokens that it asks the endpoint for.
    pub(crate) fn token_properties(&self, endpoint: &str) -> Properties {
        vec![
            ("security.protocol", "sasl_ssl".to_owned()),
            ("sasl.mechanism", "OAUTHBEARER".to_owned()),
            ("sasl.oauthbearer.method", "oidc".to_owned()),
            ("sasl.oauthbearer.client.id", USER.to_owned()),
            ("sasl.oauthbearer.client.secret", CLIENT_SECRET.to_owned()),
            ("sasl.oauthbearer.token.endpoint.url", endpoint.to_owned()),
            ("ssl.ca.location", self.path("ca.pem").display().to_string()),
        ]
    }

    /// librdkafka's settings that show who the client is by its certificate.
    pub(crate) fn mutual_properties(&self) -> Properties {
        let path = |name| self.path(name).display().to_string();
        vec![
            ("security.protocol", "ssl".to_owned()),
            ("ssl.ca.location", path("ca.pem")),
            ("ssl.certificate.location", path("client.pem")),
            ("ssl.key.location", path("client.key")),
        ]
    }

    /// A CA, keys of the node for 127.0.0.1 and of a client that the CA signed, and a CA that signed nothing.
    fn make_keys(&self) {
        let ca = |name: &str| {
            let mut ca = CertificateParams::new(Vec::new()).unwrap();
            ca.distinguished_name.push(DnType::CommonName, name);
            ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap()
        };
        let (issuer, stranger) = (ca("tests"), ca("stranger"));
        fs::write(self.path("ca.pem"), issuer.pem()).unwrap();
        fs::write(self.path("strange-ca.pem"), stranger.pem()).unwrap();
        for (name, hosts) in
            [("node", &["127.0.0.1".to_owned(), "localhost".to_owned()][..]), ("client", &[])]
        {
            let mut leaf = CertificateParams::new(hosts).unwrap();
            leaf.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            let certificate = leaf.signed_by(&key, &issuer).unwrap().pem();
            fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
            fs::write(self.path(&format!("{name}.pem")), &certificate).unwrap();
            // A store in Kafka's sense: the key, then the chain.
            let store = [key.serialize_pem(), certificate, issuer.pem()].concat();
            fs::write(self.path(&format!("{name}-store.pem")), store).unwrap();
        }
        fs::write(self.path("jwks.json"), jwks()).unwrap();
    }

    fn write_properties(&self, quorum: Quorum, proxy: Option<u16>) {
        let Ports { plaintext, secure, oauth, mutual, proxied, controller } = self.ports;
        let path = |name| self.path(name).display().to_string();
        let clients = format!(
            "PLAINTEXT://127.0.0.1:{plaintext},SECURE://127.0.0.1:{secure},OAUTH://127.0.0.1:{oauth},\
             MUTUAL://127.0.0.1:{mutual}"
        );
        let place = match quorum {
            Quorum::Alone => format!(
                "process.roles=broker,controller\n\
                 node.id=1\n\
                 controller.quorum.voters=1@127.0.0.1:{controller}\n\
                 listeners={clients},PROXIED://127.0.0.1:{proxied},CONTROLLER://127.0.0.1:{controller}\n"
            ),
            Quorum::Member { id, controller } => format!(
                "process.roles=broker\n\
                 node.id={id}\n\
                 controller.quorum.voters=1@127.0.0.1:{controller}\n\
                 listeners={clients},PROXIED://127.0.0.1:{proxied}\n"
            ),
        };
        let advertised = proxy.unwrap_or(proxied);
        let properties = format!(
            "{place}\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\n\
             advertised.listeners={clients},PROXIED://127.0.0.1:{advertised}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,OAUTH:SASL_SSL,MUTUAL:SSL,\
             PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             {SECURITY}\
             ssl.keystore.type=PEM\n\
             ssl.keystore.location={keys}\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={ca}\n\
             sasl.oauthbearer.jwks.endpoint.url=file://{jwks}\n\
             sasl.oauthbearer.expected.audience={AUDIENCE}\n\
             sasl.oauthbearer.expected.issuer={ISSUER}\n\
             listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
             required user_{USER}=\"{PASSWORD}\";\n\
             log.dirs={data}\n\
             {TUNING}",
            keys = path("node-store.pem"),
            ca = path("ca.pem"),
            jwks = path("jwks.json"),
            data = path("data"),
        );
        fs::write(self.path("server.properties"), properties).unwrap();
    }

    fn format(&self) {
        let mut java = self.java();
        java.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID]);
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            java.args(["-S", &format!("{mechanism}=[name={USER},password={PASSWORD}]")]);
        }
        run(java.arg("-c").arg(self.path("server.properties")));
    }
}

const SECURITY: &str = "\
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.oauth.oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.mutual.ssl.client.auth=required
";

/// A node forgets within seconds a broker that is gone, so that it may come back as soon and leaders change as soon.
/// Logs are compacted within a second of when they may be.
const TUNING: &str = "\
auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=4000000
controlled.shutdown.enable=false
";

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
