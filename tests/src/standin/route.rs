use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Response, Uri};
use axum::routing::{any, get, post};

use super::facilitator::{self, Endpoint, Incoming};
use super::reply::Reply;
use super::request::Generation;
use super::world::World;
use super::{admin, rpc};

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/_standin", post(admin::command))
        .route("/_standin/{view}", get(admin::view))
        .route("/rpc/{name}", post(json_rpc))
        .fallback(any(okx))
        .with_state(world)
}

async fn okx(
    State(world): State<Arc<World>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let Some((generation, endpoint)) = endpoint(&method, uri.path()) else {
        return Reply::Page(404, "not found").into_response().await;
    };
    let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let incoming = Incoming {
        generation,
        endpoint,
        path,
        headers,
        body,
    };
    // A task of its own: a client that goes away does not stop what it has set in motion.
    let reply = tokio::spawn(facilitator::answer(world, incoming)).await;
    reply
        .unwrap_or(Reply::Page(500, "the stand-in panicked"))
        .into_response()
        .await
}

async fn json_rpc(State(world): State<Arc<World>>, Path(name): Path<String>, body: Bytes) -> Response<Body> {
    rpc::answer(&world, &name, &body).await.into_response().await
}

fn endpoint(method: &Method, path: &str) -> Option<(Generation, Endpoint)> {
    let generations = [Generation::Two, Generation::One];
    let (generation, name) = generations
        .into_iter()
        .find_map(|g| Some((g, path.strip_prefix(g.prefix())?)))?;
    let endpoint = match (method, name) {
        (&Method::GET, "/supported") => Endpoint::Supported,
        (&Method::POST, "/verify") => Endpoint::Verify,
        (&Method::POST, "/settle") => Endpoint::Settle,
        (&Method::GET, "/settle/status") if generation == Generation::Two => Endpoint::Status,
        _ => return None,
    };
    Some((generation, endpoint))
}
