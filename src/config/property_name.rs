//! librdkafka's properties that have two names: which of them are one.

/// The other name of a property, and the name that librdkafka itself has for it: the entries of `rdkafka_conf.c` that
/// are marked as an alias. `enable.auto.commit` isn't among them: it's one of the topic's `auto.commit.enable`, which
/// nobody reaches, as the client has a property of its own by that name.
const ALIASES: [(&str, &str); 11] = [
    ("bootstrap.servers", "metadata.broker.list"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("retries", "message.send.max.retries"),
    ("compression.type", "compression.codec"),
    ("acks", "request.required.acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
];

/// librdkafka's own name of the property that `key` names: equal for two names of one property.
pub fn canonical(key: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == key).map_or(key, |(_, own)| own)
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;

    use super::*;

    #[test]
    fn librdkafka_takes_both_names_for_one() {
        for (alias, own) in ALIASES {
            let value = match own {
                "metadata.broker.list" => "broker:9092",
                "sasl.mechanisms" => "SCRAM-SHA-256",
                "compression.codec" => "zstd",
                "request.required.acks" => "1",
                _ => "54321",
            };
            let native = ClientConfig::new().set(alias, value).create_native_config().unwrap();
            assert_eq!(native.get(own).unwrap(), value, "{alias}");
            assert_eq!((canonical(alias), canonical(own)), (own, own));
        }
        assert_eq!(canonical("client.id"), "client.id");
    }
}
