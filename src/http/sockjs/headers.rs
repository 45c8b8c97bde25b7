//! The headers that SockJS answers have: CORS, caching, the cookie; contract §6.

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL,
        COOKIE, EXPIRES, HeaderMap, HeaderValue, HttpDate, ORIGIN, SET_COOKIE, VARY,
    },
};

use super::{Endpoint, Service};
use crate::sockjs::Route;

/// A year, the most that caches understand.
const YEAR: Duration = Duration::from_secs(31_536_000);

/// What an answer that is about this moment says to caches; also to that of iOS 6, which kept answers to POST.
const NOT_CACHED: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

/// Lets the page that asks read the answer, with its cookies; to be called for origins that are let in. A request
/// without an origin is no page's, and may have been answered out of a cache that serves pages too: no cookies then.
pub(super) fn allow_origin(request: &HttpRequest, headers: &mut HeaderMap) {
    match request.headers().get(ORIGIN) {
        Some(origin) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        None => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
}

/// Every answer below a base depends on the page that asks: some are told nothing, others may read.
pub(super) fn vary_by_origin(headers: &mut HeaderMap) {
    if !headers.contains_key(VARY) {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }
}

/// To be kept by nobody.
pub(super) fn not_cached(response: &mut HttpResponseBuilder) {
    response.insert_header((CACHE_CONTROL, NOT_CACHED));
}

/// To be kept for good.
pub(super) fn cached(response: &mut HttpResponseBuilder) {
    let expires = HttpDate::from(SystemTime::now() + YEAR);
    response
        .insert_header((CACHE_CONTROL, format!("public, max-age={}", YEAR.as_secs())))
        .insert_header((EXPIRES, expires));
}

impl<S: Service> Endpoint<S> {
    /// What every answer about a session has.
    pub(super) fn about_session(&self, request: &HttpRequest, response: &mut HttpResponse) {
        allow_origin(request, response.headers_mut());
        if self.settings.cookie
            && let Ok(cookie) =
                HeaderValue::try_from(format!("JSESSIONID={}; path=/", session_cookie(request)))
        {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
    }

    /// The answer to a browser's question what a page may ask.
    pub(super) fn preflight(&self, request: &HttpRequest, route: Route<'_>) -> HttpResponse {
        let mut response = HttpResponse::NoContent();
        cached(&mut response);
        response
            .insert_header((ACCESS_CONTROL_MAX_AGE, YEAR.as_secs()))
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, route.methods().join(", ")));
        response.insert_header((VARY, "Origin, Access-Control-Request-Headers"));
        let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(asked) = asked.filter(|asked| !asked.is_empty()) {
            response.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
        }
        let mut response = response.finish();
        match route {
            Route::Session { .. } => self.about_session(request, &mut response),
            _ => allow_origin(request, response.headers_mut()),
        }
        response
    }
}

/// The value that the client has for the cookie, or the one that everybody gets: it's the load balancer that puts
/// something into it.
fn session_cookie(request: &HttpRequest) -> &str {
    let cookies = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let mut values = cookies
        .flat_map(|header| header.split(';'))
        .filter_map(|cookie| cookie.trim().strip_prefix("JSESSIONID="));
    let is_value = |value: &&str| {
        (1..=256).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
    };
    values.find(is_value).unwrap_or("dummy")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_clients_own_cookie_is_given_back() {
        for (header, expected) in [
            ("JSESSIONID=abcdef", "abcdef"),
            ("a=b; JSESSIONID=x.route1; c=d", "x.route1"),
            ("XJSESSIONID=a", "dummy"),
            ("JSESSIONID=", "dummy"),
            ("JSESSIONID=a b", "dummy"),
            ("", "dummy"),
        ] {
            let request = TestRequest::get().insert_header((COOKIE, header)).to_http_request();
            assert_eq!(session_cookie(&request), expected, "{header}");
        }
    }

    #[test]
    fn credentials_are_for_named_origins_only() {
        for (origin, expected, credentials) in
            [(Some("https://a.com"), "https://a.com", true), (Some("null"), "null", true), (None, "*", false)]
        {
            let request = origin
                .map_or_else(TestRequest::get, |origin| TestRequest::get().insert_header((ORIGIN, origin)));
            let mut headers = HeaderMap::new();
            allow_origin(&request.to_http_request(), &mut headers);
            assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), expected);
            assert_eq!(headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS), credentials);
        }
    }
}
