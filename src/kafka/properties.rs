//! Properties of librdkafka that users give: whether its clients take them, told without their values.
//!
//! librdkafka repeats a wrong property with its value, and that may be a password; so its words about
//! a single property end here.

use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::ConsumerContext,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
    types::RDKafkaConfRes,
};

use crate::config::{Invalid, KafkaProperty, canonical_property};

/// Why Kafka's client refuses its configuration. The user can mend it; no property's value is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// There is no property of this name.
    #[error("Kafka's client knows no property {0}; librdkafka's CONFIGURATION.md lists all")]
    Unknown(String),
    /// The property can't have the value that it was given.
    #[error("the value of {0} is impossible; librdkafka's CONFIGURATION.md lists what is allowed")]
    Value(String),
    /// Each property may be set, but not all of them together; or a file that one names can't be used.
    #[error("Kafka's client refuses its configuration: {0}")]
    Client(String),
}

impl From<KafkaError> for PropertyError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, key, _) => Self::Unknown(key),
            KafkaError::ClientConfig(_, _, key, _) => Self::Value(key),
            KafkaError::ClientCreation(reason) => Self::Client(reason),
            other => Self::Client(other.to_string()),
        }
    }
}

impl From<PropertyError> for Invalid {
    fn from(error: PropertyError) -> Self {
        Self { keys: vec!["kafka_property", "kafka_property_file"], reason: error.to_string() }
    }
}

/// Sets a property in place of what it had before, also by its other name: librdkafka gets a map without any order, and
/// of two names of one property either might win.
fn set(client: &mut ClientConfig, key: &str, value: &str) {
    let is_same = |name: &&str| canonical_property(name) == canonical_property(key);
    let before: Vec<_> = client.config_map().into_keys().filter(is_same).map(str::to_owned).collect();
    for name in before {
        client.remove(&name);
    }
    client.set(key, value);
}

/// Sets what a client can't do without, whatever the users' properties say.
pub(super) fn set_needed(client: &mut ClientConfig, needed: &[(&str, &str)]) {
    for (key, value) in needed {
        set(client, key, value);
    }
}

/// Sets the properties, the later of two for one property, if each by itself is possible.
pub(super) fn set_all(client: &mut ClientConfig, properties: &[KafkaProperty]) -> Result<(), PropertyError> {
    for KafkaProperty { key, value } in properties {
        ClientConfig::new().set(key, value).create_native_config().map_err(|error| match error {
            // Of a text that C can't have; it doesn't tell which property it was.
            KafkaError::Nul(_) => PropertyError::Value(key.clone()),
            error => error.into(),
        })?;
        set(client, key, value);
    }
    Ok(())
}

/// Whether a client `C` can be made so. It's made and dropped: only then librdkafka looks at how its
/// properties go together, and into the files that they name. Without a broker's address, nothing is
/// connected.
pub(super) fn check<C: FromClientConfigAndContext<Silent>>(
    mut client: ClientConfig,
) -> Result<(), PropertyError> {
    client.remove("bootstrap.servers").set_log_level(RDKafkaLogLevel::Emerg);
    client.create_with_context::<Silent, C>(Silent).map(drop).map_err(PropertyError::from)
}

/// Whether a line of librdkafka's log may be passed on: with `debug=conf` it lists its whole configuration, in which it
/// hides only the values that it knows to be secrets, not a password within an address.
pub(super) fn may_be_logged(facility: &str) -> bool {
    facility != "CONF"
}

/// Logs nothing: what is wrong comes as an error.
pub(super) struct Silent;

impl ClientContext for Silent {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ConsumerContext for Silent {}

impl ProducerContext for Silent {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use rdkafka::{consumer::BaseConsumer, producer::BaseProducer};

    use super::*;

    /// What a consumer and a producer say of the properties.
    fn verdicts(properties: &[&str]) -> [Result<(), PropertyError>; 2] {
        let properties: Vec<_> = properties.iter().map(|text| text.parse().unwrap()).collect();
        let mut client = ClientConfig::new();
        match set_all(&mut client, &properties) {
            Ok(()) => [check::<BaseConsumer<Silent>>(client.clone()), check::<BaseProducer<Silent>>(client)],
            Err(error) => [Err(error.clone()), Err(error)],
        }
    }

    #[track_caller]
    fn check_refused(properties: &[&str], part: &str) {
        for verdict in verdicts(properties) {
            let told = verdict.unwrap_err().to_string();
            assert!(told.contains(part), "{told:?} should have {part:?}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_a_value() {
        check_refused(&["sasl.pasword=hunter2"], "knows no property sasl.pasword");
        check_refused(&["sasl.password=hunter2", "security.protocol=hunter2"], "value of security.protocol");
        check_refused(&["socket.timeout.ms=hunter2"], "value of socket.timeout.ms");
        check_refused(&["sasl.password=hunter2\0"], "value of sasl.password");
    }

    #[test]
    fn what_only_a_client_finds_is_told_too() {
        check_refused(&["security.protocol=ssl", "ssl.ca.location=/no/such.pem"], "ssl.ca.location");
        check_refused(
            &["security.protocol=sasl_plaintext", "sasl.mechanism=NONE", "sasl.password=hunter2"],
            "SASL mechanism",
        );
    }

    /// Keeps what may be logged, and counts what may not.
    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<(Vec<String>, usize)>>);

    impl ClientContext for Lines {
        fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
            let mut lines = self.0.lock().unwrap();
            if may_be_logged(facility) {
                lines.0.push(message.to_owned());
            } else {
                lines.1 += 1;
            }
        }
    }

    impl ConsumerContext for Lines {}

    #[test]
    fn the_list_of_the_whole_configuration_is_not_logged() {
        let lines = Lines::default();
        let mut client = ClientConfig::new();
        client.set("debug", "all").set("client.rack", "hunter2").set_log_level(RDKafkaLogLevel::Debug);
        let consumer: BaseConsumer<Lines> = client.create_with_context(lines.clone()).unwrap();
        let listed = || {
            consumer.poll(std::time::Duration::from_millis(10));
            lines.0.lock().unwrap().1 > 0
        };
        assert!((0..500).any(|_| listed()), "librdkafka lists what it's configured with");
        drop(consumer);
        let told = lines.0.lock().unwrap().0.join("\n");
        assert!(!told.is_empty() && !told.contains("hunter2"), "{told}");
    }

    /// A map's order differs from one to the next, so one look wouldn't tell.
    #[test]
    fn users_come_after_defaults_and_before_what_is_needed_by_whatever_name() {
        let parse = |text: &&str| text.parse::<KafkaProperty>().unwrap();
        let pairs = [
            ("compression.type", "compression.codec", ["lz4", "zstd"]),
            ("delivery.timeout.ms", "message.timeout.ms", ["30000", "40000"]),
            ("linger.ms", "queue.buffering.max.ms", ["5", "7"]),
            ("acks", "request.required.acks", ["-1", "1"]),
        ];
        for _ in 0..64 {
            for (one, other, [ours, theirs]) in pairs {
                for (default, given) in [(one, other), (other, one)] {
                    let got =
                        |client: &ClientConfig| client.create_native_config().unwrap().get(other).unwrap();
                    let mut client = ClientConfig::new();
                    client.set(default, ours);
                    let users = [&*format!("{default}={ours}"), &*format!("{given}={theirs}")];
                    set_all(&mut client, &users.each_ref().map(parse)).unwrap();
                    assert_eq!(got(&client), theirs, "{given}");
                    set_needed(&mut client, &[(default, ours)]);
                    assert_eq!(got(&client), ours, "{default}");
                    assert_eq!(client.config_map().len(), 1);
                }
            }
        }
    }

    #[test]
    fn what_is_right_passes() {
        let sasl = ["security.protocol=sasl_plaintext", "sasl.mechanism=PLAIN", "sasl.username=a"];
        let properties = [&sasl[..], &["sasl.password=hunter2", "fetch.min.bytes=1"]].concat();
        assert_eq!(verdicts(&properties), [Ok(()), Ok(())]);
    }
}
