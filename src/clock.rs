//! The wall clock, read in one place. What the pure rooms know of time is passed to them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch. A clock that stands before it shows zero.
pub fn now_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}
