//! The rules of the house, read off the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Rooms that know no runtime, no socket, no metric and no clock: what they do follows from what
/// they are given.
const PURE: [&str; 33] = [
    "market/",
    "feed/",
    "stomp/",
    "client/",
    "cli/watch/message.rs",
    "cli/watch/table.rs",
    "cli/watch/render.rs",
    "cli/watch/lines.rs",
    "cli/watch/text.rs",
    "conflation/",
    "session/",
    "sockjs/",
    "shard.rs",
    "shard/",
    "publication.rs",
    "publication/",
    "fold.rs",
    "fold/",
    "checkpoint.rs",
    "checkpoint/",
    "log_id.rs",
    "reading.rs",
    "recordings.rs",
    "handover.rs",
    "feed_status.rs",
    "quarantine/",
    "destination.rs",
    "origin.rs",
    "client_address.rs",
    "admission.rs",
    "last_value_cache.rs",
    "last_value_cache/",
    "transport/websocket/",
];

/// What a pure room may not mention.
const IMPURE: [&str; 11] = [
    "tokio",
    "actix",
    "rdkafka",
    "prometheus",
    "tracing",
    "Instant::now",
    "SystemTime::now",
    "Zoned::now",
    "Timestamp::now",
    "std::net",
    "crate::metrics",
];

/// What is no part of what it's named after: functions from bytes to values.
const PURE_ALL_THE_SAME: [&str; 3] =
    ["actix_http::ws::OpCode", "actix_http::ws::{OpCode, Parser}", "actix_http::ws::hash_key"];

const LINES_MAX: usize = 400;

/// A source file: its path below `src/` and its text.
struct Source {
    name: String,
    text: String,
}

impl Source {
    /// The text without its tests, which may use anything.
    fn code(&self) -> &str {
        if self.name.ends_with("tests.rs") || self.name.contains("/tests/") {
            return "";
        }
        // A test module that stands in the file is its last item.
        let mut begins = self.text.match_indices("#[cfg(test)]\n").map(|(at, _)| at);
        let stands_here =
            |at: &usize| self.text[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{'));
        &self.text[..begins.find(stands_here).unwrap_or(self.text.len())]
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| Source {
            name: path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Fails with all that `find` found, each with its place.
#[track_caller]
fn check(rule: &str, find: impl Fn(&Source) -> Vec<String>) {
    let sources = sources();
    assert!(sources.len() > 50, "the sources are there");
    let found: Vec<String> = sources
        .iter()
        .flat_map(|source| find(source).into_iter().map(move |what| format!("src/{}{what}", source.name)))
        .collect();
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// The lines of `text` that mention one of `words` outside of comments.
fn mentions(text: &str, words: &[&str]) -> Vec<String> {
    let code_of = |line: &'_ str| {
        let code = line.split("//").next().unwrap_or_default().to_owned();
        PURE_ALL_THE_SAME.iter().fold(code, |code, pure| code.replace(pure, ""))
    };
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, code_of(line)));
    lines
        .flat_map(|(at, code)| {
            let found = words.iter().filter(move |word| code.contains(**word));
            found.map(move |word| format!(":{at}: {word}")).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn pure_rooms_know_no_runtime_no_socket_no_metric_and_no_clock() {
    let sources = sources();
    for room in PURE {
        assert!(sources.iter().any(|source| source.name.starts_with(room)), "src/{room} is gone");
    }
    check("a pure room mentions", |source| {
        let is_pure = PURE.iter().any(|room| source.name.starts_with(room));
        if is_pure { mentions(source.code(), &IMPURE) } else { Vec::new() }
    });
}

#[test]
fn every_file_says_first_what_it_owns() {
    check("no //! on the first line", |source| {
        if source.text.starts_with("//! ") { Vec::new() } else { vec![String::new()] }
    });
}

#[test]
fn files_stay_short_enough_to_read() {
    check(&format!("more than {LINES_MAX} lines"), |source| {
        let lines = source.text.lines().count();
        if lines > LINES_MAX { vec![format!(": {lines} lines")] } else { Vec::new() }
    });
}

#[test]
fn nothing_is_left_to_do() {
    let marks = ["todo!", "unimplemented!", "dbg!"];
    check("left behind", |source| mentions(&source.text, &marks));
    check("left behind", |source| {
        let lines = source.text.lines().enumerate();
        let left = lines.filter(|(_, line)| ["FIXME", "TODO", "XXX"].iter().any(|mark| line.contains(mark)));
        left.map(|(at, line)| format!(":{}: {}", at + 1, line.trim())).collect()
    });
}

#[test]
fn a_mention_is_found_in_code_and_not_in_comments() {
    let text = "//! tokio\nuse tokio::time; // actix\nlet now = Instant::now();\n\
                use actix_http::ws::OpCode;\nuse actix_http::Request;\n";
    assert_eq!(mentions(text, &IMPURE), [":2: tokio", ":3: Instant::now", ":5: actix"]);
}

#[test]
fn tests_are_no_part_of_the_code() {
    let code = |name: &str, text: &str| {
        let source = Source { name: name.to_owned(), text: text.to_owned() };
        source.code().to_owned()
    };
    assert_eq!(code("a.rs", "x\n#[cfg(test)]\nmod tests {\n}\n"), "x\n");
    assert_eq!(code("a.rs", "#[cfg(test)]\nmod tests;\nx\n"), "#[cfg(test)]\nmod tests;\nx\n");
    assert_eq!(code("a/tests.rs", "x"), "");
    assert_eq!(code("a/tests/b.rs", "x"), "");
}
