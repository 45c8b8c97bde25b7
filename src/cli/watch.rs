//! `tickcast watch`: the prices of a running server, in a terminal.

mod connection;
mod lines;
mod message;
mod render;
mod screen;
mod table;
mod target;
mod text;
mod viewer;

use std::{
    cell::RefCell,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use rand::RngExt as _;
use tokio::{sync::mpsc, time::sleep};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use self::{
    connection::{End, Wanted, listen},
    screen::{Key, keys},
    target::Target,
    viewer::{Form, REDRAW, Viewer},
};
use crate::{
    config::{HostPort, Invalid, MaxRate, whole_number},
    destination::{Destination, PRICE_PREFIX},
    failure::Failure,
};

/// Watch prices of a running server: a live table in a terminal, lines elsewhere
///
/// The table shows the last price, its change since the day's first trade, bid and ask with their sizes, the day's high,
/// low, volume and trades, how old the last tick is, and how many ticks were folded into others (conflated). Arrows and
/// pages move it; q or Ctrl-C ends. If the connection is lost it's made anew.
///
/// Where standard output is no terminal each message is a line; what happens to the connection and the feed is told on
/// standard error.
#[derive(Args, Debug)]
pub(super) struct WatchArgs {
    /// Symbols: AAPL, those that begin so: 'AB*', or all: '*'
    #[arg(value_name = "SYMBOL", required = true, value_parser = symbol)]
    symbols: Vec<String>,

    /// Where the server listens, without TLS
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    server: HostPort,

    /// The address of its WebSocket, for TLS or another path: wss://prices.example.com/ws
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    url: Option<Target>,

    /// A file with certificates, in PEM, of authorities that are trusted besides the system's
    #[arg(long, value_name = "FILE", requires = "url")]
    ca_certificate: Option<PathBuf>,

    /// Updates a second for each symbol: 0.01 or more, or unlimited
    #[arg(long, value_name = "RATE", default_value = "4")]
    max_rate: MaxRate,

    /// Print lines on a terminal too
    #[arg(long)]
    plain: bool,

    /// Print each message as a line of JSON: its body, with type, seq and conflated of its headers
    #[arg(long, conflicts_with = "plain")]
    json: bool,

    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = whole_number(1..=u64::MAX))]
    count: Option<u64>,
}

/// The first pause after a lost connection, and the longest: each is twice the one before.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A connection that stood for so long wasn't lost for what the one before was.
const STOOD: Duration = Duration::from_secs(30);

fn symbol(text: &str) -> Result<String, String> {
    match Destination::parse(&format!("{PRICE_PREFIX}{text}")) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            Err(format!("{error}; expected a symbol such as AAPL, a beginning such as 'AB*', or '*'"))
        }
    }
}

/// Watches until the end that was asked for, or a signal.
pub(super) fn run(args: WatchArgs, invalid: &dyn Fn(Invalid) -> Failure) -> Result<(), Failure> {
    let form = form(&args);
    let target = args.url.unwrap_or_else(|| Target::plain(args.server));
    let tls = match target.is_tls {
        true => Some(trust(args.ca_certificate.as_deref()).map_err(invalid)?),
        false if args.ca_certificate.is_some() => {
            let reason = "there is no TLS without wss: or https:".to_owned();
            return Err(invalid(Invalid { keys: vec!["ca_certificate", "url"], reason }));
        }
        false => None,
    };
    let headers = vec![("max-rate".to_owned(), args.max_rate.to_string())];
    let wanted = Wanted { target, tls, symbols: args.symbols, headers };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime can't be started").map_err(Failure::Unexpected)?;
    let watched = runtime.block_on(watch(&wanted, form, args.count));
    // A name that is being looked up isn't waited for.
    runtime.shutdown_background();
    watched
}

fn form(args: &WatchArgs) -> Form {
    if args.json {
        return Form::Json;
    }
    // https://no-color.org: present and not empty.
    let has_colours = std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if args.plain || is_dumb || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        Form::Plain
    } else {
        Form::Screen { has_colours }
    }
}

async fn watch(wanted: &Wanted, form: Form, count: Option<u64>) -> Result<(), Failure> {
    let unexpected = |error: io::Error| Failure::Unexpected(anyhow::Error::new(error).context("the output"));
    let server = wanted.target.to_string();
    let viewer = Viewer::open(form, server, count, Instant::now()).map_err(unexpected)?;
    let mut asked = Asked::new(form).map_err(unexpected)?;
    let mut pause = BACK_OFF.0;
    let mut is_first = true;
    let failure = loop {
        let begun = Instant::now();
        viewer.borrow_mut().connecting();
        let Some(end) = asked.unless_ended(&viewer, listen(wanted, &viewer)).await else { break None };
        let has_stood = viewer.borrow().has_opened();
        match end {
            End::Over => break None,
            // Who mistypes an address isn't to wait.
            End::Lost(reason) if is_first && !has_stood => break Some(Failure::start_up(reason)),
            End::Refused(reason) => break Some(Failure::start_up(reason)),
            End::Lost(reason) => {
                is_first = false;
                if begun.elapsed() >= STOOD {
                    pause = BACK_OFF.0;
                }
                // Clients that lost their server together don't come back together.
                let wait = pause.mul_f64(rand::rng().random_range(0.5..1.0));
                pause = (2 * pause).min(BACK_OFF.1);
                viewer.borrow_mut().lost(&reason, wait);
                if asked.unless_ended(&viewer, sleep(wait)).await.is_none() {
                    break None;
                }
            }
        }
    };
    viewer.borrow_mut().show(Instant::now());
    let failed = viewer.borrow_mut().failure();
    match (failure, failed) {
        (Some(failure), _) => Err(failure),
        (None, Some(error)) => Err(unexpected(error)),
        (None, None) => Ok(()),
    }
}

/// What somebody asks for at the terminal, or by a signal.
struct Asked {
    keys: Option<mpsc::Receiver<Key>>,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Asked {
    fn new(form: Form) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let keys = matches!(form, Form::Screen { .. }).then(keys).transpose()?;
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { keys, terminate, interrupt })
    }

    /// Waits for something while what is new is shown and keys are heeded; `None` if the end is asked for before.
    async fn unless_ended<T>(
        &mut self,
        viewer: &RefCell<Viewer>,
        something: impl Future<Output = T>,
    ) -> Option<T> {
        let mut something = pin!(something);
        let mut redraw = tokio::time::interval(REDRAW);
        redraw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut something => return Some(done),
                _ = redraw.tick() => viewer.borrow_mut().show(Instant::now()),
                key = next_key(&mut self.keys) => {
                    // A terminal that is gone presses nothing any more.
                    if viewer.borrow_mut().press(key?) {
                        return None;
                    }
                    viewer.borrow_mut().show(Instant::now());
                }
                _ = self.terminate.recv() => return None,
                _ = self.interrupt.recv() => return None,
            }
        }
    }
}

async fn next_key(keys: &mut Option<mpsc::Receiver<Key>>) -> Option<Key> {
    match keys {
        Some(keys) => keys.recv().await,
        None => std::future::pending().await,
    }
}

/// Trusts the system's authorities, and those in a file.
fn trust(file: Option<&Path>) -> Result<Arc<ClientConfig>, Invalid> {
    let mut roots = RootCertStore::empty();
    // What the system has and can't be read isn't needed here, or the handshake tells.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = file {
        let wrong = |reason: String| Invalid {
            keys: vec!["ca_certificate"],
            reason: format!("{}: {reason}", file.display()),
        };
        let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let certificates = read.map_err(|error| wrong(format!("expected certificates in PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(wrong("it holds no certificate".to_owned()));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what the versions need")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
