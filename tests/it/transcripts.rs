//! Conversations as data: each file of `transcripts/` is one session, from the upgrade to its close.
//!
//! Blocks are separated by empty lines; `#` begins a comment. A block is one of:
//!
//! - lines of `> `: one message of the client's. They are joined by line feeds; `^@` stands for NUL,
//!   `^M` for a carriage return, `^{x*1000}` for a thousand `x`, and `{name}` for what a frame of the
//!   server's had there.
//! - lines of `< `: one frame of the server's, written alike. `{*}` takes anything within its line;
//!   `{name}` takes anything at first, and the same ever after.
//! - `tick SYMBOL FIELDS` publishes a tick, and waits until the sessions have been told of it.
//! - `tombstone SYMBOL` publishes a tombstone, and waits likewise.
//! - `close CODE`: the server closes with this code, and says nothing more.
//! - `leave`: the client closes.
//! - `serve FLAGS`, at the beginning: a server of its own, with these flags.

use std::{collections::HashMap, fs, path::PathBuf};

use tungstenite::Message;

use crate::support::{Client, Feed, Incoming, Server, eventually};

#[test]
fn every_transcript_is_what_happens() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/transcripts");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 10, "the transcripts are there: {files:?}");
    let shared = Stage::new(&[]);
    let mut failures = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(file).unwrap();
        if let Err(failure) = check(&shared, &text) {
            failures.push(format!("{name}: {failure}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Where a transcript is played.
struct Stage {
    server: Server,
    feed: Feed,
}

impl Stage {
    fn new(flags: &[&str]) -> Self {
        let server = Server::ready(flags);
        let feed = Feed::to(&server);
        Self { server, feed }
    }
}

fn check(shared: &Stage, text: &str) -> Result<(), String> {
    let blocks = blocks(text);
    match blocks.split_first() {
        Some(((_, first), rest)) if first[0].starts_with("serve ") => {
            let flags: Vec<&str> = first[0].split_whitespace().skip(1).collect();
            play(&Stage::new(&flags), rest)
        }
        _ => play(shared, &blocks),
    }
}

/// The blocks with their line numbers.
fn blocks(text: &str) -> Vec<(usize, Vec<&str>)> {
    let mut blocks: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut is_new = true;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        match blocks.last_mut() {
            _ if line.is_empty() => is_new = true,
            Some((_, block)) if !is_new => block.push(line),
            _ => {
                blocks.push((at + 1, vec![line]));
                is_new = false;
            }
        }
    }
    blocks
}

fn play(stage: &Stage, blocks: &[(usize, Vec<&str>)]) -> Result<(), String> {
    let mut client = Client::open(&stage.server);
    let mut known = HashMap::new();
    for (line, block) in blocks {
        step(stage, &mut client, &mut known, block).map_err(|failure| format!("line {line}: {failure}"))?;
    }
    let (_, last) = blocks.last().ok_or("nothing is said")?;
    let ends = last[0].starts_with("close ") || last[0] == "leave";
    if ends { Ok(()) } else { Err("the last block must be `close CODE` or `leave`".to_owned()) }
}

fn step(
    stage: &Stage,
    client: &mut Client,
    known: &mut HashMap<String, String>,
    block: &[&str],
) -> Result<(), String> {
    let Stage { server, feed } = stage;
    let words: Vec<&str> = block[0].splitn(3, ' ').collect();
    match words[..] {
        [">", ..] => {
            let known_put_in = known
                .iter()
                .fold(spoken(block, ">")?, |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
            client.send(&unwritten(&known_put_in));
        }
        ["<", ..] => {
            let said = match client.next_spoken() {
                Incoming::Frame(frame) => frame.text.replace('\0', "^@"),
                other => return Err(format!("{other:?} instead of a frame")),
            };
            compare(&spoken(block, "<")?, &said, known)?;
        }
        ["tick", symbol, fields] => {
            let seq = feed.tick(symbol, fields);
            server.await_seq(symbol, seq);
        }
        ["tombstone", symbol] => {
            feed.tombstone(symbol);
            eventually("the symbol is delisted", || match server.snapshot(symbol) {
                serde_json::Value::Null => Ok(()),
                state => Err(state.to_string()),
            });
        }
        ["close", code] => {
            let said = client.next_spoken();
            if !matches!(&said, Incoming::Closed(it, _) if it.to_string() == code) {
                return Err(format!("{said:?} instead of close {code}"));
            }
            let after = client.next();
            if after != Incoming::Lost {
                return Err(format!("{after:?} after the close"));
            }
        }
        ["leave"] => client.send_message(Message::Close(None)),
        _ => return Err(format!("unknown block {block:?}")),
    }
    Ok(())
}

/// The lines without what marks who says them.
fn spoken(block: &[&str], mark: &str) -> Result<String, String> {
    let lines: Result<Vec<&str>, String> = block
        .iter()
        .map(|line| {
            let rest = line.strip_prefix(mark).ok_or_else(|| format!("{line:?} is in a block of {mark}"))?;
            Ok(rest.strip_prefix(' ').unwrap_or(rest))
        })
        .collect();
    Ok(lines?.join("\n"))
}

/// A client's message with what can't be written put in.
fn unwritten(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("^{") {
        let (repeated, after) = after.split_once('}').expect("a repetition is closed");
        let (unit, count) = repeated.rsplit_once('*').expect("a repetition is ^{text*count}");
        out.push_str(before);
        out.push_str(&unit.repeat(count.parse().unwrap()));
        rest = after;
    }
    out.push_str(rest);
    out.replace("^@", "\0").replace("^M", "\r")
}

fn compare(expected: &str, said: &str, known: &mut HashMap<String, String>) -> Result<(), String> {
    let failure = |line: &str| format!("at {line:?}; expected\n{expected}\nand got\n{said}");
    let (mut patterns, mut lines) = (expected.split('\n'), said.split('\n'));
    loop {
        match (patterns.next(), lines.next()) {
            (None, None) => return Ok(()),
            (Some(pattern), Some(line)) if takes(pattern, line, known) => {}
            (pattern, _) => return Err(failure(pattern.unwrap_or("the end"))),
        }
    }
}

/// Whether a line is as the pattern says; its placeholders are known afterwards.
fn takes(pattern: &str, line: &str, known: &mut HashMap<String, String>) -> bool {
    let Some((before, name, after)) = placeholder(pattern) else { return pattern == line };
    let Some(rest) = line.strip_prefix(before) else { return false };
    if let Some(value) = known.get(name).cloned() {
        return rest.strip_prefix(&value).is_some_and(|rest| takes(after, rest, known));
    }
    for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
        let mut tried = known.clone();
        if name != "*" {
            tried.insert(name.to_owned(), rest[..end].to_owned());
        }
        if takes(after, &rest[end..], &mut tried) {
            *known = tried;
            return true;
        }
    }
    false
}

/// The first placeholder, with what is before and after it. JSON's braces are none.
fn placeholder(pattern: &str) -> Option<(&str, &str, &str)> {
    pattern.match_indices('{').find_map(|(at, _)| {
        let (name, after) = pattern[at + 1..].split_once('}')?;
        let is_name = name == "*" || (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()));
        is_name.then(|| (&pattern[..at], name, after))
    })
}

#[test]
fn placeholders_take_anything_once_and_the_same_ever_after() {
    let mut known = HashMap::new();
    assert!(takes(r#"{"a":{x},"b":{*}}"#, r#"{"a":12,"b":{"c":1}}"#, &mut known));
    assert_eq!(known["x"], "12");
    assert!(takes("seq:{x}", "seq:12", &mut known));
    assert!(!takes("seq:{x}", "seq:13", &mut known));
    assert!(!takes("seq:{y}!", "seq:13", &mut known));
    assert_eq!(unwritten("a^{bc*2}d^@^M"), "abcbcd\0\r");
}
