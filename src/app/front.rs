//! The front door: what happens to an accepted connection before a request is read from it, and how
//! requests come to the handlers.

use std::{
    io,
    net::{SocketAddr, TcpListener},
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
    dev::{AppConfig, Extensions, Payload, Server, Service},
    middleware::DefaultHeaders,
    web,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::server::TlsStream;

use crate::{
    actors::shard::ShardActor,
    http::{self, AppState},
    metrics::ConnectionMetrics,
    transport::{connection::Connection, socket::Socket, tls::Certificates},
};

/// Connections a worker has beside its sessions: pages, health checks, scrapes.
const OTHER_CONNECTIONS_MAX: usize = 1024;

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
            // Sessions are counted, and refused with an answer, where they begin. This bounds what
            // comes before: connections that ask for something else, or for nothing.
            .max_concurrent_connections(sessions_max + OTHER_CONNECTIONS_MAX)
            .shutdown_timeout(1)
            .listen("http", listener, move || {
                let application = application(start_shard(), state.clone());
                let http = HttpService::build()
                    .client_request_timeout(front.request_deadline)
                    // The body of a response is asked for more only when all before is in the kernel.
                    .h1_write_buffer_size(1)
                    .on_connect_ext(|connection: &Connection, extensions: &mut Extensions| {
                        extensions.insert(connection.socket().clone());
                    })
                    .finish(map_config(application, |()| AppConfig::default()));
                let (front, metrics) = (Arc::clone(&front), front.metrics.clone());
                fn_service(move |stream: TcpStream| Arc::clone(&front).open(stream))
                    .and_then(http)
                    .map_err(move |error| count(&metrics, error))
            })?;
        Ok(server.run())
    }

    async fn open(
        self: Arc<Self>,
        stream: TcpStream,
    ) -> Result<(Connection, Protocol, Option<SocketAddr>), DispatchError> {
        let peer = stream.peer_addr()?;
        let socket = Socket::prepare(&stream, self.socket_send_lowat_bytes, self.send_deadline);
        let (deadline, metrics) = (self.request_deadline, self.metrics.clone());
        let connection = match &self.certificates {
            None => Connection::plain(stream, socket, deadline, metrics),
            Some(certificates) => {
                let stream = self.shake_hands(certificates, stream).await?;
                Connection::tls(stream, socket, deadline, metrics)
            }
        };
        Ok((connection, Protocol::Http1, Some(peer)))
    }

    async fn shake_hands(
        &self,
        certificates: &Certificates,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, DispatchError> {
        let refuse = |label| self.metrics.refused.with_label_values(&[label]).inc();
        match timeout(self.request_deadline, accept(certificates, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                refuse("tls_handshake");
                Err(error.into())
            }
            Err(_) => {
                refuse("tls_deadline");
                Err(DispatchError::SlowRequestTimeout)
            }
        }
    }
}

async fn accept(certificates: &Certificates, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 37\r\nConnection: close\r\n\r\nthis port speaks TLS: ask for https:\n";
    let mut first = [0];
    // A handshake begins with 22 (RFC 8446 §5.1), a request with a letter.
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic() {
        // A connection that is closed while bytes wait to be read is reset, and its answer lost.
        let _ = stream.try_read(&mut [0; 4096])?;
        stream.write_all(PLAIN).await?;
        return Err(io::Error::other("the client speaks plain HTTP"));
    }
    certificates.acceptor().accept(stream).await
}

fn application(
    shard: ShardActor,
    state: web::Data<AppState>,
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
        .app_data(shard)
        .app_data(state)
        .wrap(
            DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")).add(("X-Frame-Options", "DENY")),
        )
        .wrap_fn(|request, service| {
            let socket = request.request().conn_data::<Socket>().cloned();
            if let Some(socket) = &socket {
                socket.note_request(!matches!(request.parts().1, Payload::None));
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
