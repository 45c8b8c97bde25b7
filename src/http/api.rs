//! The API for pages and services that want to look once.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::json;

use super::{AppState, listing};
use crate::{
    actors::shard::ShardActor,
    feed::symbol_list::symbol_list,
    last_value_cache::{LastValueCache, TopicId},
    market::SymbolRef,
    publication::{Publication, Status, View},
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
    let shard = shard(&request);
    let order = shard.with_cache(|cache| {
        let mut listed: Vec<_> = listed(cache).collect();
        listed.sort_unstable_by(|(_, a), (_, b)| a.symbol.cmp(&b.symbol));
        listed.into_iter().map(|(topic, _)| topic).collect()
    });
    listing::answer(&request, shard, b"{\"symbols\":[".to_vec(), order, write_symbol)
}

fn write_symbol(publication: &Publication, out: &mut Vec<u8>) {
    let symbol = publication.symbol.as_str();
    let listed = symbol_list().get(symbol);
    let entry = SymbolEntry {
        symbol,
        name: listed.map(|listed| listed.name.as_str()),
        sector: listed.map(|listed| listed.sector.as_str()),
        seq: publication.seq,
        time_us: publication.state.time_us,
    };
    serde_json::to_writer(out, &entry).expect("a vector takes every byte");
}

/// The states that a snapshot on subscribe would give: of the symbols named, which may be unknown,
/// or of all.
pub(super) async fn snapshot(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let shard = shard(&request);
    let order = match shard.with_cache(|cache| asked_for(&request, cache)) {
        Ok(order) => order,
        Err(error) => return HttpResponse::BadRequest().json(json!({ "error": error })),
    };
    let mut head = b"{\"epoch\":".to_vec();
    let epoch = state.readiness.epoch();
    serde_json::to_writer(&mut head, &epoch.as_deref()).expect("a vector takes every byte");
    head.extend_from_slice(b",\"snapshots\":[");
    listing::answer(&request, shard, head, order, write_snapshot)
}

fn write_snapshot(publication: &Publication, out: &mut Vec<u8>) {
    publication.write_open_json(View::WHOLE, out);
    out.extend_from_slice(b",\"seq\":");
    out.extend_from_slice(itoa::Buffer::new().format(publication.seq).as_bytes());
    // The symbol's own: another one than the log's if it has come from another partition, and while a log that was made
    // anew is read.
    out.extend_from_slice(b",\"epoch\":\"");
    out.extend_from_slice(publication.epoch.as_bytes());
    out.extend_from_slice(b"\"}");
}

/// What the query `?symbols=A,B` asks for; all without it. Other parameters are nobody's here.
fn asked_for(request: &HttpRequest, cache: &LastValueCache) -> Result<Vec<TopicId>, String> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|error| error.to_string())?;
    let mut given = query.iter().filter(|(name, _)| name == "symbols").map(|(_, value)| value.as_str());
    match (given.next(), given.next()) {
        (None | Some(""), None) => Ok(listed(cache).map(|(topic, _)| topic).collect()),
        (Some(symbols), None) => named(cache, symbols),
        (_, Some(_)) => Err("symbols stands twice: allowed is one list, such as symbols=A,B".to_owned()),
    }
}

fn named(cache: &LastValueCache, symbols: &str) -> Result<Vec<TopicId>, String> {
    let mut topics = Vec::new();
    // Each once: a small question is not to have an answer a hundred times its size.
    let mut seen = HashSet::new();
    for symbol in symbols.split(',').filter(|symbol| seen.insert(*symbol)) {
        let symbol = SymbolRef::parse(symbol).map_err(|error| format!("symbols: {symbol:.40?}: {error}"))?;
        topics.extend(cache.published(symbol.as_str()));
    }
    Ok(topics)
}

fn listed(cache: &LastValueCache) -> impl Iterator<Item = (TopicId, &Publication)> {
    let all = cache.iter().map(|(topic, publication)| (topic, &**publication));
    all.filter(|(_, publication)| publication.status == Status::Listed)
}

pub(super) fn shard(request: &HttpRequest) -> &ShardActor {
    request.app_data::<ShardActor>().expect("each worker's application has its shard")
}
