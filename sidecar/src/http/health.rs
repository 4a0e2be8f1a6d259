use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::health::Health;
use crate::metrics::{Gauges, Metrics};

/// What the listener shows.
#[derive(Clone)]
pub struct Probes {
    /// State of the components.
    pub health: Arc<Health>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Figures about the whole ledger, where there is one to ask.
    pub gauges: Option<Arc<Gauges>>,
    /// Set once a stop has begun: a worker that takes no more payments is not ready.
    pub stopping: CancellationToken,
}

/// Serves `/healthz`, `/readyz` and `/metrics` until stopped.
pub async fn serve(listener: Arc<TcpListener>, probes: Probes, stop: CancellationToken) {
    let router = router(probes);
    let served = axum::serve(Shared(listener), router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        error!(%error, "the listener for health and metrics failed");
    }
}

/// A listener that outlives the server, so that stopping and starting keeps the port.
struct Shared(Arc<TcpListener>);

impl axum::serve::Listener for Shared {
    type Io = tokio::net::TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.0.accept().await {
                Ok(accepted) => return accepted,
                // Out of file descriptors, most likely: try again when some were closed.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

fn router(probes: Probes) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(probes)
}

/// 200 if payments are being settled, else 503; either way with the state of each component.
async fn readyz(State(probes): State<Probes>) -> Response {
    let stopping = probes.stopping.is_cancelled();
    let mut checks = Map::new();
    for component in probes.health.components() {
        let fault = component.fault();
        let check = json!({ "ok": fault.is_none(), "fault": fault });
        checks.insert(component.name().to_owned(), check);
    }
    let ready = !stopping && checks.values().all(|check| check["ok"] == Value::Bool(true));
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({ "ready": ready, "stopping": stopping, "checks": checks })),
    )
        .into_response()
}

async fn metrics(State(probes): State<Probes>) -> impl IntoResponse {
    if let Some(gauges) = &probes.gauges {
        gauges.refresh().await;
    }
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(header::CONTENT_TYPE, form)],
        probes.metrics.render(&probes.health),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server with these probes; its URL.
    async fn served(probes: Probes) -> String {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, probes, CancellationToken::new()));
        url
    }

    async fn fetch(url: &str) -> (u16, String) {
        let tls = crate::tls::client().unwrap();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .build()
            .unwrap();
        let answer = client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    fn probes() -> Probes {
        Probes {
            health: Arc::default(),
            metrics: Arc::default(),
            gauges: None,
            stopping: CancellationToken::new(),
        }
    }

    #[tokio::test]
    async fn readiness_names_what_is_wrong_and_turns_green_when_all_is_well() {
        let probes = probes();
        let url = served(probes.clone()).await;
        probes.health.database.succeeded();
        probes.health.listener.succeeded();
        probes.health.facilitator.failed(&"OKX refuses the key (50111)");
        let (status, body) = fetch(&format!("{url}/readyz")).await;
        assert_eq!(status, 503);
        assert!(body.contains("OKX refuses the key (50111)"), "{body}");
        probes.health.facilitator.succeeded();
        assert_eq!(fetch(&format!("{url}/readyz")).await.0, 200);
        probes.stopping.cancel();
        assert_eq!(fetch(&format!("{url}/readyz")).await.0, 503);
        assert_eq!(fetch(&format!("{url}/healthz")).await, (200, "ok\n".to_owned()));
    }

    #[tokio::test]
    async fn metrics_are_served_in_prometheus_form() {
        let url = served(probes()).await;
        let (status, body) = fetch(&format!("{url}/metrics")).await;
        assert_eq!(status, 200);
        assert!(
            body.contains("# TYPE x402_claims counter") && body.ends_with("# EOF\n"),
            "{body}"
        );
    }
}
