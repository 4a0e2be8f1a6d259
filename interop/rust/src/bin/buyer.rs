//! reqwest with x402-reqwest, as its documentation shows it. A line of JSON in, a line of JSON out.

use std::io::{BufRead, Write, stdin, stdout};
use std::sync::{Arc, Mutex};

use alloy_signer_local::PrivateKeySigner;
use http::{Extensions, HeaderMap};
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next, Result};
use serde_json::{Value, json};
use x402_chain_eip155::{V1Eip155ExactClient, V2Eip155ExactClient};
use x402_reqwest::X402Client;

const PAYMENT: [&str; 2] = ["payment-signature", "x-payment"];

/// Keeps the payment that goes out, as an application would that wants to send the same one again.
#[derive(Clone, Default)]
struct Remembering(Arc<Mutex<HeaderMap>>);

#[async_trait::async_trait]
impl Middleware for Remembering {
    async fn handle(&self, request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        for name in PAYMENT {
            if let Some(value) = request.headers().get(name) {
                self.0.lock().unwrap().insert(name, value.clone());
            }
        }
        next.run(request, extensions).await
    }
}

async fn buy(url: &str, key: &str, sent: &Remembering) -> std::result::Result<Value, String> {
    let signer: Arc<PrivateKeySigner> = Arc::new(key.parse().map_err(|_| "no key".to_owned())?);
    let payments = X402Client::new()
        .register(V1Eip155ExactClient::new(signer.clone()))
        .register(V2Eip155ExactClient::new(signer));
    sent.0.lock().unwrap().clear();
    let client = ClientBuilder::new(Client::new())
        .with(payments)
        .with(sent.clone())
        .build();
    told(client.get(url).send().await.map_err(|error| format!("{error:?}"))?).await
}

async fn again(url: &str, sent: &Remembering) -> std::result::Result<Value, String> {
    let headers = sent.0.lock().unwrap().clone();
    let request = Client::new().get(url).headers(headers);
    told(request.send().await.map_err(|error| format!("{error:?}"))?).await
}

async fn told(response: Response) -> std::result::Result<Value, String> {
    let status = response.status().as_u16();
    let body = response.text().await.map_err(|error| format!("{error:?}"))?;
    Ok(json!({ "status": status, "body": body }))
}

#[tokio::main]
async fn main() {
    let sent = Remembering::default();
    say(&json!({ "ready": true }));
    for line in stdin().lock().lines().map_while(std::result::Result::ok) {
        let order: Value = serde_json::from_str(&line).unwrap_or_default();
        let url = order["url"].as_str().unwrap_or_default();
        let answer = if order["again"] == true {
            again(url, &sent).await
        } else {
            buy(url, order["key"].as_str().unwrap_or_default(), &sent).await
        };
        say(&answer.unwrap_or_else(|error| json!({ "error": error })));
    }
}

fn say(message: &Value) {
    println!("{message}");
    let _ = stdout().flush();
}
