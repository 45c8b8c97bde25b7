//! The Kafka broker that our server reads from: librdkafka's mock cluster, in a process of its own on the clients' cores.
//! It stands for a cluster on other machines, so that what it takes isn't counted as the server's; what the server's own
//! consumer takes is.

use anyhow::{Context as _, Result};
use tickcast::kafka::EmbeddedBroker;

use crate::{limit::say, process::Process, system::Side};

/// A running broker.
pub(crate) struct Broker {
    _process: Process,
    /// Where it listens, `host:port`.
    pub(crate) bootstrap: String,
}

impl Broker {
    /// Starts it.
    pub(crate) fn start() -> Result<Self> {
        let process = Process::role("broker", &[], Side::Client)?;
        let bootstrap = process.line_after("bootstrap")?;
        Ok(Self { _process: process, bootstrap })
    }
}

/// The role of the broker, until standard input ends.
pub(crate) fn serve() -> Result<()> {
    let broker = EmbeddedBroker::start(&["ticks", "ticks.quarantine"], None)?;
    say("bootstrap", broker.bootstrap())?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).context("standard input")?;
    Ok(())
}
