//! The load generator under `tickcast bench`: thousands of STOMP sessions on one thread, counted and timed.
//!
//! It has to cost clearly less than the server that it measures. So there is one thread with one poll over all sockets,
//! one read for whatever a socket holds, into a buffer that all share, and one pass over the bytes ([`crate::client`]).
//! A session keeps its newest `seq`s and nothing of what it read.
//!
//! ```text
//! Load::open(plan) ─► engine thread: begins sessions (opening) ─► open, refused, lost
//! Load::measure(s) ─►   events ─► session ─► tally ─► Report
//! Load::close()    ─►   closes all
//! ```
//!
//! Between measurements the sessions live on: they read, and answer PINGs. So a caller can hold sessions idle, load them
//! and let them drain, and measure each.

mod connect;
mod engine;
mod figures;
mod measuring;
mod newest;
mod opening;
mod plan;
mod process;
mod reasons;
mod report;
mod sender;
mod session;
mod shared;
mod symbols;
mod tally;

use std::{
    net::{SocketAddr, ToSocketAddrs},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use self::{engine::Engine, process::Processes, shared::Shared};
pub use self::{
    figures::{Better, Figure, Unit},
    plan::{AgeField, Plan, ProcessChoice, Sending, Snapshots, Symbols, TimeUnit},
    report::{Ages, Asked, Generator, Opening, Report, ServerCost, Sessions, ThreadCost},
};

/// Why there is no load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// What was asked for doesn't fit together.
    #[error("{0}")]
    Plan(String),
    /// More sessions than this process may have descriptors.
    #[error(
        "{asked} sessions need {needed} descriptors, and this process may have {limit} (ulimit -Hn): at most {most} \
         sessions can be asked for here"
    )]
    Descriptors {
        /// Sessions asked for.
        asked: usize,
        /// Descriptors that they need.
        needed: u64,
        /// Those that there are.
        limit: u64,
        /// Sessions that they are enough for.
        most: u64,
    },
    /// The server can't be reached, or doesn't open a first session.
    #[error("{server}: {reason}")]
    Server {
        /// Which one.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// This machine doesn't give what the generator needs.
    #[error("the load generator can't go on: {0}")]
    Machine(#[from] std::io::Error),
}

/// The descriptors of a process that aren't sessions: standard ones, the poll, the waker, what /proc is read by.
const OTHER_DESCRIPTORS: u64 = 32;

/// A load on a server, from when its sessions are open until it is closed.
#[derive(Debug)]
pub struct Load {
    commands: mpsc::Sender<engine::Command>,
    waker: Arc<mio::Waker>,
    thread: Option<thread::JoinHandle<std::io::Result<()>>>,
    opening: Opening,
    sessions: Sessions,
}

impl Load {
    /// Opens the sessions of a plan. It answers when each is open or refused, or when the plan's deadline is over; with
    /// at least one open.
    ///
    /// # Errors
    /// The plan can't be carried out; the server isn't there or refuses the first session; the machine's limits.
    pub fn open(plan: Plan) -> Result<Self, LoadError> {
        plan.check()?;
        check_descriptors(&plan)?;
        let wrong = |reason: String| LoadError::Server { server: plan.authority(), reason };
        let server = resolve(&plan).map_err(wrong)?;
        let (symbols, await_snapshots) = choose_symbols(&plan, server)?;
        let destinations = plan.destinations(&symbols);
        if plan.subscriptions > destinations.len() {
            return Err(LoadError::Plan(format!(
                "{} subscriptions of one session need as many symbols, and there are {}",
                plan.subscriptions,
                destinations.len()
            )));
        }
        let processes = Processes::choose(&plan.process, server).map_err(LoadError::Plan)?;
        let name = plan.authority();
        let shared = Shared::new(plan, destinations, await_snapshots);
        let (opened, answer) = mpsc::sync_channel(1);
        let (commands, inbox) = mpsc::channel();
        let poll = mio::Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), engine::WAKER)?);
        let engine = Engine::new(poll, inbox, server, shared, symbols, processes);
        let thread = thread::Builder::new().name("load".to_owned()).spawn(move || engine.run(&opened))?;
        match answer.recv() {
            Ok(Ok((opening, sessions))) => {
                Ok(Self { commands, waker, thread: Some(thread), opening, sessions })
            }
            Ok(Err(reason)) => Err(LoadError::Server { server: name, reason }),
            Err(mpsc::RecvError) => Err(ended(thread)),
        }
    }

    /// How the sessions were opened.
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// What had become of the sessions when opening them was over.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Measures for so long, or until no session is left. For zero it tells how the sessions stand.
    ///
    /// # Errors
    /// The machine doesn't let the generator go on.
    pub fn measure(&mut self, duration: Duration) -> Result<Report, LoadError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let sent = self.commands.send(engine::Command::Measure { duration, reply });
        self.waker.wake()?;
        match sent.ok().and_then(|()| answer.recv().ok()) {
            Some(report) => Ok(report),
            None => Err(self.thread.take().map_or_else(gone, ended)),
        }
    }

    /// Closes all sessions, each with a close frame, and waits two seconds at most for the server's.
    ///
    /// # Errors
    /// The generator had ended before.
    pub fn close(mut self) -> Result<(), LoadError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), LoadError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // If the engine has ended, its result tells why.
        let _ = self.commands.send(engine::Command::Close);
        let _ = self.waker.wake();
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(LoadError::Machine)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Nobody is left to hear of it.
        let _ = self.end();
    }
}

fn ended(thread: thread::JoinHandle<std::io::Result<()>>) -> LoadError {
    match thread.join() {
        Ok(Err(error)) => LoadError::Machine(error),
        Ok(Ok(())) => gone(),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn gone() -> LoadError {
    LoadError::Machine(std::io::Error::other("its thread has ended"))
}

fn check_descriptors(plan: &Plan) -> Result<(), LoadError> {
    let needed = plan.sessions as u64 + u64::from(plan.send.is_some()) + OTHER_DESCRIPTORS;
    let limit = rlimit::increase_nofile_limit(u64::MAX)?;
    if needed > limit {
        let most = limit.saturating_sub(needed - plan.sessions as u64);
        return Err(LoadError::Descriptors { asked: plan.sessions, needed, limit, most });
    }
    Ok(())
}

fn resolve(plan: &Plan) -> Result<SocketAddr, String> {
    let found = (plan.server.host.as_str(), plan.server.port).to_socket_addrs();
    let mut addresses =
        found.map_err(|error| format!("the address can't be resolved: {}", session::cause(&error)))?;
    addresses.next().ok_or_else(|| "the name has no address".to_owned())
}

/// The symbols, and whether a message of each is awaited before a session is open.
fn choose_symbols(plan: &Plan, server: SocketAddr) -> Result<(Vec<String>, bool), LoadError> {
    let has_snapshots = !plan.headers.iter().any(|(name, value)| name == "snapshot" && value == "false");
    let named = match &plan.symbols {
        Symbols::Named(symbols) => symbols.clone(),
        Symbols::Numbered(count) => (0..*count).map(|number| format!("S{number}")).collect(),
        Symbols::Listed if plan.subscriptions == 0 || !plan.destination.contains("{}") => Vec::new(),
        Symbols::Listed => {
            let wrong = |reason: String| LoadError::Server { server: plan.authority(), reason };
            let listed = symbols::list(server, &plan.authority());
            let symbols = listed.map_err(|error| wrong(error.to_string()))?;
            if symbols.is_empty() {
                return Err(wrong("it lists no symbol yet: is a feed running?".to_owned()));
            }
            let awaited = plan.snapshots != Snapshots::NotAwaited && has_snapshots;
            return Ok((symbols, awaited));
        }
    };
    let awaited = match plan.snapshots {
        Snapshots::Awaited => true,
        Snapshots::NotAwaited => false,
        // A server without such a list gives no snapshots.
        Snapshots::IfListed => {
            has_snapshots
                && symbols::list(server, &plan.authority()).is_ok_and(|mut listed| {
                    listed.sort_unstable();
                    named.iter().all(|symbol| listed.binary_search(symbol).is_ok())
                })
        }
    };
    Ok((named, awaited))
}
