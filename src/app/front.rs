//! The front door: what happens to an accepted connection before a request is read from it, and how
//! requests come to the handlers.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::{
    HttpService, Protocol,
    error::{DispatchError, ParseError},
};
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App,
    dev::{AppConfig, Extensions, Server, Service},
    middleware::{DefaultHeaders, from_fn},
    web,
};
use tokio::{net::TcpStream, time::timeout};

use super::handshake::Handshake;
use crate::{
    actors::shard::ShardActor,
    http::{self, AppState, StompBases},
    metrics::ConnectionMetrics,
    transport::{
        connection::{Accepted, Connection},
        socket::Socket,
        tls::Certificates,
        turns::Turns,
        waiting::Waiting,
    },
};

/// Connections a worker has beside its sessions: pages, health checks, scrapes, and those whose request
/// is on its way. 20,000 clients that come within 5 s, each for the 300 ms of three round trips, are
/// 1,200 at a time.
///
/// One that has said nothing takes 4 KiB, one that has begun a request 13 KiB, with a head as long as it
/// may be 50 KiB, and one in a TLS handshake 11 KiB, with a first message as long as it may be 33 KiB,
/// measured: 200 MiB for each worker at most.
const OTHER_CONNECTIONS_MAX: usize = 4096;

/// TLS handshakes that a worker thread makes in a second, and at once after a pause. One takes 0.4 ms with
/// an ECDSA key, 0.9 ms with RSA of 2048 bits, measured: a flood of them leaves its sessions more than half
/// of the thread with the one, and a tenth with the other. 20,000 clients that come back together to two workers take 10 s.
///
/// Those who wait for theirs are among [`OTHER_CONNECTIONS_MAX`]; a place in the queue takes 500 bytes at
/// most, each of an address of its own: 2 MiB.
const HANDSHAKES_PER_S: u32 = 1000;
const HANDSHAKE_BURST: u32 = 100;

/// What each worker thread keeps of connections that have no session.
#[derive(Debug)]
struct Hall {
    waiting: Waiting,
    handshakes: Turns,
}

/// What becomes a client's connection.
#[derive(Debug)]
pub(super) struct Front {
    /// None without TLS.
    pub(super) certificates: Option<Arc<Certificates>>,
    /// For the TLS handshake, and for each request's head and body.
    pub(super) request_deadline: Duration,
    /// For an answer's bytes to be taken.
    pub(super) send_deadline: Duration,
    /// See [`Socket::prepare`].
    pub(super) socket_send_lowat_bytes: u32,
    /// What SockJS is served at.
    pub(super) sockjs: StompBases,
    /// What is counted.
    pub(super) metrics: ConnectionMetrics,
}

impl Front {
    /// Starts the worker threads; each calls `start_shard` once.
    pub(super) fn serve(
        self,
        listener: TcpListener,
        workers: usize,
        sessions_max: usize,
        state: web::Data<AppState>,
        start_shard: impl Fn() -> ShardActor + Clone + Send + 'static,
    ) -> io::Result<Server> {
        let front = Arc::new(self);
        let server = Server::build()
            .workers(workers)
            .disable_signals()
            // Sessions are counted, and refused with an answer, where they begin; those on WebSockets leave actix
            // then. What has no session is bounded by the hall. This is where the accepting stops if all that is left
            // are sessions by requests.
            .max_concurrent_connections(sessions_max + OTHER_CONNECTIONS_MAX)
            .shutdown_timeout(1)
            .listen("http", listener, move || {
                let application = application(start_shard(), state.clone(), front.sockjs.clone());
                let http = HttpService::build()
                    .client_request_timeout(front.request_deadline)
                    // The body of a response is asked for more only when all before is in the kernel.
                    .h1_write_buffer_size(1)
                    // A client that has gone is noticed while its answer waits: nobody else tells that a
                    // poll's has.
                    .h1_allow_half_closed(false)
                    .on_connect_ext(|connection: &Connection, extensions: &mut Extensions| {
                        extensions.insert(connection.socket().clone());
                    })
                    .finish(map_config(application, |()| AppConfig::default()));
                let (front, metrics) = (Arc::clone(&front), front.metrics.clone());
                let hall = Rc::new(Hall {
                    waiting: Waiting::new(OTHER_CONNECTIONS_MAX),
                    handshakes: Turns::new(HANDSHAKES_PER_S, HANDSHAKE_BURST),
                });
                // Boxed: what a handshake needs isn't kept with the connection.
                fn_service(move |stream| Box::pin(Arc::clone(&front).open(stream, Rc::clone(&hall))))
                    .and_then(http)
                    .map_err(move |error| count(&metrics, error))
            })?;
        Ok(server.run())
    }

    async fn open(
        self: Arc<Self>,
        stream: TcpStream,
        hall: Rc<Hall>,
    ) -> Result<(Connection, Protocol, Option<SocketAddr>), DispatchError> {
        let peer = stream.peer_addr()?;
        let ownership = Socket::prepare(&stream, self.socket_send_lowat_bytes, self.send_deadline);
        let crowded_out = hall.waiting.enter(ownership.socket().clone());
        self.metrics.refused.with_label_values(&["crowded_out"]).inc_by(crowded_out);
        let deadline = self.request_deadline;
        let accepted = Accepted::new(ownership, deadline, &self.metrics);
        let late = |reason| {
            accepted.count_refusal(reason);
            DispatchError::SlowRequestTimeout
        };
        let connection = match &self.certificates {
            None => {
                // Who says nothing is to cost no more than a socket.
                timeout(deadline, stream.readable()).await.map_err(|_| late("request_deadline"))??;
                Connection::plain(stream, accepted)
            }
            Some(certificates) => {
                let handshake = Handshake {
                    certificates,
                    turns: &hall.handshakes,
                    // The other half is for what it takes the client.
                    turn_deadline: deadline / 2,
                    metrics: &self.metrics,
                };
                let shaken = timeout(deadline, handshake.make(stream, peer.ip())).await;
                Connection::tls(shaken.map_err(|_| late("tls_deadline"))??, accepted)
            }
        };
        Ok((connection, Protocol::Http1, Some(peer)))
    }
}

fn application(
    shard: ShardActor,
    state: web::Data<AppState>,
    sockjs: StompBases,
) -> App<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(shard.clone())
        .app_data(state.clone())
        .wrap(
            DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")).add(("X-Frame-Options", "DENY")),
        )
        .wrap_fn(|request, service| {
            let socket = request.request().conn_data::<Socket>().cloned();
            if let Some(socket) = &socket {
                socket.note_request();
            }
            let answer = service.call(request);
            async move {
                let answer = answer.await;
                if let Some(socket) = socket {
                    socket.note_answer();
                }
                answer
            }
        })
        .wrap(from_fn(http::let_frame))
        .configure(move |services| sockjs.configure(&shard, &state, services))
        .configure(http::configure)
}

/// Counts requests that actix refused before any handler saw them.
fn count(metrics: &ConnectionMetrics, error: DispatchError) -> DispatchError {
    if let DispatchError::Parse(error) = &error {
        let label = if matches!(error, ParseError::TooLarge) { "head_too_big" } else { "malformed" };
        metrics.refused.with_label_values(&[label]).inc();
    }
    error
}
