//! Where a request's client is.

use core::net::{IpAddr, Ipv4Addr};

use actix_web::{HttpRequest, web};

use super::AppState;

/// The client's address: the connection's other end, or what trusted proxies say in its place.
pub(crate) fn client_address(request: &HttpRequest) -> IpAddr {
    let state = request.app_data::<web::Data<AppState>>().expect("each worker's application has its state");
    // Only a request that came over no connection has none.
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let values: Vec<_> = request
        .headers()
        .get_all(state.proxies.header.name())
        // Text that isn't ASCII is no address.
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    state.proxies.client(peer, values.into_iter())
}
