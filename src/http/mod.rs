//! HTTP: what is at which path; contract §4.

mod api;
mod health;
mod pages;
mod state;
mod upgrade;

pub use state::AppState;
pub(crate) use upgrade::REFUSALS;

use actix_web::web;

/// Puts every path in its place. A worker thread's [`ShardActor`](crate::actors::shard::ShardActor)
/// has to be among the application's data.
pub fn configure(services: &mut web::ServiceConfig) {
    services
        .route("/ws", web::get().to(upgrade::websocket))
        .route("/livez", web::get().to(health::alive))
        .route("/readyz", web::get().to(health::ready))
        .route("/metrics", web::get().to(health::metrics))
        .route("/api/about", web::get().to(api::about))
        .route("/api/symbols", web::get().to(api::symbols))
        .route("/api/snapshot", web::get().to(api::snapshot))
        // The last: it answers what nothing else took.
        .configure(pages::configure);
}
