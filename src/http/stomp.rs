//! STOMP sessions as what is behind SockJS's bases.

use core::net::IpAddr;
use std::{rc::Rc, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web};

use super::{
    AppState, Refusal, client_address,
    sockjs::{Endpoint, Service, Settings},
    upgrade::{check_origin, refuse, take_place},
};
use crate::{
    actors::{
        connection::Connection,
        shard::{ShardActor, StompSession},
        sockjs::Registry,
    },
    config,
    sockjs::Timing,
    transport::Transport,
};

/// The bases behind which there is STOMP: what every worker thread makes its own from.
#[derive(Clone, Debug)]
pub struct StompBases {
    bases: Vec<String>,
    /// A session may be asked for at any of the bases, and by any thread.
    registry: Arc<Registry>,
    settings: Settings,
}

impl StompBases {
    /// The bases as configured.
    pub fn new(config: &config::Serve) -> Self {
        let sockjs = &config.sockjs;
        let settings = Settings {
            websocket: true,
            legacy_transports: sockjs.legacy_transports,
            cookie: sockjs.cookie,
            client_url: sockjs.client_url.as_str().into(),
            timing: Timing {
                disconnect_delay: sockjs.disconnect_delay,
                heartbeat_interval: config.limits.ping_interval,
                stream_bytes_max: sockjs.stream_limit_bytes,
            },
            send_bytes_max: sockjs.send_limit_bytes,
            body_deadline: config.limits.request_deadline,
            stuck_after: config.limits.send_deadline,
        };
        let registry = Arc::new(Registry::new(config.admission.sessions_max));
        Self { bases: sockjs.bases.clone(), registry, settings }
    }

    /// Puts the bases of a worker thread, whose sessions are on `shard`, in their places.
    pub fn configure(
        &self,
        shard: &ShardActor,
        state: &web::Data<AppState>,
        services: &mut web::ServiceConfig,
    ) {
        let service = StompService { shard: shard.clone(), state: state.clone() };
        let endpoint = Rc::new(Endpoint::new(service, Arc::clone(&self.registry), self.settings.clone()));
        for base in &self.bases {
            endpoint.configure(base, services);
        }
    }
}

/// STOMP sessions on a worker thread's shard.
struct StompService {
    shard: ShardActor,
    state: web::Data<AppState>,
}

impl Service for StompService {
    type Session = StompSession;

    fn check_origin(&self, request: &HttpRequest) -> Result<(), Refusal> {
        check_origin(request, &self.state)
    }

    fn client_address(&self, request: &HttpRequest) -> IpAddr {
        client_address(request)
    }

    fn open(
        &self,
        request: &HttpRequest,
        transport: Transport,
        connection: Connection,
    ) -> Result<StompSession, Refusal> {
        let place = take_place(request, &self.state)?;
        Ok(self.shard.open(transport, connection, place))
    }

    fn refuse(&self, request: &HttpRequest, refusal: &Refusal) -> HttpResponse {
        refuse(request, &self.state, refusal)
    }
}
