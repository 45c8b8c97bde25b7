//! Waiting for conditions, and ports that are free.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

/// Far above what any condition takes on a busy machine: reached only when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

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

/// Ports of loopback that nobody listens on at the moment.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until the last is found, so that they differ.
    let held = std::array::from_fn::<_, N, _>(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
