//! A shop on axum with x402-axum; its facilitator is the sidecar. `/report/…` is sold to v2 buyers on X Layer,
//! `/v1/…` to v1 buyers on Base, because v1 has no name for X Layer. It ends with its input.

use std::env::var;
use std::io::{Read, stdin};

use alloy_primitives::{Address, address};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use x402_axum::X402Middleware;
use x402_chain_eip155::chain::{AssetTransferMethod, Eip155ChainReference, Eip155TokenDeployment};
use x402_chain_eip155::{V1Eip155Exact, V2Eip155Exact};

/// A cent.
const PRICE: u64 = 10_000;

fn token(chain: u64, address: Address, name: &str, version: &str) -> Eip155TokenDeployment {
    Eip155TokenDeployment {
        chain_reference: Eip155ChainReference::new(chain),
        address,
        decimals: 6,
        transfer_method: AssetTransferMethod::Eip3009 {
            name: name.to_owned(),
            version: version.to_owned(),
        },
    }
}

async fn report(Path(number): Path<String>) -> String {
    format!("report {number}")
}

#[tokio::main]
async fn main() {
    let x402 = X402Middleware::new(&var("FACILITATOR_URL").expect("FACILITATOR_URL"));
    let payee: Address = var("PAYEE").expect("PAYEE").parse().expect("an address");
    let usdg = token(196, address!("4ae46a509f6b1d9056937ba4500cb143933d2dc8"), "Global Dollar", "1");
    let usdc = token(8453, address!("833589fcd6edb6e08f4c7c32d4f71b54bda02913"), "USD Coin", "2");
    let v2 = x402.with_price_tag(V2Eip155Exact::price_tag(payee, usdg.amount(PRICE)));
    // Without a media type its offer says null, which v1 clients refuse.
    let v1 = x402
        .with_price_tag(V1Eip155Exact::price_tag(payee, usdc.amount(PRICE)))
        .with_description("a report".to_owned())
        .with_mime_type("text/plain".to_owned());
    let app = Router::new()
        .route("/report/{number}", get(report).layer(v2))
        .route("/v1/{number}", get(report).layer(v1));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{{\"port\":{}}}", listener.local_addr().expect("an address").port());
    std::thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    axum::serve(listener, app).await.expect("a listener");
}
