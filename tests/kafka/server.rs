//! A `tickcast serve` process and its HTTP side.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde_json::Value;

use crate::{
    harness::{eventually, free_ports},
    process::{self, Footprint},
    states::{States, differences, state_of},
};

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts `tickcast serve` on a free port.
    pub(crate) fn start(kafka: &str, topic: &str, properties: &[(&str, String)], more: &[&str]) -> Self {
        let [port] = free_ports();
        Self::start_at(port, kafka, topic, properties, more)
    }

    /// The same at this port: where one was before that its clients come back to.
    pub(crate) fn start_at(
        port: u16,
        kafka: &str,
        topic: &str,
        properties: &[(&str, String)],
        more: &[&str],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
        for (name, _) in std::env::vars_os() {
            // A developer's own settings are no part of the test.
            if name.to_string_lossy().starts_with("TICKCAST_") {
                command.env_remove(name);
            }
        }
        command.args(["serve", "--kafka", kafka, "--topic", topic]);
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        for (key, value) in properties {
            command.args(["--kafka-property", &format!("{key}={value}")]);
        }
        command.args(more).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let kept = Arc::clone(&log);
        let reader =
            std::thread::spawn(move || lines.for_each(|line| kept.lock().unwrap().push(line.unwrap())));
        Self { child, port, log, reader: Some(reader) }
    }

    /// Starts it and waits until it says that it is ready.
    pub(crate) fn ready(kafka: &str, topic: &str, properties: &[(&str, String)], more: &[&str]) -> Self {
        let mut server = Self::start(kafka, topic, properties, more);
        server.await_ready();
        server
    }

    /// The port of loopback that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What it holds of the machine.
    pub(crate) fn footprint(&self) -> Footprint {
        process::footprint(self.child.id())
    }

    /// Ends it as a loss of power would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops its clock, and lets it go on.
    pub(crate) fn pause(&self, is_paused: bool) {
        process::signal(self.child.id(), if is_paused { "STOP" } else { "CONT" });
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        process::signal(self.child.id(), "TERM");
    }

    /// Waits for 200 from `/readyz`.
    pub(crate) fn await_ready(&mut self) {
        eventually("/readyz answers 200", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "tickcast ended with {ended:?}:\n{}", self.log());
            match self.get("/readyz") {
                Ok((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    /// Status and body of a GET; `Err` when there is no answer at all.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, String), String> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer =
            agent.get(format!("http://127.0.0.1:{}{path}", self.port)).call().map_err(|it| it.to_string())?;
        let body = answer.body_mut().read_to_string().map_err(|it| it.to_string())?;
        Ok((answer.status().as_u16(), body))
    }

    /// Waits until the snapshot of `symbol` has `field` at `value`; answers with the whole state.
    pub(crate) fn await_state(&self, symbol: &str, field: &str, value: &Value) -> Value {
        eventually(&format!("the snapshot of {symbol} has {field} {value}"), || {
            let (status, body) = self.get(&format!("/api/snapshot?symbols={symbol}"))?;
            let answer: Value =
                serde_json::from_str(&body).map_err(|error| format!("{status} {body}: {error}"))?;
            let state = &answer["snapshots"][0];
            if state[field] == *value { Ok(state.clone()) } else { Err(body) }
        })
    }

    /// What `/api/snapshot` says of all symbols, in one form with what clients and the log say.
    pub(crate) fn states(&self) -> Result<States, String> {
        let (status, body) = self.get("/api/snapshot")?;
        let answer: Value =
            serde_json::from_str(&body).map_err(|error| format!("{status} {body}: {error}"))?;
        let snapshots = answer["snapshots"].as_array().ok_or_else(|| body.clone())?;
        let state = |it: &Value| {
            let mut state = state_of(it.as_object().unwrap());
            state.remove("epoch");
            (it["symbol"].as_str().unwrap().to_owned(), state)
        };
        Ok(snapshots.iter().map(state).collect())
    }

    /// Waits until `/api/snapshot` says what the log says.
    #[track_caller]
    pub(crate) fn await_states(&self, expected: &States) {
        eventually("the snapshot says what the log says", || {
            let states = self.states()?;
            if states == *expected { Ok(()) } else { Err(differences(&states, expected)) }
        });
    }

    /// A metric's value.
    pub(crate) fn metric(&self, name: &str) -> Result<f64, String> {
        let (_, text) = self.get("/metrics")?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.ok_or_else(|| format!("no {name}"))?.parse().map_err(|error| format!("{error}"))
    }

    /// The epoch of the log that it reads.
    #[track_caller]
    pub(crate) fn epoch(&self) -> String {
        let (_, body) = self.get("/api/about").unwrap();
        let about: Value = serde_json::from_str(&body).unwrap();
        about["epoch"].as_str().unwrap().to_owned()
    }

    /// Waits for its end by itself: the status, and its log.
    pub(crate) fn await_end(mut self) -> (ExitStatus, Vec<String>) {
        let status = eventually("tickcast ends by itself", || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("{other:?}")),
        });
        self.reader.take().expect("it is joined once").join().unwrap();
        let lines = self.log.lock().unwrap().clone();
        (status, lines)
    }

    /// What it has logged up to now.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of tickcast:\n{}", self.log());
        }
    }
}
