use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use insforge_protocol::x402::header;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::RouteSettings;
use crate::facilitator::{Limiter, Mock};
use crate::selling::fake::{FakeBook, NOW, PAYEE};
use crate::selling::gateway::{Catalog, Face, Gateway};
use crate::selling::serve::{Body, Handler, Limits, serve};
use crate::selling::{Book, Till, Verifier};
use crate::tasks::TaskGroup;

pub(super) const LIMITS: Limits = Limits {
    connections: 500,
    // Long enough for two hundred connections that one busy thread serves.
    head_timeout: Duration::from_secs(5),
    write_timeout: Duration::from_secs(10),
    head_bytes: 32 * 1024,
    grace: Duration::from_secs(5),
};

struct FakeClock;

impl Clock for FakeClock {
    fn unix_ms(&self) -> u64 {
        NOW * 1000
    }
}

/// What the upstream saw of a request.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

type Act = Box<dyn Fn(usize) -> Response<Body> + Send + Sync>;

/// An endpoint.
pub(super) struct Upstream {
    act: Act,
    calls: AtomicUsize,
    pub(super) seen: Mutex<Vec<Seen>>,
}

impl Upstream {
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

impl Handler for Upstream {
    async fn handle(self: Arc<Self>, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        self.seen.lock().unwrap().push(Seen {
            method: parts.method.to_string(),
            uri: parts.uri.to_string(),
            headers: parts.headers,
            body,
        });
        (self.act)(self.calls.fetch_add(1, Ordering::SeqCst))
    }
}

/// A gateway in front of an upstream.
pub(super) struct Shop {
    pub(super) book: Arc<FakeBook>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) address: SocketAddr,
    client: reqwest::Client,
}

/// A route's lines beside path, upstream and price.
pub(super) fn routes(upstream: SocketAddr, lines: &str) -> Vec<RouteSettings> {
    let wait = if lines.contains("settle_wait") {
        ""
    } else {
        "settle_wait = '10s'"
    };
    let text = format!(
        "[[route]]\npath = '/public/*'\nmethod = '*'\nupstream = 'http://{upstream}'\nfree = true\n\
         [[route]]\npath = '/*'\nmethod = ['GET', 'POST']\nupstream = 'http://{upstream}/base'\n\
         price = '0.01'\npay_to = '{PAYEE}'\n{wait}\n{lines}\n"
    );
    let table: toml::Table = text.parse().unwrap();
    let mut faults = Vec::new();
    let routes = serde_json::to_value(&table["route"]).unwrap();
    let routes = crate::config::read_routes(routes.as_array().unwrap(), &mut faults);
    assert!(faults.is_empty(), "{faults:?}");
    routes
}

async fn listen() -> Arc<TcpListener> {
    Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap())
}

/// A shop whose upstream answers with `act`, given the number of the call.
pub(super) async fn open_shop(
    book: Arc<FakeBook>,
    lines: &str,
    act: impl Fn(usize) -> Response<Body> + Send + Sync + 'static,
) -> Shop {
    let upstream = Arc::new(Upstream {
        act: Box::new(act),
        calls: AtomicUsize::new(0),
        seen: Mutex::default(),
    });
    let listener = listen().await;
    let behind = listener.local_addr().unwrap();
    tokio::spawn(serve(
        listener,
        LIMITS,
        upstream.clone(),
        CancellationToken::new(),
    ));
    let address = open_gateway(&book, behind, lines, Face::default()).await;
    Shop {
        book,
        upstream,
        address,
        client: client(),
    }
}

pub(super) async fn open_gateway(
    book: &Arc<FakeBook>,
    behind: SocketAddr,
    lines: &str,
    face: Face,
) -> SocketAddr {
    let catalog = Catalog::build(&routes(behind, lines), None, &[]).unwrap();
    let (keep, catalog) = watch::channel(Some(Arc::new(catalog)));
    let verifier = Verifier::new(Arc::new(Mock), Arc::new(Limiter::new(0.0, 1)));
    let till = Till::new(book.clone() as Arc<dyn Book>, book.outcomes(), verifier, None);
    let gateway = Gateway::new(
        till,
        catalog,
        Arc::new(FakeClock),
        TaskGroup::default(),
        face,
        Arc::default(),
    )
    .unwrap();
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let _keep = keep;
        serve(listener, LIMITS, Arc::new(gateway), CancellationToken::new()).await;
    });
    address
}

pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::client().unwrap())
        .no_proxy()
        .build()
        .unwrap()
}

/// An answer, read whole; `body` is `None` if it broke off.
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<String>,
}

impl Got {
    pub(super) fn message(&self, name: &str) -> Value {
        header::decode(self.headers[name].to_str().unwrap()).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(self.body.as_deref().unwrap()).unwrap()
    }
}

impl Shop {
    pub(super) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        self.send(reqwest::Method::GET, path, headers, "").await
    }

    /// Buys with this payment.
    pub(super) async fn buy(&self, path: &str, payment: &Value) -> Got {
        self.get(path, &[("payment-signature", &header::encode(payment))])
            .await
    }

    pub(super) async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Got {
        let mut request = self
            .client
            .request(method, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_owned()).send().await.unwrap();
        Got {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await.ok(),
        }
    }
}

/// An upstream's answer.
pub(super) fn said(status: u16, body: &'static str) -> Response<Body> {
    let mut response = Response::new(super::super::answer::full(body));
    *response.status_mut() = status.try_into().unwrap();
    response
        .headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    response
}

/// Waits for something that happens in the background.
pub(super) async fn until(mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it did not happen in time"
        );
        tokio::task::yield_now().await;
    }
}
