//! What a server on this machine takes: CPU time by thread, and memory, as Linux's /proc tells them. Elsewhere there is
//! nothing to read, and so nothing to report.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, SocketAddr},
};

use super::{
    plan::ProcessChoice,
    report::{ServerCost, ThreadCost},
};

/// The processes that are measured.
#[derive(Clone, Debug)]
pub(super) struct Processes {
    pids: Vec<u32>,
    name: String,
}

/// What they have taken up to a moment.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    /// Name and nanoseconds of CPU time of each thread, by its id.
    threads: BTreeMap<u32, (String, u64)>,
    rss_bytes: u64,
}

impl Processes {
    /// Those that were chosen.
    ///
    /// # Errors
    /// A sentence: a process that was told isn't there.
    pub(super) fn choose(choice: &ProcessChoice, server: SocketAddr) -> Result<Option<Self>, String> {
        let pids = match choice {
            ProcessChoice::None => return Ok(None),
            ProcessChoice::Told(pids) => pids.clone(),
            ProcessChoice::Found => match listener(server) {
                Some(pid) => vec![pid],
                None => return Ok(None),
            },
        };
        let Some(first) = pids.first() else { return Ok(None) };
        let name = fs::read_to_string(format!("/proc/{first}/comm")).unwrap_or_default().trim().to_owned();
        let this = Self { pids, name };
        match this.usage() {
            Some(_) => Ok(Some(this)),
            None => Err(format!("there is no process {} on this machine to measure", this.shown())),
        }
    }

    fn shown(&self) -> String {
        self.pids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// What they have taken so far; `None` if one of them is gone.
    pub(super) fn usage(&self) -> Option<Usage> {
        let mut threads = BTreeMap::new();
        for pid in &self.pids {
            for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
                let path = task.path();
                let id = task.file_name().to_str().and_then(|name| name.parse().ok());
                // A thread may end while it is looked at.
                let name = fs::read_to_string(path.join("comm")).ok();
                let spent = fs::read_to_string(path.join("schedstat")).ok();
                let spent_ns = spent.and_then(|text| text.split(' ').next()?.parse().ok());
                if let (Some(id), Some(name), Some(spent_ns)) = (id, name, spent_ns) {
                    threads.insert(id, (name.trim().to_owned(), spent_ns));
                }
            }
        }
        Some(Usage { threads, rss_bytes: self.rss_bytes()? })
    }

    /// Their resident memory.
    pub(super) fn rss_bytes(&self) -> Option<u64> {
        self.pids.iter().map(|pid| rss_bytes(*pid)).sum()
    }

    /// What they took between two moments.
    pub(super) fn cost(
        &self,
        before: &Usage,
        after: &Usage,
        rss_peak_bytes: u64,
        messages: u64,
    ) -> ServerCost {
        let mut threads = BTreeMap::<String, ThreadCost>::new();
        let mut cpu_s = 0.0;
        for (id, (name, spent_ns)) in &after.threads {
            let earlier_ns = before.threads.get(id).map_or(0, |(_, spent_ns)| *spent_ns);
            let spent_s = spent_ns.saturating_sub(earlier_ns) as f64 / 1e9;
            let cost = threads.entry(name.clone()).or_default();
            cost.threads += 1;
            cost.cpu_s += spent_s;
            cpu_s += spent_s;
        }
        ServerCost {
            pids: self.pids.clone(),
            name: self.name.clone(),
            cpu_s,
            cpu_us_per_message: (messages > 0).then(|| cpu_s * 1e6 / messages as f64),
            threads,
            rss_before_bytes: before.rss_bytes,
            rss_after_bytes: after.rss_bytes,
            rss_peak_bytes: rss_peak_bytes.max(before.rss_bytes).max(after.rss_bytes),
        }
    }
}

fn rss_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The one process that listens at this address of loopback. Another address may be that of a container or of another
/// machine that this one forwards to.
fn listener(server: SocketAddr) -> Option<u32> {
    if !server.ip().to_canonical().is_loopback() {
        return None;
    }
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let inodes: Vec<_> = tables.iter().flat_map(|table| listening(table, server)).collect();
    let links: Vec<_> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut holders = pids.filter(|pid| holds(*pid, &links));
    let first = holders.next()?;
    // Two that share a socket can't be told apart.
    holders.next().is_none().then_some(first)
}

fn holds(pid: u32, links: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut targets = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.any(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
}

/// The inodes of the sockets in a table of /proc/net/tcp or tcp6 that listen where `server` is reached.
fn listening(table: &str, server: SocketAddr) -> Vec<String> {
    /// TCP_LISTEN of the kernel's net/tcp_states.h.
    const LISTEN: &str = "0A";
    let rows = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row.len() > 9 && row[3] == LISTEN);
    let here = listening.filter(|row| {
        local(row[1]).is_some_and(|(address, port)| {
            port == server.port() && (address.is_unspecified() || address == server.ip().to_canonical())
        })
    });
    here.map(|row| row[9].to_owned()).collect()
}

/// An address as the kernel's tables write it: words of 32 bits in the machine's byte order, in hexadecimal.
fn local(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let words: Option<Vec<[u8; 4]>> = address
        .as_bytes()
        .chunks(8)
        .map(|word| {
            let word = u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?;
            Some(word.to_ne_bytes())
        })
        .collect();
    let bytes = words?.concat();
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
        _ => return None,
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn listening_sockets_are_read_from_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0\n\
            1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0\n\
            2: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0\n\
            3: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 444 1\n\
            4: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 555 1\n";
        let found = |address: &str| listening(table, address.parse().unwrap());
        assert_eq!(found("127.0.0.1:8080"), ["111"]);
        assert_eq!(found("127.0.0.1:8081"), ["222"]);
        assert_eq!(found("[::1]:8080"), ["444"]);
        assert_eq!(found("127.0.0.1:8082"), ["555"]);
        assert_eq!(found("127.0.0.1:8083"), [""; 0]);
        assert_eq!(found("127.0.0.2:8080"), [""; 0]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found_by_its_listener_and_its_cost_rises() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let processes = Processes::choose(&ProcessChoice::Found, address).unwrap().unwrap();
        assert_eq!(processes.pids, [std::process::id()]);
        let before = processes.usage().unwrap();
        let mut sum = 0_u64;
        let after = loop {
            sum = (0..1_000_000_u64).fold(sum, |sum, it| std::hint::black_box(sum.wrapping_mul(31) ^ it));
            let after = processes.usage().unwrap();
            if processes.cost(&before, &after, 0, 0).cpu_s > 0.0 {
                break after;
            }
        };
        let cost = processes.cost(&before, &after, 0, 1000);
        let by_thread: f64 = cost.threads.values().map(|thread| thread.cpu_s).sum();
        assert!((cost.cpu_s - by_thread).abs() < 1e-9);
        let of_a_message = cost.cpu_us_per_message.expect("there were messages");
        assert!((of_a_message / (cost.cpu_s * 1000.0) - 1.0).abs() < 1e-9);
        assert!(cost.rss_before_bytes > 1 << 20 && cost.rss_peak_bytes >= cost.rss_after_bytes);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let server = "127.0.0.1:1".parse().unwrap();
        let error = Processes::choose(&ProcessChoice::Told(vec![u32::MAX]), server).unwrap_err();
        assert_eq!(error, "there is no process 4294967295 on this machine to measure");
        assert!(Processes::choose(&ProcessChoice::Found, server).unwrap().is_none());
        assert!(Processes::choose(&ProcessChoice::None, server).unwrap().is_none());
    }
}
