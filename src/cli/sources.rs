//! Where a setting's value comes from: its flag, else its environment variable, else the configuration file, else
//! its default. The values that win are put together as one command line, and clap parses that: so a value means
//! the same and is checked in the same way, whoever gave it.
//!
//! The environment and the file system are parameters; nothing here reads them by itself.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::{Resettable, StyledStr},
    parser::ValueSource,
};

use super::toml_file::{self, FileSetting};
use crate::failure::Failure;

/// The prefix of every environment variable that is a setting.
const PREFIX: &str = "TICKCAST_";

/// Names with our prefix that are no settings: the build and the tests read them.
const NO_SETTINGS: [&str; 3] = ["TICKCAST_PAGE", "TICKCAST_BIN", "TICKCAST_KAFKA_LIBS"];

/// Settings whose values may be passwords: they are shown nowhere.
const SECRET: &str = "kafka_property";

/// Settings whose values aren't repeated when they are wrong: a path that is none may be the password that was to be in
/// the file.
const SECRET_IF_WRONG: [&str; 3] = [SECRET, "kafka_property_file", "passcode"];

/// What tells one run of a command what to do, and with what: a flag alone gives it. Left in the environment or in a
/// shared file it would make a list publish.
const BY_FLAG_ONLY: [&str; 11] = [
    "republish",
    "overtaken",
    "dismiss",
    "dry_run",
    "all",
    "reason",
    "partition",
    "offset",
    "key",
    "since",
    "limit",
];

/// Who gave a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A flag on the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// The configuration file: its path and the line.
    File(String, usize),
    /// Nobody: the default holds.
    Default,
}

/// One setting as it is in force.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its name in the configuration file.
    pub(super) key: String,
    /// Its values as text; empty when it isn't set and has no default.
    pub(super) values: Vec<String>,
    /// Who gave them.
    pub(super) origin: Origin,
}

/// The command line that all sources together make.
#[derive(Debug)]
pub(super) struct Resolved {
    /// What clap makes of it.
    pub(super) matches: ArgMatches,
    /// The settings of the command that was called.
    pub(super) settings: Vec<Setting>,
    /// What an operator should hear of, though it stops nothing.
    pub(super) warnings: Vec<String>,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(super) enum Stop {
    /// clap has the last word: help, the version, or a wrong command line.
    Clap(clap::Error),
    /// A source is wrong.
    Failed(Failure),
}

/// Puts the sources together.
///
/// `read` reads the configuration file.
pub(super) fn resolve(
    command: &Command,
    line: &[OsString],
    environment: &BTreeMap<String, String>,
    read: impl Fn(&Path) -> std::io::Result<String>,
) -> Result<Resolved, Stop> {
    let mut relaxed = relax(command.clone());
    relaxed.build();
    // What is required may come from another source than the command line, so it is asked for at the end only.
    let first = relaxed.clone().try_get_matches_from(line).map_err(hide_secret)?;
    let (path, leaf, matches) = called(&relaxed, &first);

    let environment = set_only(environment);
    let known = keys(&relaxed);
    let file = match config_path(matches, &environment) {
        Some(path) => Some((path.clone(), read_file(&path, &known, read).map_err(Stop::Failed)?)),
        None => None,
    };
    let mut whole = vec![OsString::from(command.get_name())];
    whole.extend(path.iter().map(OsString::from));
    let mut settings = Vec::new();
    for arg in leaf.get_arguments().filter(|arg| is_option(arg)) {
        let setting = winner(arg, matches, &environment, file.as_ref());
        if setting.origin != Origin::Default {
            check_values(arg, &setting).map_err(Stop::Failed)?;
            whole.extend(setting.values.iter().filter_map(|value| flag(arg, value)));
        }
        settings.push(setting);
    }
    whole.push("--".into());
    for arg in leaf.get_positionals() {
        whole.extend(matches.get_raw(arg.get_id().as_str()).into_iter().flatten().map(OsString::from));
    }
    let matches = command.clone().try_get_matches_from(whole).map_err(hide_secret)?;
    Ok(Resolved { matches, settings, warnings: unknown_variables(&environment, &known) })
}

/// The names of the settings of a command and all commands below, as the configuration file writes them.
pub(super) fn keys(command: &Command) -> Vec<String> {
    let mut found: Vec<_> = command.get_arguments().filter(|arg| is_setting(arg)).map(key).collect();
    found.extend(command.get_subcommands().flat_map(keys));
    found.retain(|key| key != "config");
    found.sort();
    found.dedup();
    found
}

/// Names in each setting's help the environment variable that gives it too, and lets nobody but [`resolve`] read it:
/// clap's own reading knows neither the file nor that an empty variable is an unset one.
pub(super) fn with_variables(command: Command) -> Command {
    command
        .mut_args(|arg| {
            if !is_setting(&arg) {
                return arg;
            }
            let named = format!("[env: {}]", variable(&key(&arg)));
            let with_name = |help: &StyledStr| format!("{help} {named}");
            let short = arg.get_help().map(with_name).unwrap_or_default();
            let arg = match arg.get_long_help().map(with_name) {
                Some(long) => arg.long_help(long),
                None => arg,
            };
            arg.help(short).env(Resettable::Reset)
        })
        .mut_subcommands(with_variables)
}

fn relax(command: Command) -> Command {
    command.mut_args(|arg| arg.required(false)).mut_subcommands(relax)
}

/// An option that other sources than the command line may give.
fn is_setting(arg: &Arg) -> bool {
    is_option(arg) && !BY_FLAG_ONLY.contains(&key(arg).as_str())
}

/// An option with a long name and a value or a switch, `--help` and `--version` excluded.
fn is_option(arg: &Arg) -> bool {
    let action = arg.get_action();
    arg.get_long().is_some()
        && matches!(action, ArgAction::Set | ArgAction::Append | ArgAction::SetTrue | ArgAction::SetFalse)
}

fn key(arg: &Arg) -> String {
    arg.get_long().expect("a setting has a long name").replace('-', "_")
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase())
}

/// The command that was called: the names that lead to it, itself, and its matches.
fn called<'a>(root: &'a Command, first: &'a ArgMatches) -> (Vec<&'a str>, &'a Command, &'a ArgMatches) {
    let (mut path, mut command, mut matches) = (Vec::new(), root, first);
    while let Some((name, below)) = matches.subcommand() {
        command = command.find_subcommand(name).expect("clap matches commands that it knows");
        path.push(name);
        matches = below;
    }
    (path, command, matches)
}

/// An empty variable is an unset one: that is how compose files and unit files pass on what wasn't given.
fn set_only(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let set = environment.iter().filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty());
    set.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn config_path(matches: &ArgMatches, environment: &BTreeMap<String, String>) -> Option<String> {
    let by_flag = from_command_line(matches, "config");
    by_flag
        .and_then(|values| values.into_iter().next())
        .or_else(|| environment.get(&variable("config")).cloned())
}

fn read_file(
    path: &str,
    known: &[String],
    read: impl Fn(&Path) -> std::io::Result<String>,
) -> Result<Vec<FileSetting>, Failure> {
    let text = read(Path::new(path)).map_err(|error| {
        Failure::configuration(format_args!("can't read the configuration file {path}: {error}"))
    })?;
    toml_file::parse(&text, known).map_err(|error| Failure::configuration(format_args!("{path}:{error}")))
}

fn from_command_line(matches: &ArgMatches, id: &str) -> Option<Vec<String>> {
    let given = matches.try_contains_id(id).unwrap_or(false)
        && matches.value_source(id) == Some(ValueSource::CommandLine);
    given.then(|| matches.get_raw(id).into_iter().flatten().map(|raw| raw.to_string_lossy().into()).collect())
}

fn winner(
    arg: &Arg,
    matches: &ArgMatches,
    environment: &BTreeMap<String, String>,
    file: Option<&(String, Vec<FileSetting>)>,
) -> Setting {
    let key = key(arg);
    if let Some(values) = from_command_line(matches, arg.get_id().as_str()) {
        // A switch has no raw value of its own.
        let switch = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse);
        let values = if switch { vec!["true".to_owned()] } else { values };
        return Setting { key, values, origin: Origin::Flag };
    }
    if let Some(value) = environment.get(&variable(&key)).filter(|_| is_setting(arg)) {
        return Setting { values: split(arg, value), key, origin: Origin::Environment };
    }
    if let Some((path, settings)) = file
        && let Some(setting) = settings.iter().find(|setting| setting.key == key)
    {
        let origin = Origin::File(path.clone(), setting.line);
        return Setting { key, values: setting.values.clone(), origin };
    }
    let values = arg.get_default_values().iter().map(|value| value.to_string_lossy().into()).collect();
    Setting { key, values, origin: Origin::Default }
}

/// The entries of a list in one variable: at its delimiter, or one a line for entries that may hold any character.
fn split(arg: &Arg, value: &str) -> Vec<String> {
    let entries: Vec<_> = match (arg.get_action(), arg.get_value_delimiter()) {
        (_, Some(delimiter)) => value.split(delimiter).collect(),
        (ArgAction::Append, None) => value.lines().collect(),
        _ => return vec![value.to_owned()],
    };
    entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// The setting as it is written on a command line; a switch that is off isn't written.
fn flag(arg: &Arg, value: &str) -> Option<OsString> {
    let name = arg.get_long().expect("a setting has a long name");
    match arg.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => (value == "true").then(|| format!("--{name}").into()),
        _ => Some(format!("--{name}={value}").into()),
    }
}

/// Parses each value by itself, so that a wrong one is reported with its place.
fn check_values(arg: &Arg, setting: &Setting) -> Result<(), Failure> {
    let switch = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse);
    let single = !matches!(arg.get_action(), ArgAction::Append);
    if single && setting.values.len() != 1 {
        return Err(Failure::configuration(format_args!("{setting}: expected one value, not a list")));
    }
    for value in &setting.values {
        let expected = if switch {
            (value != "true" && value != "false").then(|| "expected true or false".to_owned())
        } else {
            let written = ["tickcast".to_owned(), format!("--value={value}")];
            alone(arg).try_get_matches_from(written).err().map(|error| expectation(&error))
        };
        let Some(expected) = expected else { continue };
        let shown = if SECRET_IF_WRONG.contains(&setting.key.as_str()) {
            String::new()
        } else {
            format!(" `{value}`")
        };
        return Err(Failure::configuration(format_args!("{setting}: wrong value{shown}: {expected}")));
    }
    Ok(())
}

/// A command with one argument that parses its value as `arg` does, without `arg`'s ties to its neighbours.
fn alone(arg: &Arg) -> Command {
    let alone = Arg::new("value")
        .long("value")
        .action(arg.get_action().clone())
        .value_parser(arg.get_value_parser().clone());
    Command::new("tickcast").arg(match arg.get_value_delimiter() {
        Some(delimiter) => alone.value_delimiter(delimiter),
        None => alone,
    })
}

/// What clap, or the parser behind it, would have taken.
fn expectation(error: &clap::Error) -> String {
    use clap::error::{ContextKind, ContextValue};
    if let Some(cause) = std::error::Error::source(error) {
        return cause.to_string();
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => format!("expected {}", valid.join(" or ")),
        _ => "expected a value".to_owned(),
    }
}

/// clap repeats a wrong value of the command line, and that may be a password which then ends up in a log.
fn hide_secret(error: clap::Error) -> Stop {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    if let (ErrorKind::ValueValidation, Some(ContextValue::String(arg))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    {
        let name = arg.trim_start_matches('-').split(' ').next().unwrap_or_default();
        if SECRET_IF_WRONG.contains(&name.replace('-', "_").as_str()) {
            let expected = expectation(&error);
            return Stop::Failed(Failure::configuration(format_args!(
                "flag --{name}: wrong value: {expected}"
            )));
        }
    }
    // A property whose flag was forgotten.
    if let (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, Some(ContextValue::String(arg))) = (
        error.kind(),
        error.get(ContextKind::InvalidArg).or_else(|| error.get(ContextKind::InvalidSubcommand)),
    ) && let Some((name, _)) = arg.split_once('=')
    {
        return Stop::Failed(Failure::configuration(format_args!(
            "unexpected argument {name}=…: expected its flag before it, such as --kafka-property {name}=…"
        )));
    }
    Stop::Clap(error)
}

fn unknown_variables(environment: &BTreeMap<String, String>, known: &[String]) -> Vec<String> {
    let known: Vec<_> = known.iter().cloned().chain(["config".to_owned()]).collect();
    let names: Vec<_> = known.iter().map(|key| variable(key)).collect();
    let unknown =
        environment.keys().filter(|name| !names.contains(name) && !NO_SETTINGS.contains(&name.as_str()));
    let warning = |name: &String| {
        // The prefix is alike in all of them.
        let key = name.trim_start_matches(PREFIX).to_ascii_lowercase();
        match toml_file::nearest(&key, &known) {
            Some(key) => {
                format!("environment: unknown key `{name}`; the nearest known one is `{}`", variable(key))
            }
            None => format!("environment: unknown key `{name}`; {}", toml_file::LISTED),
        }
    };
    unknown.map(warning).collect()
}

impl Setting {
    /// The values for people: passwords left out.
    pub(super) fn shown(&self) -> String {
        if self.key != SECRET {
            return self.values.join(",");
        }
        let names = self.values.iter().map(|value| value.split('=').next().unwrap_or_default());
        names.map(|name| format!("{name}=…")).collect::<Vec<_>>().join(",")
    }
}

/// The setting by the name and the place under which it was given.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Flag => write!(f, "flag --{}", self.key.replace('_', "-")),
            Origin::Environment => write!(f, "environment variable {}", variable(&self.key)),
            Origin::File(path, line) => write!(f, "{path}:{line}: `{}`", self.key),
            Origin::Default => write!(f, "default of `{}`", self.key),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File(path, line) => write!(f, "{path}:{line}"),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests;
