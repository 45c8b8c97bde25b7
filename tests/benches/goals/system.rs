//! What the system tells of processes, and on which cores they run.
//!
//! CPU time is `/proc/PID/task/TID/schedstat`: nanoseconds that a thread was on a core, in the kernel or not. What a
//! `send` makes the kernel do on loopback, up to the receiver's queue, is the sender's, as with every server here.
//! Of a thread that runs at the moment the last scheduler tick's value is told, so that CPU time is read when the
//! load has ended; idle threads cost nothing.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

/// Where a load's two sides run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// What is measured: the first half of the cores.
    Server,
    /// Whoever connects and publishes: the others.
    Client,
    /// Where it doesn't matter: all of them.
    Both,
}

/// Puts the calling thread, and with it all threads and processes that it starts from now on, on its side's cores. So
/// nothing that is measured is moved about, and no client takes its caches; where there is one core only all share it.
pub(crate) fn take_side(side: Side) -> Result<()> {
    let all = cores()?;
    let (server, client) = all.split_at(all.len() / 2);
    let own = match side {
        Side::Server if !server.is_empty() => server,
        Side::Server | Side::Client => client,
        Side::Both => &all,
    };
    let mut set = CpuSet::new();
    own.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).context("the cores to run on can't be chosen")
}

/// The cores that this process could use when it was started.
fn cores() -> Result<Vec<usize>> {
    static AT_START: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    if let Some(cores) = AT_START.get() {
        return Ok(cores.clone());
    }
    let set = sched_getaffinity(None).context("the cores to run on aren't told")?;
    let cores = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
    Ok(AT_START.get_or_init(|| cores).clone())
}

/// CPU time of a process's threads, in nanoseconds, by the threads' names. Those of the same name are told together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTime(BTreeMap<String, u64>);

impl CpuTime {
    /// Of one process.
    pub(crate) fn of(id: u32) -> Result<Self> {
        let mut time = Self::default();
        time.add(id)?;
        ensure!(!time.0.is_empty(), "process {id} has no threads");
        Ok(time)
    }

    /// Of a process and all that it has started, and they.
    pub(crate) fn of_tree(root: u32) -> Result<Self> {
        let mut time = Self::default();
        for id in tree(root)? {
            // One of them may just have ended.
            let _ = time.add(id);
        }
        ensure!(!time.0.is_empty(), "process {root} has no threads");
        Ok(time)
    }

    fn add(&mut self, id: u32) -> Result<()> {
        let tasks = format!("/proc/{id}/task");
        for task in fs::read_dir(&tasks).with_context(|| format!("{tasks} can't be read"))? {
            let path = task?.path();
            let Some((name, nanoseconds)) = thread(&path) else { continue };
            *self.0.entry(name).or_default() += nanoseconds;
        }
        Ok(())
    }

    /// What was used since then. A thread that ended meanwhile counts for nothing: servers have none that come and go.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let used = |(name, now): (&String, &u64)| {
            (name.clone(), now.saturating_sub(before.0.get(name).copied().unwrap_or(0)))
        };
        Self(self.0.iter().map(used).collect())
    }

    /// All threads together, in nanoseconds.
    pub(crate) fn total_ns(&self) -> u64 {
        self.0.values().sum()
    }

    /// The threads whose names begin so, in nanoseconds; there has to be one.
    pub(crate) fn of_threads_ns(&self, prefix: &str) -> Result<u64> {
        let named: Vec<u64> =
            self.0.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, time)| *time).collect();
        ensure!(!named.is_empty(), "no thread is called {prefix}…, but {:?}", self.0.keys());
        Ok(named.iter().sum())
    }
}

/// A thread's name and CPU time; nothing once it's gone.
fn thread(task: &Path) -> Option<(String, u64)> {
    let name = fs::read_to_string(task.join("comm")).ok()?.trim_end().to_owned();
    let statistics = fs::read_to_string(task.join("schedstat")).ok()?;
    Some((name, statistics.split_whitespace().next()?.parse().ok()?))
}

/// CPU time of each thread whose name begins so, in nanoseconds, by its number.
pub(crate) fn each_thread_ns(id: u32, prefix: &str) -> Result<BTreeMap<u32, u64>> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{id}/task"))? {
        let path = task?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
        if let (Some(number), Some((name, nanoseconds))) = (number, thread(&path))
            && name.starts_with(prefix)
        {
            threads.insert(number, nanoseconds);
        }
    }
    Ok(threads)
}

/// A process and its descendants.
fn tree(root: u32) -> Result<Vec<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        // After the name, which may hold anything: the state, and the parent.
        let after = stat.rsplit(')').next().unwrap_or_default();
        if let Some(parent) = after.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let (mut found, mut at) = (vec![root], 0);
    while let Some(id) = found.get(at) {
        found.extend(children.remove(id).unwrap_or_default());
        at += 1;
    }
    Ok(found)
}

/// Memory of a process and its descendants that is in use (`VmRSS`), in bytes.
pub(crate) fn resident_bytes(root: u32) -> Result<u64> {
    let of_one = |id: &u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let kib: u64 = tree(root)?.iter().filter_map(of_one).sum();
    ensure!(kib > 0, "process {root} has no memory");
    Ok(kib * 1024)
}

/// The machine that figures come from.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    /// Processes that could run, averaged over the minute before.
    load_before: String,
    /// Descriptors that a process may hold.
    descriptors: u64,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Result<Self> {
        let processors = fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo can't be read")?;
        let model =
            processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
        let load = fs::read_to_string("/proc/loadavg").context("/proc/loadavg can't be read")?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("the kernel isn't told")?;
        Ok(Self {
            processor: model.trim_start_matches([' ', '\t', ':']).to_owned(),
            cores: cores()?.len(),
            kernel: kernel.trim_end().to_owned(),
            load_before: load.split_whitespace().next().unwrap_or_default().to_owned(),
            descriptors: rlimit::increase_nofile_limit(u64::MAX).context("the limit of open files")?,
        })
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { processor, cores, kernel, load_before, descriptors } = self;
        write!(
            f,
            "{processor}, {cores} cores, Linux {kernel}, {descriptors} descriptors; load average before: {load_before}"
        )
    }
}
