//! Waiting for conditions, and ports that are free.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Far above what any condition takes on a busy machine: reached only when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer; `what` names the condition when there never is one.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(last) if Instant::now() > deadline => panic!("{what}: not within {PATIENCE:?}; last: {last}"),
            Err(_) => pause(Duration::from_millis(20)),
        }
    }
}

/// Lets time pass where time is what the test is about: the pace of a load, the slowness of a network.
#[expect(clippy::disallowed_methods, reason = "no condition stands behind it")]
pub(crate) fn pause(duration: Duration) {
    if !duration.is_zero() {
        std::thread::sleep(duration);
    }
}

/// Ports of loopback that nobody listens on, for whoever comes back to the same: below those that the system gives to
/// connections, one of which could have it meanwhile.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let end: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(since.as_micros() as u64 ^ u64::from(std::process::id()));
    std::array::from_fn(|_| {
        loop {
            let port = random.random_range(10_000..end);
            if TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
                return port;
            }
        }
    })
}
