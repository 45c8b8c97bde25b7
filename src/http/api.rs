//! The API for pages and services that want to look once.

use std::{collections::HashSet, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::json;

use super::AppState;
use crate::{
    actors::shard::ShardActor,
    feed::symbol_list::symbol_list,
    market::SymbolRef,
    publication::{Publication, Status},
};

/// What this server is and where its ticks come from.
pub(super) async fn about(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": state.started.elapsed().as_secs(),
        "kafka": state.bootstrap,
        "topic": state.topic,
        "epoch": state.readiness.epoch().as_deref(),
    }))
}

#[derive(Serialize)]
struct SymbolEntry<'a> {
    symbol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sector: Option<&'a str>,
    seq: u64,
    time_us: i64,
}

/// Every symbol that has a state, in alphabetical order.
pub(super) async fn symbols(request: HttpRequest) -> HttpResponse {
    let mut publications = listed(&request);
    publications.sort_unstable_by(|a, b| a.symbol.cmp(&b.symbol));
    let symbols: Vec<_> = publications
        .iter()
        .map(|publication| {
            let symbol = publication.symbol.as_str();
            let listed = symbol_list().get(symbol);
            SymbolEntry {
                symbol,
                name: listed.map(|listed| listed.name.as_str()),
                sector: listed.map(|listed| listed.sector.as_str()),
                seq: publication.seq,
                time_us: publication.state.time_us,
            }
        })
        .collect();
    HttpResponse::Ok().json(json!({ "symbols": symbols }))
}

/// The states that a snapshot on subscribe would give: of the symbols named, which may be unknown,
/// or of all.
pub(super) async fn snapshot(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let publications = match asked_for(&request) {
        Ok(publications) => publications,
        Err(error) => return HttpResponse::BadRequest().json(json!({ "error": error })),
    };
    let mut body = Vec::with_capacity(64 + publications.len() * 256);
    body.extend_from_slice(b"{\"epoch\":");
    let epoch = state.readiness.epoch();
    serde_json::to_writer(&mut body, &epoch.as_deref()).expect("a vector takes every byte");
    body.extend_from_slice(b",\"snapshots\":[");
    for (at, publication) in publications.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        publication.write_open_json(&mut body);
        body.extend_from_slice(b",\"seq\":");
        body.extend_from_slice(itoa::Buffer::new().format(publication.seq).as_bytes());
        body.push(b'}');
    }
    body.extend_from_slice(b"]}");
    HttpResponse::Ok().content_type("application/json").body(body)
}

/// What the query `?symbols=A,B` asks for; all without it. Other parameters are nobody's here.
fn asked_for(request: &HttpRequest) -> Result<Vec<Arc<Publication>>, String> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|error| error.to_string())?;
    let mut given = query.iter().filter(|(name, _)| name == "symbols").map(|(_, value)| value.as_str());
    match (given.next(), given.next()) {
        (None | Some(""), None) => Ok(listed(request)),
        (Some(symbols), None) => named(request, symbols),
        (_, Some(_)) => Err("symbols stands twice: allowed is one list, such as symbols=A,B".to_owned()),
    }
}

fn named(request: &HttpRequest, symbols: &str) -> Result<Vec<Arc<Publication>>, String> {
    let mut publications = Vec::new();
    // Each once: a small question is not to have an answer a hundred times its size.
    let mut seen = HashSet::new();
    for symbol in symbols.split(',').filter(|symbol| seen.insert(*symbol)) {
        let symbol = SymbolRef::parse(symbol).map_err(|error| format!("symbols: {symbol:.40?}: {error}"))?;
        publications.extend(shard(request).with_cache(|cache| cache.current(symbol.as_str()).cloned()));
    }
    publications.retain(|publication| publication.status == Status::Listed);
    Ok(publications)
}

fn listed(request: &HttpRequest) -> Vec<Arc<Publication>> {
    shard(request).with_cache(|cache| {
        let is_listed = |publication: &&Arc<Publication>| publication.status == Status::Listed;
        cache.iter().map(|(_, publication)| publication).filter(is_listed).cloned().collect()
    })
}

pub(super) fn shard(request: &HttpRequest) -> &ShardActor {
    request.app_data::<ShardActor>().expect("each worker's application has its shard")
}
