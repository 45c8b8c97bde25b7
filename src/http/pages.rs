//! The trading page at `/` and its assets, embedded into the binary by `build.rs`.
//!
//! Names of assets under `assets/` carry a hash of their content, so a browser may keep them for good; everything else
//! is asked for again each time and answered with 304 while its ETag is the same.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{
        Method,
        header::{
            Allow, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, CROSS_ORIGIN_OPENER_POLICY,
            CROSS_ORIGIN_RESOURCE_POLICY, ETAG, EntityTag, IfNoneMatch, REFERRER_POLICY, X_FRAME_OPTIONS,
        },
    },
    web,
};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Adds the page's routes: `GET` and `HEAD` of `/` and of each embedded file; 405 for other methods. Register it
/// after the other routes: it answers paths that nothing else took, with 404 for those that aren't files of the page.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource(["/", "/{file:.*}"]).get(serve).head(serve).default_service(web::to(other_method)),
    );
}

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/trading-page"]
struct Page;

/// Scripts, styles and pictures of the page's own only; WebSockets to any host, because browsers read `'self'` there
/// differently when a proxy changes the scheme.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self'; \
                      script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async fn serve(request: HttpRequest) -> HttpResponse {
    let name = file_name(&request);
    match Page::get(name) {
        Some(file) => answer(&request, name, file),
        None => not_found(),
    }
}

async fn other_method(request: HttpRequest) -> HttpResponse {
    match Page::get(file_name(&request)) {
        Some(_) => {
            HttpResponse::MethodNotAllowed().insert_header(Allow(vec![Method::GET, Method::HEAD])).finish()
        }
        None => not_found(),
    }
}

fn file_name(request: &HttpRequest) -> &str {
    match request.match_info().get("file") {
        None | Some("") => "index.html",
        Some(name) => name,
    }
}

fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("not found\n")
}

fn answer(request: &HttpRequest, name: &str, file: EmbeddedFile) -> HttpResponse {
    let tag = entity_tag(&file);
    let fresh = is_fresh(request, &tag);
    let content_type = content_type(&file);
    let mut response = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    // No other site's page may embed the files.
    response.insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"));
    response.insert_header((ETAG, tag.to_string())).insert_header((CACHE_CONTROL, cache_control(name)));
    if content_type.starts_with("text/html") {
        response
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((X_FRAME_OPTIONS, "DENY"))
            // Other sites get neither a handle on the page's window nor the address that is read here.
            .insert_header((CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
            .insert_header((REFERRER_POLICY, "no-referrer"));
    }
    if fresh {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, content_type)).body(file.data)
}

/// Strong: made of the content alone.
fn entity_tag(file: &EmbeddedFile) -> EntityTag {
    let hash = file.metadata.sha256_hash();
    EntityTag::new_strong(hash[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether the browser already holds exactly this content (RFC 9110 §13.1.2: weak comparison).
pub(super) fn is_fresh(request: &HttpRequest, tag: &EntityTag) -> bool {
    match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(held)) => held.iter().any(|other| other.weak_eq(tag)),
        None => false,
    }
}

fn cache_control(name: &str) -> &'static str {
    if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

/// All texts of the page are UTF-8.
fn content_type(file: &EmbeddedFile) -> String {
    let mime = file.metadata.mimetype();
    if mime.starts_with("text/") || mime.ends_with("javascript") {
        format!("{mime}; charset=utf-8")
    } else {
        mime.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App,
        body::to_bytes,
        dev::ServiceResponse,
        http::{StatusCode, header::IF_NONE_MATCH},
        test::{TestRequest, call_service, init_service},
    };

    use super::*;

    async fn call(request: TestRequest) -> ServiceResponse {
        let app = init_service(App::new().configure(configure)).await;
        call_service(&app, request.to_request()).await
    }

    fn header(response: &ServiceResponse, name: &str) -> String {
        let value = response.headers().get(name).map(|value| value.to_str().expect("headers are ASCII"));
        value.unwrap_or_default().to_owned()
    }

    #[actix_web::test]
    async fn the_root_is_a_page_that_runs_only_its_own_scripts_and_is_framed_by_nobody() {
        let response = call(TestRequest::get().uri("/")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&response, "cache-control"), "no-cache");
        assert_eq!(header(&response, "x-frame-options"), "DENY");
        assert!(header(&response, "content-security-policy").contains("script-src 'self'"));
        assert_eq!(header(&response, "cross-origin-opener-policy"), "same-origin");
        assert_eq!(header(&response, "cross-origin-resource-policy"), "same-origin");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        let body = to_bytes(response.into_body()).await.expect("an embedded body");
        assert!(body.starts_with(b"<!doctype html>"));
    }

    #[actix_web::test]
    async fn a_browser_that_holds_the_page_is_told_so() {
        let tag = header(&call(TestRequest::get().uri("/")).await, "etag");
        assert!(tag.starts_with('"'), "{tag} is not a strong tag");
        let held = [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()];
        for held in held {
            let response =
                call(TestRequest::get().uri("/").insert_header((IF_NONE_MATCH, held.as_str()))).await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "for {held}");
            assert_eq!(header(&response, "etag"), tag);
        }
        let response = call(TestRequest::get().uri("/").insert_header((IF_NONE_MATCH, "\"other\""))).await;
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[actix_web::test]
    async fn every_embedded_file_is_served_with_its_type_and_hashed_ones_are_kept_for_good() {
        for name in Page::iter() {
            let response = call(TestRequest::get().uri(&format!("/{name}"))).await;
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            assert_ne!(header(&response, "content-type"), "application/octet-stream", "{name}");
            let immutable = header(&response, "cache-control").contains("immutable");
            assert_eq!(immutable, name.starts_with("assets/"), "{name}");
        }
    }

    #[actix_web::test]
    async fn paths_that_are_no_files_of_the_page_are_not_found() {
        for path in ["/nothing", "/../Cargo.toml", "/assets/", "/%2e%2e/Cargo.toml", "//etc/passwd"] {
            assert_eq!(call(TestRequest::get().uri(path)).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[actix_web::test]
    async fn only_get_and_head_are_answered() {
        assert_eq!(call(TestRequest::with_uri("/").method(Method::HEAD)).await.status(), StatusCode::OK);
        let response = call(TestRequest::with_uri("/").method(Method::POST)).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, "allow"), "GET, HEAD");
        let response = call(TestRequest::with_uri("/nothing").method(Method::POST)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
