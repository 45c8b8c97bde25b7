//! The signals that a server answers to. They are received from its very start: one that comes earlier
//! than somebody listens would end the process on the spot.

use actix_web::rt::{self, SystemRunner};
use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// What was asked of the process from outside.
pub(super) struct Signals {
    /// SIGHUP: read the TLS certificate anew.
    pub(super) hang_up: Signal,
    /// The others.
    pub(super) stop: Stop,
}

/// SIGTERM and SIGINT.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

/// The runtime of the main thread, and the signals, which need one.
///
/// # Errors
/// When signals can't be received.
pub(super) fn system() -> Result<(SystemRunner, Signals), Failure> {
    let system = rt::System::new();
    let signals = system.block_on(async { Signals::receive() })?;
    Ok((system, signals))
}

impl Signals {
    /// Begins to receive them.
    fn receive() -> Result<Self, Failure> {
        let receive = |kind| signal(kind).context("signals can't be received").map_err(Failure::Unexpected);
        Ok(Self {
            hang_up: receive(SignalKind::hangup())?,
            stop: Stop {
                terminate: receive(SignalKind::terminate())?,
                interrupt: receive(SignalKind::interrupt())?,
            },
        })
    }
}

impl Stop {
    /// Waits until the process is to end; answers how it was told.
    pub(super) async fn told(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
