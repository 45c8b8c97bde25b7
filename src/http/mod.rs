//! HTTP: what is at which path; contract §4.

mod api;
mod client_address;
mod framing;
mod handshake;
mod health;
mod listing;
mod pages;
pub mod sockjs;
mod state;
mod stomp;
mod upgrade;

pub(crate) use client_address::client_address;
pub use framing::let_frame;
pub use state::AppState;
pub use stomp::StompBases;
pub(crate) use upgrade::REFUSALS;
pub use upgrade::Refusal;

use actix_web::{FromRequest, Handler, Resource, Responder, web};

/// Puts every path in its place. A worker thread's [`ShardActor`](crate::actors::shard::ShardActor)
/// has to be among the application's data.
pub fn configure(services: &mut web::ServiceConfig) {
    services
        .service(web::resource("/ws").get(upgrade::websocket))
        .service(readable("/livez", health::alive))
        .service(readable("/readyz", health::ready))
        .service(readable("/metrics", health::metrics))
        .service(readable("/api/about", api::about))
        .service(readable("/api/symbols", api::symbols))
        .service(readable("/api/snapshot", api::snapshot))
        // The last: it answers what nothing else took.
        .configure(pages::configure);
}

/// What GET and HEAD are for, where HEAD is answered as GET and the body left out; 405 names the two
/// to every other method.
fn readable<F, Args>(path: &str, answer: F) -> Resource
where
    F: Handler<Args> + Copy,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).get(answer).head(answer)
}
