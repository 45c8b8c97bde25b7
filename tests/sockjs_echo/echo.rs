//! Sessions that say back what they hear, or that go away at once, behind the SockJS layer of this crate: the services
//! that the protocol's own tests need.

use std::{
    cell::RefCell,
    collections::VecDeque,
    net::{IpAddr, SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use actix_http::{HttpService, Protocol, error::DispatchError};
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{AppConfig, Extensions, Server, ServiceFactory, ServiceRequest, ServiceResponse},
    http::header::{HOST, ORIGIN},
    middleware::{DefaultHeaders, from_fn},
};
use tickcast::{
    actors::{connection, sockjs::Registry},
    http::{
        self, Refusal,
        sockjs::{Endpoint, Service, Settings},
    },
    metrics::{ConnectionMetrics, Metrics},
    origin::{AllowedOrigin, OriginPolicy, Verdict},
    session::{FrameSink, Inbound},
    shard::Output,
    sockjs::{Close, Timing},
    transport::{
        Transport,
        application::Application,
        connection::{Accepted, Connection},
        socket::Socket,
    },
};
use tokio::net::TcpStream;

/// What the protocol's tests have for the limit of an answer.
const STREAM_BYTES_MAX: usize = 4096;

/// Messages that a session keeps until they are said back.
const QUEUE_BYTES_MAX: usize = 64 * 1024;

/// Time-outs that a test may have shorter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) disconnect_delay: Duration,
    pub(crate) heartbeat_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { disconnect_delay: Duration::from_secs(5), heartbeat_interval: Duration::from_secs(25) }
    }
}

/// Serves `/echo`, `/disabled_websocket_echo`, `/cookie_needed_echo`, `/close` and, without what is off by default,
/// `/modern_echo`.
pub(crate) fn serve(listener: TcpListener, workers: usize, options: Options) -> std::io::Result<Server> {
    let bases = [
        Base { path: "/echo", ..Base::default() },
        Base { path: "/disabled_websocket_echo", websocket: false, ..Base::default() },
        Base { path: "/cookie_needed_echo", cookie: true, ..Base::default() },
        Base { path: "/close", goes_away: true, ..Base::default() },
        Base { path: "/modern_echo", legacy_transports: false, ..Base::default() },
    ];
    let bases = bases.map(|base| (base, Arc::new(Registry::new(1000))));
    let metrics = Metrics::new().connections;
    let server = Server::build().workers(workers).disable_signals().shutdown_timeout(0);
    let server = server.listen("http", listener, move || {
        let http = HttpService::build()
            .h1_write_buffer_size(1)
            .h1_allow_half_closed(false)
            .on_connect_ext(|connection: &Connection, extensions: &mut Extensions| {
                extensions.insert(connection.socket().clone());
            })
            .finish(map_config(application(bases.clone(), options), |()| AppConfig::default()));
        let metrics = metrics.clone();
        fn_service(move |stream| std::future::ready(accept(stream, &metrics))).and_then(http)
    });
    Ok(server?.run())
}

fn accept(
    stream: TcpStream,
    metrics: &ConnectionMetrics,
) -> Result<(Connection, Protocol, Option<SocketAddr>), DispatchError> {
    const DEADLINE: Duration = Duration::from_secs(10);
    let peer = stream.peer_addr()?;
    let ownership = Socket::prepare(&stream, 16 * 1024, DEADLINE);
    Ok((Connection::plain(stream, Accepted::new(ownership, DEADLINE, metrics)), Protocol::Http1, Some(peer)))
}

fn application(
    bases: [(Base, Arc<Registry>); 5],
    options: Options,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .wrap(DefaultHeaders::new().add(("X-Frame-Options", "DENY")))
        .wrap(from_fn(http::let_frame))
        .configure(move |services| {
            for (base, registry) in bases {
                let echo = EchoService { goes_away: base.goes_away };
                let endpoint = Rc::new(Endpoint::new(echo, registry, base.settings(options)));
                endpoint.configure(base.path, services);
            }
        })
}

#[derive(Clone, Copy)]
struct Base {
    path: &'static str,
    websocket: bool,
    cookie: bool,
    goes_away: bool,
    legacy_transports: bool,
}

impl Default for Base {
    fn default() -> Self {
        Self { path: "", websocket: true, cookie: false, goes_away: false, legacy_transports: true }
    }
}

impl Base {
    fn settings(self, options: Options) -> Settings {
        let Options { disconnect_delay, heartbeat_interval } = options;
        Settings {
            websocket: self.websocket,
            legacy_transports: self.legacy_transports,
            cookie: self.cookie,
            client_url: "https://cdn.jsdelivr.net/npm/sockjs-client@1.6.1/dist/sockjs.min.js".into(),
            timing: Timing { disconnect_delay, heartbeat_interval, stream_bytes_max: STREAM_BYTES_MAX },
            send_bytes_max: 256 * 1024,
            body_deadline: Duration::from_secs(10),
            stuck_after: Duration::from_secs(10),
        }
    }
}

struct EchoService {
    goes_away: bool,
}

impl Service for EchoService {
    type Session = Echo;

    fn check_origin(&self, request: &HttpRequest) -> Result<(), Refusal> {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let policy = OriginPolicy::new(vec![AllowedOrigin::Any], true);
        assert_eq!(policy.judge(text(ORIGIN), text(HOST)), Verdict::Allow);
        Ok(())
    }

    fn client_address(&self, request: &HttpRequest) -> IpAddr {
        request.peer_addr().expect("it came over a connection").ip()
    }

    fn open(
        &self,
        _request: &HttpRequest,
        _transport: Transport,
        _connection: connection::Connection,
    ) -> Result<Echo, Refusal> {
        Ok(Echo(RefCell::new(State { goes_away: self.goes_away, ..State::default() })))
    }

    fn refuse(&self, _request: &HttpRequest, refusal: &Refusal) -> HttpResponse {
        refusal.answer()
    }
}

/// A session that says back what it hears.
pub(crate) struct Echo(RefCell<State>);

#[derive(Default)]
struct State {
    queue: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    pongs: Vec<Vec<u8>>,
    goes_away: bool,
    close: Option<Close>,
    /// It has said so.
    has_closed: bool,
    /// Its client has, or is gone.
    peer_closed: bool,
    writer: Option<Waker>,
    reader: Option<Waker>,
}

impl Application for Echo {
    fn accepts_input(&self, reader: &Waker) -> bool {
        let mut state = self.0.borrow_mut();
        let accepts = state.queued_bytes < QUEUE_BYTES_MAX;
        if !accepts {
            state.reader = Some(reader.clone());
        }
        accepts
    }

    fn message_bytes_max(&self) -> Option<usize> {
        Some(QUEUE_BYTES_MAX)
    }

    fn receive(&self, _now: Instant, inbound: Inbound<'_>) {
        let mut state = self.0.borrow_mut();
        match inbound {
            Inbound::Data(message) => {
                state.queued_bytes += message.len();
                state.queue.push_back(message.to_vec());
            }
            Inbound::Ping(payload) => state.pongs.push(payload.to_vec()),
            Inbound::Pong => return,
            Inbound::Close(_) => {
                state.peer_closed = true;
                state.close.get_or_insert_with(|| Close::new(1000, ""));
            }
            Inbound::Fault(reason, _) => state.close = Some(Close::new(reason.code(), reason.text())),
            Inbound::Lost => (state.peer_closed, state.has_closed) = (true, true),
        }
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }

    fn poll_transmit(&self, _now: Instant, sink: &mut impl FrameSink, writer: &Waker) -> Output {
        let mut state = self.0.borrow_mut();
        if state.has_closed {
            state.writer = Some(writer.clone());
            return if state.peer_closed { Output::Finished } else { Output::Pending };
        }
        for payload in state.pongs.drain(..) {
            sink.pong(&payload);
        }
        while let Some(message) = state.queue.pop_front() {
            state.queued_bytes -= message.len();
            sink.frame(&[&message]);
        }
        if state.goes_away {
            state.close = Some(Close::new(3000, "Go away!"));
        }
        if let Some(Close { code, reason }) = &state.close {
            sink.close(*code, reason);
            state.has_closed = true;
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        if sink.is_empty() {
            state.writer = Some(writer.clone());
            return Output::Pending;
        }
        Output::Ready
    }

    fn note_written(&self, _now: Instant) {}

    fn note_taken(&self, _now: Instant) {}

    fn note_sent(&self, _bytes: usize) {}

    fn note_writes(&self, _count: u32) {}

    fn beats(&self) -> bool {
        false
    }

    fn closed(&self) -> Option<Close> {
        let state = self.0.borrow();
        (state.has_closed && state.peer_closed)
            .then(|| state.close.clone().unwrap_or_else(Close::interrupted))
    }

    fn end(&self, _now: Instant) {
        let mut state = self.0.borrow_mut();
        (state.peer_closed, state.has_closed) = (true, true);
    }
}
