//! Which answers may stand in other sites' frames.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::X_FRAME_OPTIONS,
    middleware::Next,
};

/// Marks an answer, among its extensions, that is made to stand in frames of any site.
#[derive(Clone, Copy, Debug)]
pub(super) struct MayBeFramed;

/// Takes `X-Frame-Options`, which every answer has, off those that may be framed: it has no value that says so.
///
/// # Errors
/// Those of what is behind it.
pub async fn let_frame(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut answer = next.call(request).await?;
    if answer.response().extensions().contains::<MayBeFramed>() {
        answer.headers_mut().remove(X_FRAME_OPTIONS);
    }
    Ok(answer)
}
