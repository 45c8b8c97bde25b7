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
use crate::{origin::Verdict, stomp::Version, transport::socket::Socket};

/// Every label of a [`Refusal`].
pub(crate) const REFUSALS: [&str; 5] = ["origin", "not_ready", "draining", "connections", "handshake"];

/// Why an upgrade is refused.
struct Refusal {
    status: StatusCode,
    /// One of a closed set, for metrics.
    label: &'static str,
    detail: String,
}

/// Opens a session on a WebSocket.
pub(super) async fn websocket(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> HttpResponse {
    match check(&request, &state).and_then(|()| upgrade(&request, payload)) {
        Ok(response) => response,
        Err(refusal) => refuse(&request, &state, &refusal),
    }
}

/// The origin before anything else: whoever isn't let in learns nothing of the server.
fn check(request: &HttpRequest, state: &AppState) -> Result<(), Refusal> {
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

fn upgrade(request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Refusal> {
    let bad_request =
        |detail: String| Refusal { status: StatusCode::BAD_REQUEST, label: "handshake", detail };
    let mut response = handshake(request.head()).map_err(|error| bad_request(error.to_string()))?;
    if let Some(subprotocol) = subprotocol(request.headers()) {
        response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, subprotocol));
    }
    let socket = request.conn_data::<Socket>().copied();
    let socket = socket.ok_or_else(|| bad_request("the connection has no socket".to_owned()))?;
    let body = shard(request).open(socket, payload);
    let response = response.message_body(body).map_err(|error| bad_request(error.to_string()))?;
    Ok(HttpResponse::from(response.map_body(|_, body| BoxBody::new(body.boxed()))))
}

/// The highest that both know. Which version is spoken is decided by CONNECT all the same.
fn subprotocol(headers: &HeaderMap) -> Option<&'static str> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    Version::highest_subprotocol(offered.filter_map(|value| value.to_str().ok()))
}

fn refuse(request: &HttpRequest, state: &AppState, refusal: &Refusal) -> HttpResponse {
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
