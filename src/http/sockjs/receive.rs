//! Requests that receive: each is the receiver of its session until its answer ends.

use std::{future::poll_fn, rc::Rc, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::Version, rt, web};

use super::{Endpoint, Service, Settings, headers};
use crate::{
    actors::{
        connection::Connection,
        sockjs::{AnswerBody, Claim, Command, Entry, Home},
    },
    http::{framing::MayBeFramed, upgrade::Refusal},
    sockjs::{Callback, CallbackError, Framing, Lasting},
    transport::{
        Transport,
        exchange::{Receiver, exchange},
        socket::Socket,
    },
};

/// How an answer is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
}

impl<S: Service> Endpoint<S> {
    pub(super) async fn receive(
        &self,
        request: &HttpRequest,
        session: &str,
        form: Form,
    ) -> Result<HttpResponse, Refusal> {
        let framing = match form.framing(request) {
            Ok(framing) => framing,
            Err(error) => return Ok(self.fault(request, &error.to_string())),
        };
        let socket = request.conn_data::<Socket>().cloned();
        // A session may be forgotten between the look and the word: then there is a new one.
        let receiver = loop {
            let Some(entry) = self.session(request, session, form.transport())? else {
                return Ok(self.foreign(request, session));
            };
            let (supply, receiver) = exchange(socket.as_ref().map(Socket::handle));
            if entry.command(Command::Attach(supply, framing.clone())).await.is_ok() {
                break receiver;
            }
        };
        Ok(self.answer_with(request, &framing, receiver, socket).await)
    }

    /// The session of this name, opened if there is none; `None` if it's somebody else's.
    fn session(
        &self,
        request: &HttpRequest,
        session: &str,
        transport: Transport,
    ) -> Result<Option<Arc<Entry>>, Refusal> {
        let address = self.service.client_address(request);
        if let Ok(entry) = self.registry.find(session, address) {
            return Ok(Some(entry));
        }
        let answers = Rc::default();
        let open = || self.service.open(request, transport, Connection::Answers(Rc::clone(&answers)));
        match self.registry.claim(session, address, open)? {
            Claim::Known(entry) => Ok(Some(entry)),
            Claim::New(entry, registration, opened) => {
                let Settings { timing, stuck_after, .. } = self.settings;
                rt::spawn(Home::keep(registration, opened, answers, timing, stuck_after));
                Ok(Some(entry))
            }
            Claim::Foreign => Ok(None),
            Claim::Full => {
                Err(Refusal::for_now("connections", "there are as many SockJS sessions as may be", 1))
            }
        }
    }

    async fn answer_with(
        &self,
        request: &HttpRequest,
        framing: &Framing,
        receiver: Receiver,
        socket: Option<Socket>,
    ) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        headers::not_cached(&mut response);
        response.content_type(framing.content_type());
        if matches!(framing, Framing::HtmlFile(_)) {
            // It stands in a frame of the iframe page, which stands in one of another site: browsers
            // hold "SAMEORIGIN" against all that are around it.
            response.extensions_mut().insert(MayBeFramed);
        }
        let is_old = request.version() < Version::HTTP_11;
        let body = match (framing.lasting(), socket) {
            (Lasting::ManyFrames, Some(socket)) => {
                if is_old {
                    // Its end is the connection's: HTTP/1.0 knows no chunks.
                    response.force_close();
                }
                AnswerBody::stream(framing.prelude(), receiver, socket, self.settings.stuck_after)
            }
            _ => {
                let chunk = poll_fn(|context| receiver.poll_chunk(context)).await;
                AnswerBody::whole(chunk.unwrap_or_default(), receiver)
            }
        };
        let mut response = response.body(body);
        if is_old {
            response.head_mut().no_chunking(true);
        }
        self.about_session(request, &mut response);
        response
    }

    /// A client's mistake, with the status that the protocol has for it.
    pub(super) fn fault(&self, request: &HttpRequest, text: &str) -> HttpResponse {
        let mut response = HttpResponse::InternalServerError();
        headers::not_cached(&mut response);
        let mut response = response.content_type("text/plain; charset=UTF-8").body(format!("{text}\n"));
        self.about_session(request, &mut response);
        response
    }
}

impl Form {
    const fn transport(self) -> Transport {
        match self {
            Self::Xhr => Transport::Xhr,
            Self::XhrStreaming => Transport::XhrStreaming,
            Self::EventSource => Transport::EventSource,
            Self::HtmlFile => Transport::HtmlFile,
            Self::Jsonp => Transport::Jsonp,
        }
    }

    fn framing(self, request: &HttpRequest) -> Result<Framing, CallbackError> {
        match self {
            Self::Xhr => Ok(Framing::Poll),
            Self::XhrStreaming => Ok(Framing::Stream),
            Self::EventSource => Ok(Framing::EventSource),
            Self::HtmlFile => callback(request).map(Framing::HtmlFile),
            Self::Jsonp => callback(request).map(Framing::Jsonp),
        }
    }
}

fn callback(request: &HttpRequest) -> Result<Callback, CallbackError> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let pairs = query.map(web::Query::into_inner).unwrap_or_default();
    let named = pairs.iter().find(|(name, _)| name == "c" || name == "callback");
    Callback::parse(named.map(|(_, value)| value.as_str()))
}
