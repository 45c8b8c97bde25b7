//! What a base says of itself: the greeting, `/info`, and the page for iframes.

use std::hash::{DefaultHasher, Hash, Hasher};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_SECURITY_POLICY, ETAG, EntityTag},
};
use serde_json::json;

use super::{Endpoint, Service, headers};
use crate::http::{framing::MayBeFramed, pages::is_fresh};

pub(super) fn greeting() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=UTF-8").body("Welcome to SockJS!\n")
}

impl<S: Service> Endpoint<S> {
    /// What clients may use. They take the time of the answer for how long a request takes.
    pub(super) fn info(&self, request: &HttpRequest) -> HttpResponse {
        let body = json!({
            "websocket": self.settings.websocket,
            // Who may is decided by each request; clients look at nothing here.
            "origins": ["*:*"],
            "cookie_needed": self.settings.cookie,
            "entropy": getrandom::u32().unwrap_or_default(),
        });
        let mut response = HttpResponse::Ok();
        headers::not_cached(&mut response);
        let mut response = response.content_type("application/json; charset=UTF-8").body(body.to_string());
        headers::allow_origin(request, response.headers_mut());
        response
    }

    /// The page through which pages of other origins reach this one in browsers without CORS.
    pub(super) fn iframe(&self, request: &HttpRequest) -> HttpResponse {
        let page = iframe_page(&self.settings.client_url);
        let tag = entity_tag(&page);
        let is_fresh = is_fresh(request, &tag);
        let mut response = if is_fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        headers::cached(&mut response);
        response.insert_header((ETAG, tag.to_string()));
        let mut response = if is_fresh {
            response.finish()
        } else {
            response
                .insert_header((CONTENT_SECURITY_POLICY, policy(&self.settings.client_url)))
                .content_type("text/html; charset=UTF-8")
                .body(page)
        };
        response.extensions_mut().insert(MayBeFramed);
        response
    }
}

/// The protocol has the page to the letter.
fn iframe_page(client_url: &str) -> String {
    format!(
        r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{client_url}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#
    )
}

/// The client, the page's own line, and what the client opens. Any page may frame it: that's what it's for.
fn policy(client_url: &str) -> String {
    format!(
        "default-src 'none'; script-src 'unsafe-inline' 'self' {client_url}; connect-src 'self'; \
         frame-src 'self'; base-uri 'none'; form-action 'none'"
    )
}

/// Made of the content alone: [`DefaultHasher`] has no key of its own.
fn entity_tag(page: &str) -> EntityTag {
    let mut hasher = DefaultHasher::new();
    page.hash(&mut hasher);
    EntityTag::new_strong(format!("{:016x}", hasher.finish()))
}
