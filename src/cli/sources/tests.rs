//! The four sources, one by one and against each other; the environment and the file are made up here.

use std::{collections::BTreeMap, ffi::OsString, io, path::Path};

use clap::{Arg, ArgAction};

use crate::{
    cli::{
        self, Cli, Command,
        sources::{self, Stop},
    },
    config,
};

/// A command line, an environment and a file.
#[derive(Clone, Copy, Default)]
struct Given<'a> {
    line: &'a [&'a str],
    environment: &'a [(&'a str, &'a str)],
    file: &'a str,
}

fn prepare(given: Given<'_>) -> Result<(Cli, sources::Resolved), String> {
    let line: Vec<_> = ["tickcast"].iter().chain(given.line).map(OsString::from).collect();
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment: BTreeMap<_, _> = given.environment.iter().map(own).collect();
    let read = |path: &Path| match path.to_str() {
        Some("t.toml") => Ok(given.file.to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    cli::prepare(&line, &environment, read).map_err(|stop| match stop {
        Stop::Failed(failure) => failure.to_string(),
        Stop::Clap(error) => error.to_string(),
    })
}

fn serve(given: Given<'_>) -> Result<config::Serve, String> {
    let (cli, resolved) = prepare(given)?;
    let Command::Serve(args) = cli.command else { panic!("serve was called") };
    args.try_into().map_err(|invalid| cli::invalid_settings(&invalid, &resolved.settings).to_string())
}

fn error(given: Given<'_>) -> String {
    serve(given).expect_err("a source is wrong")
}

const FILE: &[&str] = &["serve", "--config", "t.toml"];

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let symbols = |given| serve(given).unwrap().market.max_symbols;
    let environment: &[_] = &[("TICKCAST_MAX_SYMBOLS", "3")];
    let file = "max_symbols = 2";
    let line: &[_] = &["serve", "--config", "t.toml", "--max-symbols", "4"];
    assert_eq!(symbols(Given { line: &["serve"], ..Given::default() }), 100_000);
    assert_eq!(symbols(Given { line: FILE, file, ..Given::default() }), 2);
    assert_eq!(symbols(Given { line: FILE, file, environment }), 3);
    assert_eq!(symbols(Given { line, file, environment }), 4);
}

#[test]
fn the_sources_of_settings_are_told() {
    let (_, resolved) = prepare(Given {
        line: &["serve", "--config", "t.toml", "--topic", "a"],
        environment: &[("TICKCAST_WORKERS", "2"), ("TICKCAST_KAFKA", "")],
        file: "\nlisten = \"[::1]:0\"\n",
    })
    .unwrap();
    let told = |key: &str| {
        let setting = resolved.settings.iter().find(|setting| setting.key == key).unwrap();
        format!("{} from {}", setting.shown(), setting.origin)
    };
    assert_eq!(told("topic"), "a from flag");
    assert_eq!(told("workers"), "2 from environment");
    assert_eq!(told("listen"), "[::1]:0 from t.toml:2");
    assert_eq!(told("heart_beat_ms"), "10000 from default");
    assert_eq!(told("kafka"), " from default", "an empty variable is an unset one");
}

#[test]
fn lists_come_from_every_source() {
    let kafka = |given| match serve(given).unwrap().kafka.broker {
        config::Broker::Cluster { bootstrap } => bootstrap.iter().map(ToString::to_string).collect(),
        config::Broker::Embedded { .. } => vec![],
    };
    let expected = ["a:1", "b:2"];
    assert_eq!(kafka(Given { line: &["serve", "--kafka", "a:1,b:2"], ..Given::default() }), expected);
    let environment: &[_] = &[("TICKCAST_KAFKA", "a:1, b:2")];
    assert_eq!(kafka(Given { line: &["serve"], environment, ..Given::default() }), expected);
    assert_eq!(kafka(Given { line: FILE, file: "kafka = [\"a:1\", \"b:2\"]", ..Given::default() }), expected);
    assert_eq!(kafka(Given { line: FILE, file: "kafka = \"a:1,b:2\"", ..Given::default() }), expected);
}

#[test]
fn kafka_properties_come_from_every_source_with_commas_in_them() {
    let check = |given| {
        let properties = serve(given).unwrap().kafka.properties;
        let shown: Vec<_> = properties.iter().map(|it| format!("{}={}", it.key, it.value)).collect();
        assert_eq!(shown, ["client.rack=1,2", "fetch.min.bytes=3"]);
    };
    let line: &[_] =
        &["serve", "--kafka-property", "client.rack=1,2", "--kafka-property", "fetch.min.bytes=3"];
    check(Given { line, ..Given::default() });
    check(Given {
        line: &["serve"],
        environment: &[("TICKCAST_KAFKA_PROPERTY", "client.rack=1,2\n fetch.min.bytes=3\n")],
        ..Given::default()
    });
    check(Given {
        line: FILE,
        file: "[kafka_property]\nclient.rack = \"1,2\"\nfetch.min.bytes = 3",
        ..Given::default()
    });
}

#[test]
fn a_wrong_value_is_told_with_its_place_and_what_is_allowed() {
    assert_eq!(
        error(Given { line: FILE, file: "\nworkers = 0", ..Given::default() }),
        "t.toml:2: `workers`: wrong value `0`: expected a whole number from 1 to 1024"
    );
    assert_eq!(
        error(Given { line: FILE, file: "log_format = \"xml\"", ..Given::default() }),
        "t.toml:1: `log_format`: wrong value `xml`: expected human or json"
    );
    assert_eq!(
        error(Given { line: FILE, file: "topic = [\"a\", \"b\"]", ..Given::default() }),
        "t.toml:1: `topic`: expected one value, not a list"
    );
    assert_eq!(
        error(Given {
            line: &["serve"],
            environment: &[("TICKCAST_ALLOW_MISSING_ORIGIN", "yes")],
            ..Given::default()
        }),
        "environment variable TICKCAST_ALLOW_MISSING_ORIGIN: wrong value `yes`: expected true or false"
    );
    let by_flag = error(Given { line: &["serve", "--day-boundary", "24:00"], ..Given::default() });
    assert!(by_flag.contains("'24:00' for '--day-boundary <HH:MM>'"), "{by_flag}");
    assert!(by_flag.contains("expected a time of day in UTC"), "{by_flag}");
}

#[test]
fn a_wrong_kafka_property_is_told_without_its_value() {
    let secret = "sasl.password:hunter2";
    let by_flag = error(Given { line: &["serve", "--kafka-property", secret], ..Given::default() });
    assert_eq!(
        by_flag,
        "flag --kafka-property: wrong value: expected key=value, such as security.protocol=sasl_ssl"
    );
    let environment: &[_] = &[("TICKCAST_KAFKA_PROPERTY", secret)];
    let by_environment = error(Given { line: &["serve"], environment, ..Given::default() });
    assert!(by_environment.contains("expected key=value"), "{by_environment}");
    assert!(!by_environment.contains("hunter2"), "{by_environment}");
    let environment: &[_] = &[("TICKCAST_KAFKA_PROPERTY_FILE", "hunter2")];
    let in_place_of_a_file = error(Given { line: &["serve"], environment, ..Given::default() });
    assert!(in_place_of_a_file.contains("expected key=path"), "{in_place_of_a_file}");
    assert!(!in_place_of_a_file.contains("hunter2"), "{in_place_of_a_file}");
    let without_a_flag = ["serve", "--kafka-property", "a=b", "sasl.password=hunter2"];
    assert_eq!(
        error(Given { line: &without_a_flag, ..Given::default() }),
        "unexpected argument sasl.password=…: expected its flag before it, such as --kafka-property sasl.password=…"
    );
}

#[test]
fn a_property_that_kafkas_client_refuses_is_told_with_its_place_and_without_its_value() {
    let file = "[kafka_property]\nsasl.pasword = \"hunter2\"";
    assert_eq!(
        error(Given { line: FILE, file, ..Given::default() }),
        "t.toml:1: `kafka_property`: Kafka's client knows no property sasl.pasword; librdkafka's \
         CONFIGURATION.md lists all"
    );
    let environment: &[_] =
        &[("TICKCAST_KAFKA_PROPERTY", "sasl.password=hunter2\nsecurity.protocol=hunter2")];
    assert_eq!(
        error(Given { line: &["serve"], environment, ..Given::default() }),
        "environment variable TICKCAST_KAFKA_PROPERTY: the value of security.protocol is impossible; \
         librdkafka's CONFIGURATION.md lists what is allowed"
    );
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    assert_eq!(
        error(Given { line: FILE, file: "max_symbol = 1", ..Given::default() }),
        "t.toml:1: unknown key `max_symbol`; the nearest known one is `max_symbols`"
    );
}

#[test]
fn an_unknown_variable_is_a_warning_and_a_foreign_one_is_nothing() {
    let (_, resolved) = prepare(Given {
        line: &["serve"],
        environment: &[("TICKCAST_TOPICS", "x"), ("TICKCAST_X", "x"), ("TICKCAST_BIN", "x"), ("TOPIC", "x")],
        ..Given::default()
    })
    .unwrap();
    assert_eq!(
        resolved.warnings,
        [
            "environment: unknown key `TICKCAST_TOPICS`; the nearest known one is `TICKCAST_TOPIC`",
            "environment: unknown key `TICKCAST_X`; `tickcast check-config` and the --help of each command list \
             the known ones",
        ]
    );
}

#[test]
fn a_file_may_be_named_by_the_environment_and_must_be_readable() {
    let environment: &[_] = &[("TICKCAST_CONFIG", "t.toml")];
    let given = Given { line: &["serve"], environment, file: "topic = \"x\"" };
    assert_eq!(serve(given).unwrap().kafka.topic.as_str(), "x");
    let missing = error(Given { line: &["serve", "--config", "none.toml"], ..Given::default() });
    assert!(missing.starts_with("can't read the configuration file none.toml: "), "{missing}");
}

#[test]
fn a_file_for_several_commands_is_known_to_each() {
    let file = "seed = 9\ntopic = \"x\"";
    assert_eq!(serve(Given { line: FILE, file, ..Given::default() }).unwrap().kafka.topic.as_str(), "x");
    let (cli, _) =
        prepare(Given { line: &["demo", "--config", "t.toml"], file, ..Given::default() }).unwrap();
    let Command::Demo(args) = cli.command else { panic!("demo was called") };
    let demo = config::Demo::try_from(args).unwrap();
    assert_eq!((demo.simulation.seed, demo.simulation.symbols), (9, 200));
}

#[test]
fn common_settings_stand_before_or_after_the_command() {
    for line in [["--log-level", "debug", "serve"], ["serve", "--log-level", "debug"]] {
        let (cli, _) = prepare(Given { line: &line, ..Given::default() }).unwrap();
        assert_eq!(cli.common.logging().level, "debug");
    }
    let environment: &[_] = &[("TICKCAST_LOG_FORMAT", "json")];
    let (cli, _) = prepare(Given { line: &["serve"], environment, ..Given::default() }).unwrap();
    assert_eq!(cli.common.logging().format, config::LogFormat::Json);
}

#[test]
fn settings_that_exclude_each_other_are_told_with_both_places() {
    assert_eq!(
        error(Given {
            line: &["serve", "--config", "t.toml", "--kafka", "a:1"],
            file: "embedded_kafka_port = 9092",
            ..Given::default()
        }),
        "flag --kafka and t.toml:1: `embedded_kafka_port`: a cluster and the embedded broker exclude each other: \
         set one of them"
    );
    assert_eq!(
        error(Given { line: &["serve", "--frame-limit-bytes", "2048"], ..Given::default() }),
        "flag --frame-limit-bytes and default of `frame_limit_before_connect_bytes`: the limit before CONNECT, \
         16384, can't be above the limit after it, 2048"
    );
    let wildcards = error(Given { line: &["serve", "--max-subscriptions", "7"], ..Given::default() });
    assert!(wildcards.contains("wildcards are subscriptions too"), "{wildcards}");
    let bootstrap: &[_] = &["serve", "--kafka-property", "bootstrap.servers=a:1"];
    let decided = error(Given { line: bootstrap, ..Given::default() });
    assert!(decided.ends_with("bootstrap.servers is decided by `kafka`: set that one"), "{decided}");
    let zero = error(Given { line: &["serve", "--kafka", "a:0"], ..Given::default() });
    assert!(zero.contains("expected a port from 1 to 65535"), "{zero}");
    for (bases, expected) in [
        ("/a,none", "flag --sockjs-bases: `none` stands for itself: expected either paths or `none`"),
        ("/a/b,/a", "flag --sockjs-bases: /a/b is a path of /a: expected bases apart from each other"),
        ("/a,/a", "flag --sockjs-bases: /a is a path of /a: expected bases apart from each other"),
    ] {
        let line: &[_] = &["serve", "--sockjs-bases", bases];
        assert_eq!(error(Given { line, ..Given::default() }), expected);
    }
}

#[test]
fn sockjs_is_at_its_bases_or_nowhere() {
    let bases = |line: &[&str]| serve(Given { line, ..Given::default() }).unwrap().sockjs.bases;
    assert_eq!(bases(&["serve"]), ["/sockjs", "/portfolio"]);
    assert_eq!(bases(&["serve", "--sockjs-bases", "/a,/ab"]), ["/a", "/ab"]);
    assert_eq!(bases(&["serve", "--sockjs-bases", "none"]), [""; 0]);
}

#[test]
fn the_help_of_a_setting_names_its_variable_and_its_default() {
    let help = prepare(Given { line: &["serve", "--help"], ..Given::default() }).unwrap_err();
    for part in ["TICKCAST_HEART_BEAT_MS", "[default: 10000]", "TICKCAST_CONFIG", "TICKCAST_LOG_LEVEL"] {
        assert!(help.contains(part), "{part} in {help}");
    }
}

#[test]
fn what_looks_unwise_is_named() {
    let keys = |line: &[&str]| {
        let unwise = serve(Given { line, ..Given::default() }).unwrap().unwise();
        unwise.iter().map(|it| it.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(&["serve", "--kafka", "a:1"]), [""; 0]);
    assert_eq!(keys(&["serve"]), ["kafka"]);
    let open: &[_] = &["serve", "--kafka", "a:1", "--listen", "0.0.0.0:80", "--heart-beat-ms", "0"];
    assert_eq!(keys(open), ["listen", "listen", "heart_beat_ms"]);
    let proxied: &[_] = &[
        "serve",
        "--kafka",
        "a:1",
        "--listen",
        "0.0.0.0:80",
        "--trusted-proxies",
        "10.0.0.0/8",
        "--allowed-origins",
        "https://a.example",
    ];
    assert_eq!(keys(proxied), [""; 0]);
    let unlimited: &[_] = &[
        "serve",
        "--kafka",
        "a:1",
        "--max-connections-per-ip",
        "0",
        "--accept-rate",
        "0",
        "--trusted-proxies",
        "0.0.0.0/0",
        "--request-deadline-s",
        "600",
    ];
    let expected = ["max_connections_per_ip", "accept_rate", "trusted_proxies", "request_deadline_s"];
    assert_eq!(keys(unlimited), expected);
    let origins: &[_] = &["serve", "--kafka", "a:1", "--allowed-origins", "*,null,https://a.example"];
    assert_eq!(keys(origins), ["allowed_origins", "allowed_origins"]);
    assert_eq!(
        keys(&["serve", "--kafka", "a:1", "--sockjs-legacy-transports"]),
        ["sockjs_legacy_transports"]
    );
}

/// A command below a command, with all that a setting can be: required, a switch, tied to others; and a position.
fn replay() -> clap::Command {
    let kafka = Arg::new("kafka").long("kafka").required(true).env("TICKCAST_KAFKA");
    let strict = Arg::new("strict").long("strict").action(ArgAction::SetTrue).conflicts_with("speed");
    let speed = Arg::new("speed").long("speed").value_parser(clap::value_parser!(u8));
    let replay = clap::Command::new("replay").args([kafka, strict, speed, Arg::new("file").required(true)]);
    clap::Command::new("tickcast").subcommand(clap::Command::new("feed").subcommand(replay))
}

fn resolve_replay(line: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
    let line: Vec<_> = ["tickcast", "feed", "replay"].iter().chain(line).map(OsString::from).collect();
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let command = sources::with_variables(replay());
    match sources::resolve(&command, &line, &environment, |_| Err(io::ErrorKind::NotFound.into())) {
        Ok(resolved) => {
            let (_, feed) = resolved.matches.subcommand().unwrap();
            let (_, replay) = feed.subcommand().unwrap();
            let text = |id: &str| replay.get_one::<String>(id).unwrap().clone();
            Ok(format!("{} {} strict={}", text("file"), text("kafka"), replay.get_flag("strict")))
        }
        Err(Stop::Failed(failure)) => Err(failure.to_string()),
        Err(Stop::Clap(error)) => Err(error.to_string()),
    }
}

#[test]
fn a_required_setting_may_come_from_the_environment_and_a_position_stays() {
    let environment: &[_] = &[("TICKCAST_KAFKA", "a:1")];
    assert_eq!(resolve_replay(&["f.csv"], environment).unwrap(), "f.csv a:1 strict=false");
    assert_eq!(resolve_replay(&["--", "-odd"], environment).unwrap(), "-odd a:1 strict=false");
    assert_eq!(resolve_replay(&["f.csv", "--kafka", "b:2"], environment).unwrap(), "f.csv b:2 strict=false");
    let missing = resolve_replay(&["f.csv"], &[]).unwrap_err();
    assert!(missing.contains("--kafka"), "{missing}");
}

#[test]
fn a_switch_is_on_by_its_flag_or_by_true() {
    let strict = |line: &[&str], value| {
        let line: Vec<_> = line.iter().chain(&["f", "--kafka=a:1"]).copied().collect();
        resolve_replay(&line, &[("TICKCAST_STRICT", value)])
    };
    assert_eq!(strict(&[], "true").unwrap(), "f a:1 strict=true");
    assert_eq!(strict(&[], "false").unwrap(), "f a:1 strict=false");
    assert_eq!(strict(&["--strict"], "false").unwrap(), "f a:1 strict=true");
    assert_eq!(
        strict(&[], "1").unwrap_err(),
        "environment variable TICKCAST_STRICT: wrong value `1`: expected true or false"
    );
    let tied = resolve_replay(&["f", "--kafka=a:1"], &[("TICKCAST_STRICT", "true"), ("TICKCAST_SPEED", "1")]);
    assert!(tied.unwrap_err().contains("cannot be used with"));
}

#[test]
fn what_a_run_does_is_told_by_flag_alone() {
    let line: &[_] = &["feed", "quarantine", "--kafka", "a:1", "--republish"];
    let environment: &[_] =
        &[("TICKCAST_DISMISS", "true"), ("TICKCAST_LIMIT", "1"), ("TICKCAST_ALL", "true")];
    let (_, resolved) = prepare(Given { line, environment, ..Given::default() }).unwrap();
    let told = |key: &str| resolved.settings.iter().find(|it| it.key == key).unwrap().values.clone();
    assert_eq!((told("republish"), told("limit")), (vec!["true".to_owned()], vec![]));
    assert!(resolved.warnings.iter().any(|warning| warning.contains("TICKCAST_DISMISS")));
    let line: &[_] = &["feed", "quarantine", "--kafka", "a:1", "--config", "t.toml"];
    let refused = prepare(Given { line, file: "republish = true\n", ..Given::default() });
    assert!(refused.unwrap_err().contains("republish"));
}
