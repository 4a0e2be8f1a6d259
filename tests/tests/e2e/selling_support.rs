//! A shop: an endpoint that counts its calls, and sidecars that sell it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use axum::Router;
use axum::http::StatusCode;
use insforge_protocol::x402::header;
use insforge_tests::buyer::{Form, Signed};
use insforge_tests::http;
use insforge_tests::port::free_address;
use insforge_tests::sidecar::{Plan, Sidecar};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Who is paid in all tests.
pub(crate) const SELLER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// An endpoint. It says "report" and counts.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    calls: Arc<AtomicUsize>,
    status: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Endpoint {
    pub(crate) async fn start() -> Result<Endpoint> {
        let (calls, status) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU16::new(200)));
        let (counted, said) = (calls.clone(), status.clone());
        let router = Router::new().fallback(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let status = StatusCode::from_u16(said.load(Ordering::SeqCst)).unwrap_or(StatusCode::OK);
            async move { (status, "report") }
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Endpoint {
            address,
            calls,
            status,
            task,
        })
    }

    /// Requests that reached it.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// What it answers from now on.
    pub(crate) fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A sidecar that sells.
pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    pub(crate) sidecar: Sidecar,
}

/// An answer, read whole.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Got {
    /// A message in a header.
    pub(crate) fn message(&self, name: &str) -> Result<Value> {
        let value = self
            .headers
            .get(name)
            .with_context(|| format!("no {name}: {}", self.body))?;
        Ok(header::decode(value.to_str()?)?)
    }

    pub(crate) fn asks_for_a_new_payment(&self) -> bool {
        self.status == 402 || self.headers.contains_key("payment-required")
    }
}

/// Starts a sidecar with a gateway in front of `endpoint`; `route` is merged into its only route.
pub(crate) async fn gateway(plan: Plan, endpoint: &Endpoint, route: &Value) -> Result<Shop> {
    let mut sold = json!({ "path": "/*", "method": ["GET", "POST"], "price": "0.01", "pay_to": SELLER,
        "upstream": format!("http://{}", endpoint.address) });
    for (name, value) in route.as_object().into_iter().flatten() {
        sold[name] = value.clone();
    }
    gateway_of(plan, &json!([sold])).await
}

/// Starts a sidecar with a gateway that has these routes.
pub(crate) async fn gateway_of(plan: Plan, routes: &Value) -> Result<Shop> {
    let address = free_address()?;
    let plan = plan.set("INSFORGE_SIDECAR_GATEWAY_LISTEN", &address.to_string());
    let sidecar = plan
        .set("INSFORGE_SIDECAR_GATEWAY_ROUTES", &routes.to_string())
        .start()
        .await?;
    Ok(Shop { address, sidecar })
}

/// Starts a sidecar with the facilitator API.
pub(crate) async fn facilitator(plan: Plan) -> Result<Shop> {
    let address = free_address()?;
    let plan = plan
        .set("INSFORGE_SIDECAR_FACILITATOR_LISTEN", &address.to_string())
        .set("INSFORGE_SIDECAR_FACILITATOR_PAYEES", SELLER)
        .set("INSFORGE_SIDECAR_FACILITATOR_PRICES", "0.01");
    Ok(Shop {
        address,
        sidecar: plan.start().await?,
    })
}

impl Shop {
    /// Asks with these headers.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Got> {
        let mut request = http::client()?.get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send().await?).await
    }

    /// Asks with a payment, in the header that buyers of this form use.
    pub(crate) async fn buy(&self, path: &str, signed: &Signed, form: Form) -> Result<Got> {
        let name = match form {
            Form::V1 => "x-payment",
            Form::V2 | Form::Hybrid => "payment-signature",
        };
        self.get(path, &[(name, &header::encode(&signed.payment(form)))])
            .await
    }

    /// How many answers of this kind the gateway has counted.
    pub(crate) async fn answers(&self, kind: &str) -> Result<u64> {
        let metrics = http::client()?.get(self.sidecar.url("/metrics")).send().await?;
        let metrics = metrics.text().await?;
        let start = format!("x402_gateway_answers_total{{answer=\"{kind}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
        Ok(line.with_context(|| format!("no {start}"))?.parse()?)
    }

    /// A middleware's call.
    pub(crate) async fn call(&self, path: &str, signed: &Signed, form: Form) -> Result<(u16, Value)> {
        let body = json!({ "x402Version": if form == Form::V2 { 2 } else { 1 },
            "paymentPayload": signed.payment(form), "paymentRequirements": signed.requirements(form) });
        self.post(path, &body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let request = http::client()?.post(format!("http://{}{path}", self.address));
        let got = read(request.json(body).send().await?).await?;
        Ok((got.status, serde_json::from_str(&got.body)?))
    }
}

async fn read(answer: reqwest::Response) -> Result<Got> {
    Ok(Got {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: answer.text().await?,
    })
}
