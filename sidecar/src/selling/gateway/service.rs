use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CONNECTION,
    CONTENT_LENGTH, HOST, ORIGIN, TRANSFER_ENCODING, VARY,
};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::sync::watch;

use super::answer::{Kind, full, problem, unavailable};
use super::body::{self, NotTaken, Taken};
use super::catalog::{Catalog, Found, Route};
use super::flights::Flights;
use super::headers::{Paid, to_client, to_upstream};
use super::path::{SafePath, resource};
use super::upstream::{Ask, Failed, Upstreams};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::selling::Till;
use crate::selling::serve::{Body, Handler};
use crate::tasks::TaskGroup;
use crate::tls::TlsError;

/// The gateway.
pub struct Gateway {
    pub(super) till: Till,
    pub(super) upstreams: Upstreams,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) flights: Arc<Flights>,
    pub(super) tasks: TaskGroup,
    catalog: watch::Receiver<Option<Arc<Catalog>>>,
    face: Face,
    metrics: Arc<Metrics>,
}

/// How the gateway looks from outside.
#[derive(Debug, Clone, Default)]
pub struct Face {
    /// Scheme and host that buyers use; `None`: what the request's `Host` says.
    pub public_url: Option<String>,
    /// Origin whose pages may buy, or `*`.
    pub allow_origin: Option<HeaderValue>,
}

/// What a client asks for.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) path_and_query: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) peer: SocketAddr,
    /// The URL as the buyer knows it.
    pub(super) url: String,
    /// What a payment is bound to, besides the method.
    pub(super) resource: String,
}

impl Gateway {
    /// A gateway for the routes that `catalog` holds, once it does. Deliveries run in `tasks`.
    ///
    /// # Errors
    /// [`TlsError`] when TLS to upstreams cannot be set up.
    pub fn new(
        till: Till,
        catalog: watch::Receiver<Option<Arc<Catalog>>>,
        clock: Arc<dyn Clock>,
        tasks: TaskGroup,
        face: Face,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            till,
            upstreams: Upstreams::new()?,
            clock,
            flights: Arc::default(),
            tasks,
            catalog,
            face,
            metrics,
        })
    }

    async fn answer(self: &Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        if !names_one_host(&request) {
            return problem(StatusCode::BAD_REQUEST, "the request must name one host");
        }
        let Ok(path) = SafePath::read(request.uri().path()) else {
            return problem(StatusCode::BAD_REQUEST, &super::path::Ambiguous.to_string());
        };
        let Some(catalog) = self.catalog.borrow().clone() else {
            return unavailable("the gateway is starting", std::time::Duration::from_secs(1));
        };
        if let Some(preflight) = self.preflight(&catalog, &request, &path) {
            return preflight;
        }
        match catalog.find(request.method(), &path) {
            Found::Nothing => problem(StatusCode::NOT_FOUND, "nothing is served here"),
            Found::OtherMethod(served) => other_method(&served),
            Found::Route(route) => {
                let (asked, body) = self.asked(request, peer);
                match &route.sold {
                    None => self.free(route, asked, body).await,
                    Some(sold) => self.show_to_pages(self.sold(route, sold, asked, body).await),
                }
            }
        }
    }

    fn asked(&self, request: Request<Incoming>, peer: SocketAddr) -> (Asked, Incoming) {
        let (parts, body) = request.into_parts();
        let root = || PathAndQuery::from_static("/");
        let path_and_query = parts.uri.path_and_query().cloned().unwrap_or_else(root);
        let asked = Asked {
            url: format!("{}{path_and_query}", self.origin(&parts.headers)),
            resource: resource(path_and_query.path(), path_and_query.query()),
            method: parts.method,
            version: parts.version,
            path_and_query,
            headers: parts.headers,
            peer,
        };
        (asked, body)
    }

    fn origin(&self, headers: &HeaderMap) -> String {
        let told = || {
            let host: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
            Some(format!("http://{host}"))
        };
        self.face
            .public_url
            .clone()
            .or_else(told)
            .unwrap_or_else(|| "http://localhost".to_owned())
    }

    /// Passes a request on that costs nothing.
    async fn free(&self, route: &Route, asked: Asked, body: Incoming) -> Response<Body> {
        let body = match body::coming(body, route.max_request_body, route.idle_timeout) {
            Ok(body) => body,
            Err(refused) => return not_taken(refused),
        };
        match self.ask(route, &asked, body, None).await {
            Err(failed) => problem(failed_status(failed), &failed.to_string()),
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                let mut response = Response::new(body::passing(body, route.idle_timeout));
                *response.status_mut() = parts.status;
                *response.headers_mut() = to_client(&parts.headers);
                response
            }
        }
    }

    /// Asks a route's upstream.
    pub(super) async fn ask(
        &self,
        route: &Route,
        asked: &Asked,
        body: Taken,
        paid: Option<&Paid<'_>>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut headers = to_upstream(&asked.headers, asked.peer.ip(), paid);
        let wanted = body
            .length()
            .filter(|length| *length > 0 || asked.headers.contains_key(CONTENT_LENGTH));
        if let Some(length) = wanted {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let ask = Ask {
            method: asked.method.clone(),
            path_and_query: asked.path_and_query.clone(),
            headers,
            body: body.into_body(),
        };
        self.upstreams
            .ask(&route.upstream, ask, route.upstream_timeout)
            .await
    }

    /// Answers a browser's question whether a page may send a payment.
    fn preflight(
        &self,
        catalog: &Catalog,
        request: &Request<Incoming>,
        path: &SafePath,
    ) -> Option<Response<Body>> {
        let allowed = self.face.allow_origin.clone()?;
        let headers = request.headers();
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if request.method() != Method::OPTIONS || !headers.contains_key(ORIGIN) {
            return None;
        }
        let method: Method = wanted.to_str().ok()?.parse().ok()?;
        let Found::Route(route) = catalog.find(&method, path) else {
            return None;
        };
        route.sold.as_ref()?;
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
        answer.append(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("PAYMENT-SIGNATURE, X-PAYMENT"),
        );
        if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.append(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        answer.insert(
            VARY,
            HeaderValue::from_static("origin, access-control-request-headers"),
        );
        Some(response)
    }

    fn show_to_pages(&self, mut response: Response<Body>) -> Response<Body> {
        if let Some(origin) = &self.face.allow_origin {
            response
                .headers_mut()
                .entry(ACCESS_CONTROL_ALLOW_ORIGIN)
                .or_insert_with(|| origin.clone());
        }
        response
    }
}

impl Handler for Gateway {
    async fn handle(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let chunked = request.headers().contains_key(TRANSFER_ENCODING);
        let mut response = self.answer(request, peer).await;
        if chunked {
            // A proxy in front that counted by a length beside the chunks would take what follows for the
            // body, and we for another request (RFC 9112 §6.3). The parser drops the length, so this is for all.
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let kind = response.extensions().get::<Kind>().map_or("free", |kind| kind.0);
        self.metrics.gateway_answer(kind);
        response
    }
}

/// Two hosts, or none where there must be one, are how two programs come to serve two different things
/// (RFC 9112 §3.2).
fn names_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => true,
        (None, None) => request.version() < Version::HTTP_11,
        (_, Some(_)) => false,
    }
}

fn other_method(served: &[Method]) -> Response<Body> {
    let mut response = problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path is not served for this method",
    );
    let list: Vec<&str> = served.iter().map(Method::as_str).collect();
    if let Ok(value) = HeaderValue::from_str(&list.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// The answer to a body that was not taken.
pub(super) fn not_taken(refused: NotTaken) -> Response<Body> {
    let status = match refused {
        NotTaken::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        NotTaken::Slow => StatusCode::REQUEST_TIMEOUT,
        NotTaken::Broken => StatusCode::BAD_REQUEST,
    };
    problem(status, &refused.to_string())
}

/// The status for an upstream that gave no answer.
pub(super) const fn failed_status(failed: Failed) -> StatusCode {
    match failed {
        Failed::Broken => StatusCode::BAD_GATEWAY,
        Failed::Late => StatusCode::GATEWAY_TIMEOUT,
        Failed::NeedsHttp11 => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        Failed::Unsendable => StatusCode::BAD_REQUEST,
    }
}
