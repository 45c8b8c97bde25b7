//! The real binary as a child process: its output, its memory, signals to it, its end.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
};

use super::wait::{PATIENCE, eventually};

/// A running `tickcast`; killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdout: mpsc::Receiver<String>,
    log: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts the binary.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
        for (name, _) in std::env::vars_os() {
            // A developer's own settings are no part of the test.
            if name.to_string_lossy().starts_with("TICKCAST_") {
                command.env_remove(name);
            }
        }
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, stdout) = mpsc::channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        let out = child.stdout.take().expect("standard output is piped");
        let err = child.stderr.take().expect("standard error is piped");
        let readers = vec![
            each_line(out, move |line| drop(sender.send(line))),
            each_line(err, move |line| kept.lock().unwrap().push(line)),
        ];
        Self { child, stdout, log, readers }
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        match self.stdout.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => panic!("no line on standard output: {error}; log:\n{}", self.log().join("\n")),
        }
    }

    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
    }

    /// Waits for its end by itself.
    pub(crate) fn await_exit(&mut self) -> ExitStatus {
        let status = eventually("tickcast ends by itself", || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("{other:?}")),
        });
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        status
    }

    /// Fails the test if the process has ended.
    pub(crate) fn assert_running(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "tickcast ended with {ended:?}");
    }

    /// Resident memory, in KiB.
    pub(crate) fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells VmRSS");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of tickcast:\n{}", self.log().join("\n"));
        }
    }
}

/// Starts the binary and waits for its end: the exit code, and what it wrote to standard error.
pub(crate) fn run_to_the_end(arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut process = Process::start(arguments);
    let status = process.await_exit();
    (status.code(), process.log())
}

fn each_line(
    from: impl Read + Send + 'static,
    mut take: impl FnMut(String) + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).for_each(&mut take))
}
