//! The clients: sessions of the project's own load generator, which is the same for every server that is compared.
//!
//! It reads each frame to its end, since a server that breaks the protocol, leaves frames out or sends them twice isn't
//! to look good. It runs in this process, on the clients' cores, and takes about a microsecond a message; what share of
//! the time it was busy is told where that matters, for a client that doesn't keep up makes a server look better or worse
//! than it is.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tickcast::{
    config::HostPort,
    load::{Load, Opening, Plan, ProcessChoice, Report, Symbols},
};

/// A plan for so many sessions with so many subscriptions each, of as many symbols.
pub(crate) fn plan(server: SocketAddr, sessions: usize, subscriptions: usize, symbols: usize) -> Plan {
    let server = HostPort { host: server.ip().to_string(), port: server.port() };
    Plan {
        sessions,
        subscriptions,
        symbols: Symbols::Numbered(symbols),
        // The harness looks itself, when the load is over.
        process: ProcessChoice::None,
        ..Plan::new(server)
    }
}

/// The sessions of a plan, all of them.
pub(crate) struct Generator(Load);

impl Generator {
    /// Opens them.
    pub(crate) fn open(plan: Plan) -> Result<Self> {
        let asked = plan.sessions;
        let load = Load::open(plan)?;
        let sessions = load.sessions();
        ensure!(
            sessions.open == asked,
            "{} of {asked} sessions are open; refused: {:?}",
            sessions.open,
            sessions.refused_reasons
        );
        Ok(Self(load))
    }

    /// How they were opened.
    pub(crate) const fn opening(&self) -> &Opening {
        self.0.opening()
    }

    /// What they read within that time, in which something else may be done: all of them to the end.
    pub(crate) fn measure_while<T>(
        &mut self,
        duration: Duration,
        act: impl FnOnce() -> Result<T>,
    ) -> Result<(Report, T)> {
        std::thread::scope(|scope| {
            let measured = scope.spawn(|| self.0.measure(duration));
            let done = act();
            let report = measured.join().expect("nothing in there panics").context("the generator")?;
            ensure!(report.sessions.lost == 0, "sessions were lost: {:?}", report.sessions.lost_reasons);
            Ok((report, done?))
        })
    }
}
