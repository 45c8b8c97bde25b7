//! The upgrade to WebSocket, and who is refused before it.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::PoisonError,
    task::{Context, Poll},
    time::Instant,
};

use actix_http::ws::handshake;
use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    web,
};
use bytes::Bytes;

use super::{AppState, Place, api::shard, client_address};
use crate::{
    actors::shard::SessionBody, admission::Refused, origin::Verdict, stomp::Version,
    transport::socket::Socket,
};

/// Every label of a [`Refusal`].
pub(crate) const REFUSALS: [&str; 8] = [
    "origin",
    "not_ready",
    "draining",
    "handshake",
    Refused::ALL[0].label(),
    Refused::ALL[1].label(),
    Refused::ALL[2].label(),
    Refused::ALL[3].label(),
];

/// Why an upgrade is refused.
struct Refusal {
    status: StatusCode,
    /// One of a closed set, for metrics.
    label: &'static str,
    detail: String,
    /// When to ask again, where that's of use.
    retry_after_s: Option<u64>,
}

/// Opens a session on a WebSocket.
pub(super) async fn websocket(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> HttpResponse {
    match check(&request, &state).and_then(|()| upgrade(&request, payload, &state)) {
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
        return Err(Refusal { status: StatusCode::FORBIDDEN, label: "origin", detail, retry_after_s: None });
    }
    if let Err(not_ready) = state.readiness.check() {
        return Err(Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            label: not_ready.label,
            detail: not_ready.reason,
            retry_after_s: Some(1),
        });
    }
    Ok(())
}

fn upgrade(request: &HttpRequest, payload: web::Payload, state: &AppState) -> Result<HttpResponse, Refusal> {
    let bad_request = |detail: String| Refusal {
        status: StatusCode::BAD_REQUEST,
        label: "handshake",
        detail,
        retry_after_s: None,
    };
    let mut response = handshake(request.head()).map_err(|error| bad_request(error.to_string()))?;
    if let Some(subprotocol) = subprotocol(request.headers()) {
        response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, subprotocol));
    }
    let socket = request.conn_data::<Socket>().cloned();
    let socket = socket.ok_or_else(|| bad_request("the connection has no socket".to_owned()))?;
    let place = state.places.take(client_address(request)).map_err(|(refused, retry_after_s)| Refusal {
        status: StatusCode::SERVICE_UNAVAILABLE,
        label: refused.label(),
        detail: refused.to_string(),
        retry_after_s: Some(retry_after_s),
    })?;
    let body = Seated { session: shard(request).open(socket, payload), _place: place };
    let response = response.message_body(body).map_err(|error| bad_request(error.to_string()))?;
    Ok(HttpResponse::from(response.map_body(|_, body| BoxBody::new(body.boxed()))))
}

/// The highest that both know. Which version is spoken is decided by CONNECT all the same.
fn subprotocol(headers: &HeaderMap) -> Option<&'static str> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    Version::highest_subprotocol(offered.filter_map(|value| value.to_str().ok()))
}

/// A session that has its place until it's over.
struct Seated {
    session: SessionBody,
    _place: Place,
}

impl MessageBody for Seated {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.session.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().session).poll_next(context)
    }
}

fn refuse(request: &HttpRequest, state: &AppState, refusal: &Refusal) -> HttpResponse {
    let Refusal { status, label, detail, retry_after_s } = refusal;
    state.metrics.sessions.refused.with_label_values(&[*label]).inc();
    let may_tell = state.refusal_log.lock().unwrap_or_else(PoisonError::into_inner).may_tell(Instant::now());
    if let Some(untold) = may_tell {
        let (client, status) = (client_address(request), status.as_u16());
        // Then the client's address is the proxy's, and all its clients share one address's limits.
        let unknown_proxy = !state.proxies.trusts(client)
            && request.headers().contains_key(state.proxies.header.name())
            && request.peer_addr().is_some_and(|peer| peer.ip().to_canonical() == client);
        tracing::info!(%client, unknown_proxy, status, reason = label, untold, "upgrade refused: {detail}");
    }
    let mut response = HttpResponse::build(*status);
    if let Some(retry_after_s) = retry_after_s {
        response.insert_header((header::RETRY_AFTER, *retry_after_s));
    }
    response.content_type("text/plain; charset=utf-8").body(format!("{detail}\n"))
}
