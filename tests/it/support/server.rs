//! A `tickcast serve` process with the embedded broker, and its HTTP side.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use serde_json::Value;
use tokio_rustls::rustls::ClientConfig;

use super::{
    process::Process,
    transport::Transport,
    wait::{eventually, eventually_is},
};

/// A server on a free port of loopback; killed when dropped.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    /// `host:port` of its broker.
    pub(crate) kafka: String,
    /// With which its clients speak TLS.
    tls: Option<Arc<ClientConfig>>,
}

/// An answer to a GET.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value; empty if it isn't there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    /// Starts a server and waits until it says that it is ready. One worker thread, unless `flags`
    /// tell otherwise: what `/api/snapshot` shows, every session has then been told.
    pub(crate) fn ready(flags: &[&str]) -> Self {
        Self::starting(flags).await_ready()
    }

    /// A server whose clients speak TLS, once it says that it is ready.
    pub(crate) fn ready_with_tls(flags: &[&str], tls: Arc<ClientConfig>) -> Self {
        Self { tls: Some(tls), ..Self::starting(flags) }.await_ready()
    }

    fn await_ready(self) -> Self {
        let mut server = self;
        eventually("/readyz answers 200", || {
            server.process.assert_running();
            match server.get("/readyz") {
                Answer { status: 200, .. } => Ok(()),
                Answer { status, body, .. } => Err(format!("{status} {body}")),
            }
        });
        server
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn starting(flags: &[&str]) -> Self {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
        if !flags.contains(&"--workers") {
            arguments.extend(["--workers", "1"]);
        }
        arguments.extend(flags);
        let process = Process::start(&arguments);
        let page = process.line();
        let address = page
            .strip_prefix("page    http://")
            .or_else(|| page.strip_prefix("page    https://"))
            .and_then(|rest| rest.strip_suffix('/'))
            .unwrap_or_else(|| panic!("the page's address is announced first, not {page:?}"))
            .parse()
            .unwrap();
        let kafka = process.line();
        let kafka = kafka.strip_prefix("kafka   ").and_then(|rest| rest.split(' ').next());
        let kafka = kafka.expect("the broker's address is announced second").to_owned();
        Self { address, kafka, process, tls: None }
    }

    /// A connection, with its TLS handshake still to come where there is TLS.
    pub(crate) fn connect(&self) -> Transport {
        self.speak_on(TcpStream::connect(self.address).unwrap())
    }

    /// Speaks TLS on a connection if the server does.
    pub(crate) fn speak_on(&self, stream: TcpStream) -> Transport {
        match &self.tls {
            None => Transport::Plain(stream),
            Some(config) => Transport::tls(stream, Arc::clone(config)),
        }
    }

    /// The answer to a GET.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    /// The answer to a GET with further headers.
    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        if self.tls.is_some() {
            return self.get_over_tls(path);
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(super::PATIENCE))
            .build()
            .into();
        let mut request = agent.get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.call().unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
    }

    /// Asks until it's answered: while handshakes are many some are refused.
    fn get_over_tls(&self, path: &str) -> Answer {
        eventually("the request is answered", || self.ask_over_tls(path).map_err(|error| error.to_string()))
    }

    fn ask_over_tls(&self, path: &str) -> io::Result<Answer> {
        let mut connection = self.connect();
        connection.tcp().set_read_timeout(Some(super::PATIENCE))?;
        let host = self.address;
        write!(connection, "GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split(' ').nth(1).expect("a status line has a status").parse().unwrap();
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Ok(Answer { status, headers: headers.collect(), body: body.to_owned() })
    }

    /// The value of a sample in `/metrics`, labels included in its name; 0 while it isn't there.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let body = self.get("/metrics").body;
        let sample = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        sample.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a sample has the value.
    #[track_caller]
    pub(crate) fn await_metric(&self, name: &str, value: f64) {
        eventually_is(name, &value, || self.metric(name));
    }

    /// The state that a snapshot of the symbol would give; null if there is none.
    pub(crate) fn snapshot(&self, symbol: &str) -> Value {
        self.get(&format!("/api/snapshot?symbols={symbol}")).json()["snapshots"][0].clone()
    }

    /// Waits until the symbol's state stands at `seq` or later.
    #[track_caller]
    pub(crate) fn await_seq(&self, symbol: &str, seq: u64) {
        eventually(&format!("{symbol} stands at {seq}"), || {
            let state = self.snapshot(symbol);
            match state["seq"].as_u64() {
                Some(at) if at >= seq => Ok(()),
                _ => Err(state.to_string()),
            }
        });
    }
}
