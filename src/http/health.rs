//! For orchestrators and Prometheus.

use actix_web::{HttpResponse, http::header, web};
use serde_json::json;

use super::AppState;
use crate::{clock::now_us, readiness::NotReady, reading::Remaining};

/// The process runs and answers.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "alive": true }))
}

/// Clients may be sent here; 503 with the reason and the progress otherwise.
pub(super) async fn ready(state: web::Data<AppState>) -> HttpResponse {
    match state.readiness.check() {
        Ok(()) => HttpResponse::Ok().json(json!({ "ready": true })),
        Err(NotReady { reason, remaining, .. }) => {
            let mut answer = json!({ "ready": false, "reason": reason });
            if let Some(Remaining { left, total }) = remaining {
                answer["records_left"] = left.into();
                answer["records_total"] = total.into();
            }
            HttpResponse::ServiceUnavailable().insert_header((header::RETRY_AFTER, 1)).json(answer)
        }
    }
}

/// What Prometheus scrapes.
pub(super) async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(state.metrics.render(now_us()))
}
