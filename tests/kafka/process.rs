//! What the system tells about a process, and signals to it.

use std::{fs, process::Command};

/// How much of the machine a process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    /// Memory that is in use, in KiB.
    pub(crate) rss_kib: u64,
    /// Threads.
    pub(crate) threads: usize,
    /// Open files and sockets.
    pub(crate) files: usize,
}

/// What a process holds at the moment.
pub(crate) fn footprint(id: u32) -> Footprint {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let number = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    Footprint {
        rss_kib: number("VmRSS:"),
        threads: usize::try_from(number("Threads:")).unwrap(),
        files: fs::read_dir(format!("/proc/{id}/fd")).unwrap().count(),
    }
}

/// Sends a signal, by its name without `SIG`.
#[track_caller]
pub(crate) fn signal(id: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap();
    assert!(status.success(), "SIG{name} to {id}: {status}");
}
