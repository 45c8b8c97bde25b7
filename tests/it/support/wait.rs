//! Waiting for a condition, never for a duration.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

/// Far above what any condition takes on a busy machine: reached only when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until there is an answer; `what` names the condition when there never is one.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "asks again after a pause; the condition decides, not the pause"
)]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(last) if Instant::now() > deadline => panic!("{what}: not within {PATIENCE:?}; last: {last}"),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Asks until the answer is the expected one.
#[track_caller]
pub(crate) fn eventually_is<T: PartialEq + Debug>(what: &str, expected: &T, mut ask: impl FnMut() -> T) {
    eventually(what, || {
        let answer = ask();
        if answer == *expected { Ok(()) } else { Err(format!("{answer:?} instead of {expected:?}")) }
    });
}
