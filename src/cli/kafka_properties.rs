//! The two settings that pass properties to librdkafka, the same for every command that talks to Kafka.

use clap::Args;

use super::sources::{Origin, Setting};
use crate::config::{self, Invalid, KafkaProperty, KafkaPropertyFile, Unwise};

/// Properties by value, and by the files that hold their values.
#[derive(Args, Debug)]
#[command(next_help_heading = "Kafka")]
pub(super) struct PropertyArgs {
    /// A setting passed to librdkafka (TLS, SASL, sizes of fetches and queues …); repeatable. In the environment: one
    /// a line; in the file: a list of "key=value", or a table. Secrets are never logged
    #[arg(long, value_name = "KEY=VALUE")]
    kafka_property: Vec<KafkaProperty>,
    /// The same with the value in a file, for secrets: read once, at the start, without the newline at its end;
    /// repeatable
    #[arg(long, value_name = "KEY=PATH")]
    kafka_property_file: Vec<KafkaPropertyFile>,
}

impl PropertyArgs {
    /// All properties, with the files read.
    pub(super) fn read(self) -> Result<Vec<KafkaProperty>, Invalid> {
        let Self { kafka_property: mut properties, kafka_property_file: files } = self;
        let is_one = |a, b| config::canonical_property(a) == config::canonical_property(b);
        if let Some(file) = files.iter().find(|file| properties.iter().any(|it| is_one(&it.key, &file.key))) {
            return Err(Invalid {
                keys: vec!["kafka_property", "kafka_property_file"],
                reason: format!("{} is given by both: set one of them", file.key),
            });
        }
        for file in files {
            let read = file.read();
            properties.push(read.map_err(|reason| Invalid { keys: vec!["kafka_property_file"], reason })?);
        }
        config::check_decided_elsewhere(&properties)?;
        Ok(properties)
    }
}

/// What is unwise about where secrets come from: the command line, and files that are open to all.
pub(super) fn unwise_secrets(settings: &[Setting]) -> Vec<Unwise> {
    let values = |key: &'static str| {
        let settings = settings.iter().filter(move |setting| setting.key == key);
        settings.flat_map(|setting| setting.values.iter().map(move |value| (&setting.origin, value)))
    };
    let on_the_line = values("kafka_property")
        .filter(|(origin, _)| **origin == Origin::Flag)
        .filter_map(|(_, value)| value.parse().ok())
        .filter(KafkaProperty::is_secret)
        .map(|property| Unwise {
            key: "kafka_property",
            reason: format!(
                "{} on the command line: every user of this machine can read it in the list of processes; set it \
                 by kafka_property_file, in the environment or in the file",
                property.key
            ),
        });
    let open = values("kafka_property_file")
        .filter_map(|(_, value)| value.parse().ok())
        .filter(|file: &KafkaPropertyFile| KafkaProperty::names_a_secret(&file.key) && file.is_open_to_all())
        .map(|file| Unwise {
            key: "kafka_property_file",
            reason: format!("every user of this machine can read {}", file.path.display()),
        });
    on_the_line.chain(open).collect()
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs, io, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::cli::{self, Command, sources::Stop};

    /// The properties that `serve` runs with.
    fn properties(line: &[&str], environment: &[(&str, &str)], file: &str) -> Result<Vec<String>, String> {
        let line: Vec<_> = ["tickcast", "serve"].iter().chain(line).map(OsString::from).collect();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(own).collect();
        let read = |_: &std::path::Path| Ok::<_, io::Error>(file.to_owned());
        let (cli, resolved) = cli::prepare(&line, &environment, read).map_err(|stop| match stop {
            Stop::Failed(failure) => failure.to_string(),
            Stop::Clap(error) => error.to_string(),
        })?;
        let Command::Serve(args) = cli.command else { panic!("serve was called") };
        let serve = config::Serve::try_from(args)
            .map_err(|invalid| cli::invalid_settings(&invalid, &resolved.settings).to_string())?;
        Ok(serve.kafka.properties.iter().map(|it| format!("{}={}", it.key, it.value)).collect())
    }

    #[test]
    fn a_value_in_a_file_comes_from_every_source() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "eu-1\n").unwrap();
        let path = file.path().to_str().unwrap();
        let given = format!("client.rack={path}");
        let expected = Ok(vec!["client.rack=eu-1".to_owned()]);
        assert_eq!(properties(&["--kafka-property-file", &given], &[], ""), expected);
        assert_eq!(properties(&[], &[("TICKCAST_KAFKA_PROPERTY_FILE", &given)], ""), expected);
        let toml = format!("[kafka_property_file]\nclient.rack = \"{path}\"");
        assert_eq!(properties(&["--config", "t.toml"], &[], &toml), expected);
        let toml = format!("kafka_property_file = [\"{given}\"]");
        assert_eq!(properties(&["--config", "t.toml"], &[], &toml), expected);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_who_named_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "hunter2").unwrap();
        let check = |key: &str, path: &str, more: &[&str], expected: &str| {
            let given = format!("{key}={path}");
            let told = properties(&[&["--kafka-property-file", given.as_str()], more].concat(), &[], "");
            let told = told.unwrap_err();
            assert!(told.starts_with(expected) && !told.contains("hunter2"), "{told}");
        };
        let path = file.path().to_str().unwrap();
        let start = "flag --kafka-property-file: ";
        check("sasl.password", "/no/such", &[], &format!("{start}sasl.password from /no/such: No such file"));
        check(
            "security.protocol",
            path,
            &[],
            &format!("{start}the value of security.protocol is impossible"),
        );
        check(
            "metadata.broker.list",
            path,
            &[],
            &format!("{start}metadata.broker.list is decided by `kafka`"),
        );
        check("bootstrap.servers", path, &[], &format!("{start}bootstrap.servers is decided by `kafka`"));
        check(
            "isolation.level",
            path,
            &[],
            &format!("{start}isolation.level can't be set: what a transaction"),
        );
        let both: &[_] = &["--kafka-property", "sasl.password=hunter2"];
        let expected =
            "flag --kafka-property and flag --kafka-property-file: sasl.password is given by both: set one";
        check("sasl.password", path, both, expected);
        let both: &[_] = &["--kafka-property", "sasl.mechanism=PLAIN"];
        let expected =
            "flag --kafka-property and flag --kafka-property-file: sasl.mechanisms is given by both: set one";
        check("sasl.mechanisms", path, both, expected);
    }

    fn told(key: &str, value: &str, origin: Origin) -> Vec<String> {
        let setting = Setting { key: key.to_owned(), values: vec![value.to_owned()], origin };
        unwise_secrets(&[setting]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_secret_on_the_command_line_is_unwise_and_not_shown() {
        for key in [
            "sasl.password",
            "ssl.key.pem",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.client.credentials.client.secret",
        ] {
            let property = format!("{key}=hunter2");
            let told_of_flag = told("kafka_property", &property, Origin::Flag);
            let start = format!("kafka_property: {key} on the command line");
            assert!(told_of_flag.len() == 1 && told_of_flag[0].starts_with(&start), "{told_of_flag:?}");
            assert!(!told_of_flag[0].contains("hunter2"), "{told_of_flag:?}");
            assert_eq!(told("kafka_property", &property, Origin::Environment), [""; 0]);
        }
        assert_eq!(told("kafka_property", "security.protocol=sasl_ssl", Origin::Flag), [""; 0]);
    }

    #[test]
    fn a_secret_in_a_file_that_is_open_to_all_is_unwise() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let unwise_with = |key: &str, mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            told("kafka_property_file", &format!("{key}={}", file.path().display()), Origin::Flag).len()
        };
        assert_eq!(unwise_with("sasl.password", 0o600), 0);
        assert_eq!(unwise_with("sasl.password", 0o644), 1);
        assert_eq!(unwise_with("ssl.ca.pem", 0o644), 0);
    }
}
