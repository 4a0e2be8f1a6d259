use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::bench::facilitator::Facilitator;
use crate::bench::node::Node;
use crate::bench::wire::next_message;
use crate::cluster::Database;
use crate::port::free_address;
use crate::sidecar::{Plan, Sidecar};
use crate::standin::Credentials;

const REPORT: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 6\r\n\r\nreport";

/// An endpoint that answers "report" at once.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    server: JoinHandle<()>,
}

impl Upstream {
    pub(super) async fn start() -> Result<Upstream> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(report(stream));
            }
        });
        Ok(Upstream { address, server })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn report(mut stream: TcpStream) {
    drop(stream.set_nodelay(true));
    let mut buffer = Vec::with_capacity(8192);
    // An error is a client that went away.
    while let Ok(Some(length)) = next_message(&mut stream, &mut buffer).await {
        buffer.drain(..length);
        if stream.write_all(REPORT).await.is_err() {
            return;
        }
    }
}

/// The sidecar with its gateway. Calls in flight are as many as there are clients, at most.
pub(super) async fn gateway(
    database: &Database,
    facilitator: &Facilitator,
    upstream: &Upstream,
    requirements: &Value,
    in_flight: usize,
) -> Result<(Sidecar, SocketAddr)> {
    let known = Credentials::default();
    let address = free_address()?;
    let seconds = requirements["maxTimeoutSeconds"].as_u64().context("seconds")?;
    let route = json!([{ "path": "/report", "upstream": format!("http://{}", upstream.address),
        "amount": requirements["amount"], "pay_to": requirements["payTo"], "sign_for": format!("{seconds}s") }]);
    let plan = Plan::new(&database.sidecar_url())?
        .set("OKX_BASE_URL", &facilitator.url())
        .set("OKX_API_KEY", &known.key)
        .set("OKX_SECRET_KEY", &known.secret)
        .set("OKX_PASSPHRASE", &known.passphrase)
        .set("INSFORGE_SIDECAR_CONCURRENCY", &in_flight.to_string())
        .set("INSFORGE_SIDECAR_GATEWAY_LISTEN", &address.to_string())
        .set("INSFORGE_SIDECAR_GATEWAY_ROUTES", &route.to_string());
    Ok((plan.start().await?, address))
}

/// The same endpoint sold by `@x402/express`, the handler in its own process.
pub(super) async fn express(facilitator: &Facilitator, requirements: &Value) -> Result<(Node, SocketAddr)> {
    let argument = json!({ "facilitator": facilitator.url(), "requirements": requirements });
    let mut node = Node::start("gateway.mjs", &argument.to_string(), &[]).await?;
    let port: u16 = node
        .ask("port")
        .await?
        .parse()
        .context("a port from the program in Node")?;
    Ok((node, (Ipv4Addr::LOCALHOST, port).into()))
}
