//! Requests that send: `xhr_send` and `jsonp_send`.
//!
//! One of a session has its body read and its messages taken at a time; a few more wait on their connections, and
//! nothing of them is read. While the session takes nothing, neither does its sender get an answer.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{StatusCode, header::CONTENT_LENGTH},
    rt::time::timeout,
    web,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::oneshot;

use super::{Endpoint, Service, headers, not_found};
use crate::{
    actors::sockjs::{Command, Outcome, TooManySends, Unfound},
    http::upgrade::Refusal,
    sockjs::{Malformed, Messages},
};

/// How messages are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// The body is the array.
    Xhr,
    /// So it is, or a form's field `d`.
    Jsonp,
}

impl<S: Service> Endpoint<S> {
    pub(super) async fn send(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        session: &str,
        form: Form,
    ) -> Result<HttpResponse, Refusal> {
        let entry = match self.registry.find(session, self.service.client_address(request)) {
            Ok(entry) => entry,
            Err(Unfound::Unknown) => return Ok(not_found(request)),
            Err(Unfound::Foreign) => return Ok(self.foreign(request, session)),
        };
        let turn = entry.turn().await.map_err(|TooManySends| {
            let detail = "too many requests of this session wait for others that send";
            Refusal::for_now("too_many_sends", detail, 1)
        })?;
        let Some(body) = self.read(request, payload).await? else {
            return Ok(HttpResponse::BadRequest().force_close().finish());
        };
        let messages = match form.messages(request, &body) {
            Ok(messages) => messages,
            Err(error) => return Ok(self.fault(request, &error.to_string())),
        };
        let (done, outcome) = oneshot::channel();
        let sent = entry.command(Command::Send { messages, done, turn }).await;
        match (sent, outcome.await) {
            (Ok(()), Ok(Outcome::Taken)) => Ok(self.taken(request, form)),
            _ => Ok(not_found(request)),
        }
    }

    fn taken(&self, request: &HttpRequest, form: Form) -> HttpResponse {
        let mut response = match form {
            Form::Xhr => HttpResponse::NoContent(),
            // "Konqueror does weird things on 204."
            Form::Jsonp => HttpResponse::Ok(),
        };
        headers::not_cached(&mut response);
        // Firefox takes an answer without a type for XML, 204 or not.
        response.content_type("text/plain; charset=UTF-8");
        let mut response = match form {
            Form::Xhr => response.finish(),
            Form::Jsonp => response.body("ok"),
        };
        self.about_session(request, &mut response);
        response
    }

    /// The body; `None` if it broke off.
    async fn read(&self, request: &HttpRequest, payload: web::Payload) -> Result<Option<Bytes>, Refusal> {
        let bytes_max = self.settings.send_bytes_max;
        let too_big = || {
            let detail = format!("a request may send {bytes_max} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "send_too_big", detail)
        };
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let declared = declared.and_then(|length| length.parse::<u64>().ok());
        if declared.is_some_and(|length| length > bytes_max as u64) {
            return Err(too_big());
        }
        match timeout(self.settings.body_deadline, read_up_to(payload, bytes_max)).await {
            Ok(Ok(body)) => Ok(Some(body)),
            Ok(Err(Unread::TooBig)) => Err(too_big()),
            Ok(Err(Unread::Broken)) | Err(_) => Ok(None),
        }
    }
}

/// Why there is no body.
enum Unread {
    TooBig,
    Broken,
}

async fn read_up_to(mut payload: web::Payload, bytes_max: usize) -> Result<Bytes, Unread> {
    let mut body = BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| Unread::Broken)?;
        if body.len() + piece.len() > bytes_max {
            return Err(Unread::TooBig);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

impl Form {
    fn messages(self, request: &HttpRequest, body: &[u8]) -> Result<Messages, Malformed> {
        if matches!(self, Self::Jsonp) && request.content_type() == "application/x-www-form-urlencoded" {
            let text = str::from_utf8(body).map_err(|_| Malformed::Broken)?;
            let fields = web::Query::<Vec<(String, String)>>::from_query(text)
                .map_err(|_| Malformed::Broken)?
                .into_inner();
            let field = fields.iter().find(|(name, _)| name == "d");
            return Messages::parse_array(field.map_or(&[][..], |(_, value)| value.as_bytes()));
        }
        Messages::parse_array(body)
    }
}
