//! Ctrl-C and SIGTERM as a flag that a feed looks at.

use std::{
    io, process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::Context as _;

use crate::failure::Failure;

/// What a shell gives a command that Ctrl-C ended.
const EXIT_CODE_INTERRUPTED: i32 = 130;

/// The flag is set by the first signal. The second one ends the process at once: the feed may be
/// waiting for a broker that stays away.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("the runtime that waits for signals can't be started")
        .map_err(Failure::Unexpected)?;
    let flag = Arc::clone(&stop);
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if runtime.block_on(signal()).is_ok() {
                flag.store(true, Ordering::Relaxed);
                if runtime.block_on(signal()).is_ok() {
                    process::exit(EXIT_CODE_INTERRUPTED);
                }
            }
        })
        .context("the thread that waits for signals can't be started")
        .map_err(Failure::Unexpected)?;
    Ok(stop)
}

#[cfg(unix)]
async fn signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
