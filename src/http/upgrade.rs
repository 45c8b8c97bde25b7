//! The upgrade to WebSocket, and who is refused before it.

use std::{sync::PoisonError, time::Instant};

use actix_http::ws::handshake_response;
use actix_web::{
    HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    web,
};

use super::{AppState, api::shard, client_address, handshake};
use crate::{
    actors::{
        connection::Connection,
        places::Place,
        websocket::{self, Framing},
    },
    admission::Refused,
    origin::Verdict,
    stomp::Version,
    transport::{Transport, application::Application, socket::Socket},
};

/// Every label of a [`Refusal`].
pub(crate) const REFUSALS: [&str; 11] = [
    "origin",
    "not_ready",
    "draining",
    "handshake",
    "foreign_session",
    "too_many_sends",
    "send_too_big",
    Refused::ALL[0].label(),
    Refused::ALL[1].label(),
    Refused::ALL[2].label(),
    Refused::ALL[3].label(),
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
    /// In how many seconds to ask again, where that's of use.
    pub retry_after_s: Option<u64>,
}

impl Refusal {
    /// What is asked for can't be had, now or later.
    pub(super) fn new(status: StatusCode, label: &'static str, detail: impl Into<String>) -> Self {
        Self { status, label, detail: detail.into(), retry_after_s: None }
    }

    /// It may be had in so many seconds.
    pub(super) fn for_now(label: &'static str, detail: impl Into<String>, retry_after_s: u64) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self { status, label, detail: detail.into(), retry_after_s: Some(retry_after_s) }
    }

    /// The answer that says so.
    #[must_use]
    pub fn answer(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(retry_after_s) = self.retry_after_s {
            response.insert_header((header::RETRY_AFTER, retry_after_s));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            // To what (RFC 9110 §15.5.22), and which version would do (RFC 6455 §4.2.2).
            response
                .insert_header((header::UPGRADE, "websocket"))
                .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
                .force_close();
        }
        response.content_type("text/plain; charset=utf-8").body(format!("{}\n", self.detail))
    }
}

/// Opens a session on a WebSocket.
pub(super) async fn websocket(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> HttpResponse {
    let open = |socket| {
        let place = take_place(&request, &state)?;
        Ok(shard(&request).open(Transport::Websocket, Connection::Socket(socket), place))
    };
    let upgraded =
        check_origin(&request, &state).and_then(|()| upgrade(&request, payload, Framing::Plain, open));
    upgraded.unwrap_or_else(|refusal| refuse(&request, &state, &refusal))
}

/// The origin before anything else: whoever isn't let in learns nothing of the server.
pub(super) fn check_origin(request: &HttpRequest, state: &AppState) -> Result<(), Refusal> {
    let headers = request.headers();
    // A header that isn't text is somebody's, though nobody's that is allowed.
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or("?"));
    if state.origins.judge(text(header::ORIGIN), text(header::HOST)) == Verdict::Refuse {
        let detail = match text(header::ORIGIN) {
            Some(origin) => format!("origin {origin:.100?} is not allowed here"),
            None => "a request without an origin is not allowed here".to_owned(),
        };
        return Err(Refusal::new(StatusCode::FORBIDDEN, "origin", detail));
    }
    Ok(())
}

/// Takes a place for one more session, if the server is ready for any.
pub(super) fn take_place(request: &HttpRequest, state: &AppState) -> Result<Place, Refusal> {
    if let Err(not_ready) = state.readiness.check() {
        return Err(Refusal::for_now(not_ready.label, not_ready.reason, 1));
    }
    let taken = state.places.take(client_address(request));
    taken.map_err(|(refused, retry_after_s)| {
        Refusal::for_now(refused.label(), refused.to_string(), retry_after_s)
    })
}

/// Upgrades the connection to a WebSocket for the session that `open` opens.
pub(super) fn upgrade<A: Application>(
    request: &HttpRequest,
    payload: web::Payload,
    framing: Framing,
    open: impl FnOnce(Socket) -> Result<A, Refusal>,
) -> Result<HttpResponse, Refusal> {
    handshake::verify(request.head())?;
    let mut response = handshake_response(request.head());
    if framing == Framing::Plain
        && let Some(subprotocol) = subprotocol(request.headers())
    {
        response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, subprotocol));
    }
    let malformed = |detail: String| Refusal::new(StatusCode::BAD_REQUEST, "handshake", detail);
    let socket = request.conn_data::<Socket>().cloned();
    let socket = socket.ok_or_else(|| malformed("the connection has no socket".to_owned()))?;
    let leaving = websocket::serve(open(socket.clone())?, framing, socket, payload);
    let response = response.message_body(leaving).map_err(|error| malformed(error.to_string()))?;
    Ok(HttpResponse::from(response.map_body(|_, body| BoxBody::new(body.boxed()))))
}

/// The highest that both know. Which version is spoken is decided by CONNECT all the same.
fn subprotocol(headers: &HeaderMap) -> Option<&'static str> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    Version::highest_subprotocol(offered.filter_map(|value| value.to_str().ok()))
}

/// The answer to a request that is refused, which is counted and, within reason, logged.
pub(super) fn refuse(request: &HttpRequest, state: &AppState, refusal: &Refusal) -> HttpResponse {
    let Refusal { status, label, detail, .. } = refusal;
    state.metrics.sessions.refused.with_label_values(&[*label]).inc();
    let may_tell = state.refusal_log.lock().unwrap_or_else(PoisonError::into_inner).may_tell(Instant::now());
    if let Some(untold) = may_tell {
        let (client, status) = (client_address(request), status.as_u16());
        // Then the client's address is the proxy's, and all its clients share one address's limits.
        let unknown_proxy = !state.proxies.trusts(client)
            && request.headers().contains_key(state.proxies.header.name())
            && request.peer_addr().is_some_and(|peer| peer.ip().to_canonical() == client);
        tracing::info!(%client, unknown_proxy, status, reason = label, untold, "session refused: {detail}");
    }
    refusal.answer()
}
