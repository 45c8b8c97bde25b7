//! SockJS over HTTP: what is below a base; protocol 0.3.3, contract §4 and §6.
//!
//! [`Endpoint`] is one base. It's told what is behind it by a [`Service`]: sessions of any kind.

mod headers;
mod pages;
mod receive;
mod send;

use core::net::IpAddr;
use std::{rc::Rc, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode, header},
    web,
};

use super::upgrade::{Refusal, upgrade};
use crate::{
    actors::{connection::Connection, sockjs::Registry, websocket::Framing},
    sockjs::{Endpoint as Asked, Route, Timing},
    transport::{Transport, application::Application},
};

/// What is behind a base.
pub trait Service: 'static {
    /// Its sessions.
    type Session: Application;

    /// Whether the page that asks may.
    ///
    /// # Errors
    /// Why not.
    fn check_origin(&self, request: &HttpRequest) -> Result<(), Refusal>;

    /// Where who asks is.
    fn client_address(&self, request: &HttpRequest) -> IpAddr;

    /// Opens a session for who asks.
    ///
    /// # Errors
    /// Why there is no room for one more.
    fn open(
        &self,
        request: &HttpRequest,
        transport: Transport,
        connection: Connection,
    ) -> Result<Self::Session, Refusal>;

    /// The answer to a request that is refused.
    fn refuse(&self, request: &HttpRequest, refusal: &Refusal) -> HttpResponse;
}

/// What is configured about a base.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether there are WebSockets.
    pub websocket: bool,
    /// Whether there is what today's browsers don't need: the iframe page, htmlfile and JSONP.
    pub legacy_transports: bool,
    /// Whether load balancers are given a cookie to know a session's requests by.
    pub cookie: bool,
    /// Where the iframe page has sockjs-client from.
    pub client_url: Arc<str>,
    /// How long things last.
    pub timing: Timing,
    /// Bytes of the body of a request that sends.
    pub send_bytes_max: usize,
    /// How long such a body may take.
    pub body_deadline: Duration,
    /// After what time the kernel ends connections that take nothing.
    pub stuck_after: Duration,
}

/// A base, on one worker thread.
#[derive(Debug)]
pub struct Endpoint<S> {
    service: S,
    registry: Arc<Registry>,
    settings: Settings,
}

impl<S: Service> Endpoint<S> {
    /// A base whose sessions are known to all threads by `registry`.
    pub const fn new(service: S, registry: Arc<Registry>, settings: Settings) -> Self {
        Self { service, registry, settings }
    }

    /// Puts it at `base`, a path such as `/sockjs`.
    pub fn configure(self: &Rc<Self>, base: &str, services: &mut web::ServiceConfig) {
        let endpoint = Rc::clone(self);
        let answer = move |request: HttpRequest, payload: web::Payload| {
            let endpoint = Rc::clone(&endpoint);
            async move { endpoint.answer(request, payload).await }
        };
        services.service(web::resource([base.to_owned(), format!("{base}/{{tail:.*}}")]).to(answer));
    }

    async fn answer(&self, request: HttpRequest, payload: web::Payload) -> HttpResponse {
        let mut response = match self.dispatch(&request, payload).await {
            Ok(response) => response,
            Err(refusal) => {
                let mut response = self.service.refuse(&request, &refusal);
                // A page that is let in has to be able to read why it's refused something else.
                if refusal.status != StatusCode::FORBIDDEN {
                    headers::allow_origin(&request, response.headers_mut());
                }
                response
            }
        };
        headers::vary_by_origin(response.headers_mut());
        response
    }

    async fn dispatch(&self, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Refusal> {
        // Before anything else: whoever isn't let in learns nothing.
        self.service.check_origin(request)?;
        let tail = request.match_info().get("tail").unwrap_or_default().to_owned();
        let Some(route) = Route::parse(&tail).filter(|route| self.has(*route)) else {
            return Ok(not_found(request));
        };
        if !route.methods().contains(&request.method().as_str()) {
            let allow = route.methods().join(", ");
            return Ok(HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allow)).finish());
        }
        if request.method() == Method::OPTIONS {
            return Ok(self.preflight(request, route));
        }
        match route {
            Route::Greeting => Ok(pages::greeting()),
            Route::Info => Ok(self.info(request)),
            Route::Iframe => Ok(self.iframe(request)),
            Route::RawWebsocket => self.websocket(request, payload, Framing::Plain),
            Route::Session { session, endpoint } => match endpoint {
                Asked::Websocket => self.websocket(request, payload, Framing::Sockjs),
                Asked::XhrSend => self.send(request, payload, session, send::Form::Xhr).await,
                Asked::JsonpSend => self.send(request, payload, session, send::Form::Jsonp).await,
                Asked::Xhr => self.receive(request, session, receive::Form::Xhr).await,
                Asked::XhrStreaming => self.receive(request, session, receive::Form::XhrStreaming).await,
                Asked::EventSource => self.receive(request, session, receive::Form::EventSource).await,
                Asked::HtmlFile => self.receive(request, session, receive::Form::HtmlFile).await,
                Asked::Jsonp => self.receive(request, session, receive::Form::Jsonp).await,
            },
        }
    }

    const fn has(&self, route: Route<'_>) -> bool {
        (self.settings.websocket || !route.is_websocket())
            && (self.settings.legacy_transports || !route.is_legacy())
    }

    fn websocket(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        framing: Framing,
    ) -> Result<HttpResponse, Refusal> {
        let transport = match framing {
            Framing::Plain => Transport::Websocket,
            Framing::Sockjs => Transport::SockjsWebsocket,
        };
        upgrade(request, payload, framing, |socket| {
            self.service.open(request, transport, Connection::Socket(socket))
        })
    }

    /// A session of this name is known, but not to this client: as good as none. Only the operator is told.
    fn foreign(&self, request: &HttpRequest, session: &str) -> HttpResponse {
        let detail = format!("session {session:.40?} is not of {}", self.service.client_address(request));
        let refusal = Refusal::new(StatusCode::NOT_FOUND, "foreign_session", detail);
        drop(self.service.refuse(request, &refusal));
        not_found(request)
    }
}

fn not_found(request: &HttpRequest) -> HttpResponse {
    let mut response =
        HttpResponse::NotFound().content_type("text/plain; charset=UTF-8").body("404 Not Found\n");
    headers::allow_origin(request, response.headers_mut());
    response
}
