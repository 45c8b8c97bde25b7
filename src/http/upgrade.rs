//! The upgrade to WebSocket, and who is refused before it.

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::Instant,
};

use actix_http::ws::handshake;
use actix_web::{
    HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    web,
};

use super::{AppState, api::shard};
use crate::{
    actors::{
        connection::Connection,
        websocket::{self, Framing},
    },
    origin::Verdict,
    stomp::SUBPROTOCOL,
    transport::{Transport, application::Application, socket::Socket},
};

/// Every label of a [`Refusal`].
pub(crate) const REFUSALS: [&str; 8] = [
    "origin",
    "not_ready",
    "draining",
    "connections",
    "handshake",
    "foreign_session",
    "too_many_sends",
    "send_too_big",
];

/// Why an upgrade, or a session by requests, is refused.
#[derive(Debug)]
pub struct Refusal {
    /// What is answered.
    pub status: StatusCode,
    /// One of a closed set, for metrics.
    pub label: &'static str,
    /// What is wrong, and what is allowed.
    pub detail: String,
}

/// Opens a session on a WebSocket.
pub(super) async fn websocket(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> HttpResponse {
    let open = |socket| shard(&request).open(Transport::Websocket, Connection::Socket(socket));
    let upgraded = check_origin(&request, &state)
        .and_then(|()| check_capacity(&state))
        .and_then(|()| upgrade(&request, payload, Framing::Plain, open));
    upgraded.unwrap_or_else(|refusal| refuse(&request, &state, &refusal))
}

/// The origin before anything else: whoever isn't let in learns nothing of the server.
pub(super) fn check_origin(request: &HttpRequest, state: &AppState) -> Result<(), Refusal> {
    let headers = request.headers();
    // A header that isn't text is somebody's, though nobody's that is allowed.
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or("?"));
    if state.origins.judge(text(header::ORIGIN), text(header::HOST)) == Verdict::Refuse {
        let origin = text(header::ORIGIN);
        let detail = match origin {
            Some(origin) => format!("origin {origin:.100?} is not allowed here"),
            None => "a request without an origin is not allowed here".to_owned(),
        };
        return Err(Refusal { status: StatusCode::FORBIDDEN, label: "origin", detail });
    }
    Ok(())
}

/// Whether there is room for one more session.
pub(super) fn check_capacity(state: &AppState) -> Result<(), Refusal> {
    if let Err(not_ready) = state.readiness.check() {
        let (label, detail) = (not_ready.label, not_ready.reason);
        return Err(Refusal { status: StatusCode::SERVICE_UNAVAILABLE, label, detail });
    }
    if state.open_sessions.load(Ordering::Relaxed) >= state.sessions_max {
        let detail = format!("there are {} sessions, the most allowed", state.sessions_max);
        return Err(Refusal { status: StatusCode::SERVICE_UNAVAILABLE, label: "connections", detail });
    }
    Ok(())
}

/// Upgrades the connection to a WebSocket for the session that `open` opens.
pub(super) fn upgrade<A: Application>(
    request: &HttpRequest,
    payload: web::Payload,
    framing: Framing,
    open: impl FnOnce(Socket) -> A,
) -> Result<HttpResponse, Refusal> {
    let bad_request =
        |detail: String| Refusal { status: StatusCode::BAD_REQUEST, label: "handshake", detail };
    let mut response = handshake(request.head()).map_err(|error| bad_request(error.to_string()))?;
    if framing == Framing::Plain && offers_subprotocol(request.headers()) {
        response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL));
    }
    let socket = request.conn_data::<Socket>().copied();
    let socket = socket.ok_or_else(|| bad_request("the connection has no socket".to_owned()))?;
    let body = websocket::serve(open(socket), framing, socket, payload);
    let response = response.message_body(body).map_err(|error| bad_request(error.to_string()))?;
    Ok(HttpResponse::from(response.map_body(|_, body| BoxBody::new(body.boxed()))))
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim() == SUBPROTOCOL)
}

/// The answer to a request that is refused, which is counted and, within reason, logged.
pub(super) fn refuse(request: &HttpRequest, state: &AppState, refusal: &Refusal) -> HttpResponse {
    let Refusal { status, label, detail } = refusal;
    state.metrics.sessions.refused.with_label_values(&[*label]).inc();
    let may_tell = state.refusal_log.lock().unwrap_or_else(PoisonError::into_inner).may_tell(Instant::now());
    if let Some(untold) = may_tell {
        let (client, status) = (request.peer_addr(), status.as_u16());
        tracing::info!(?client, status, reason = label, untold, "upgrade refused: {detail}");
    }
    let mut response = HttpResponse::build(*status);
    if *status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((header::RETRY_AFTER, 1));
    }
    response.content_type("text/plain; charset=utf-8").body(format!("{detail}\n"))
}
