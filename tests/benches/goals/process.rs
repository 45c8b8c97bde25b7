//! A program that is measured, or that another one is measured with: its start on the right cores, its words, its end.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::{self, unix::SignalKind};

use crate::{
    pace::wait,
    system::{Side, take_side},
};

/// How long anything may take to say what is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to end when it's asked to.
const END_PATIENCE: Duration = Duration::from_secs(15);

/// Those that run now, so that none is left behind when this program is told to end.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A running program, with all that it has started: they are a process group of their own, which is ended when this
/// is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    input: ChildStdin,
    output: mpsc::Receiver<String>,
}

impl Process {
    /// Starts a program on the cores of its side. What it writes to standard error goes to ours.
    pub(crate) fn start(mut command: Command, side: Side) -> Result<Self> {
        let name = Path::new(command.get_program()).display().to_string();
        for (variable, _) in std::env::vars_os() {
            // A developer's own settings are no part of what is measured.
            if variable.to_string_lossy().starts_with("TICKCAST_") {
                command.env_remove(variable);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        // A process runs where the thread that starts it does.
        let spawned = thread::scope(|scope| {
            let spawn = || take_side(side).and_then(|()| command.spawn().context("it can't be started"));
            scope.spawn(spawn).join().expect("nothing in there panics")
        });
        let mut child = spawned.with_context(|| name.clone())?;
        running().insert(child.id());
        let input = child.stdin.take().expect("standard input is piped");
        let lines = BufReader::new(child.stdout.take().expect("standard output is piped")).lines();
        let (tell, output) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Who doesn't listen any more still lets it speak: a full pipe would stop it.
                let _ = tell.send(line);
            }
        });
        Ok(Self { name, child, input, output })
    }

    /// This program in another role.
    pub(crate) fn role(role: &str, arguments: &[String], side: Side) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("this program isn't found")?);
        command.args(["--role", role]).args(arguments);
        Self::start(command, side)
    }

    /// Its number, and its group's.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it says.
    pub(crate) fn line(&self) -> Result<String> {
        self.line_within(PATIENCE)
    }

    /// The next line that it says, if it does so in time.
    pub(crate) fn line_within(&self, patience: Duration) -> Result<String> {
        self.output.recv_timeout(patience).map_err(|error| anyhow!("{} says nothing: {error}", self.name))
    }

    /// The rest of the next line that begins so.
    pub(crate) fn line_after(&self, prefix: &str) -> Result<String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(rest) = self.line()?.strip_prefix(prefix) {
                return Ok(rest.trim().to_owned());
            }
        }
        bail!("{} doesn't say {prefix:?}", self.name)
    }

    /// Tells it a line.
    pub(crate) fn tell(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}").with_context(|| format!("{} doesn't listen", self.name))
    }
}

/// Ends this program on SIGINT and SIGTERM, and before it all that it has started.
pub(crate) fn end_when_told() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let mut terminate =
                signal::unix::signal(SignalKind::terminate()).expect("there is such a signal");
            tokio::select! {
                _ = signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        });
        for group in &*running() {
            signal_group(*group, Signal::KILL);
        }
        std::process::exit(130);
    });
    Ok(())
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    // A set of numbers can't be half done.
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signal_group(group: u32, signal: Signal) {
    let group = i32::try_from(group).ok().and_then(Pid::from_raw);
    // It may be gone already.
    let _ = kill_process_group(group.expect("a process has a number"), signal);
}

impl Drop for Process {
    fn drop(&mut self) {
        signal_group(self.id(), Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < END_PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            wait(Duration::from_millis(5));
        }
        // Also what it has started and left behind.
        signal_group(self.id(), Signal::KILL);
        running().remove(&self.id());
        let _ = self.child.wait();
    }
}
