use std::sync::Arc;

use reqwest::{Client, RequestBuilder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::selling::serve::{Limits, serve};
use crate::tokens::testing::{ALICE, FakeRegistrar, OLD, exchange};

const ORIGIN: &str = "https://app.acme.example";
const FORM: &str = "application/x-www-form-urlencoded";

async fn served() -> (Client, String) {
    let exchange = exchange(&Arc::new(FakeRegistrar::default()), |_, _| {}).await;
    let endpoint = Endpoint {
        exchange: Arc::new(exchange),
        origins: Origins::new([ORIGIN]).unwrap(),
        proxies: TrustedProxies::default(),
    };
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let limits = Limits {
        connections: 16,
        head_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        head_bytes: 2 * MAX_TOKEN_BYTES,
        grace: Duration::from_secs(1),
    };
    tokio::spawn(serve(
        listener,
        limits,
        Arc::new(endpoint),
        CancellationToken::new(),
    ));
    let tls = crate::tls::client().unwrap();
    (
        Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .build()
            .unwrap(),
        url,
    )
}

/// Status, `Cache-Control`, and the body as JSON.
async fn answer(request: RequestBuilder) -> (u16, String, Value) {
    let answer = request.send().await.unwrap();
    let cache = answer
        .headers()
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok());
    let (status, cache) = (answer.status().as_u16(), cache.unwrap_or_default().to_owned());
    let body = answer.text().await.unwrap();
    (
        status,
        cache,
        serde_json::from_str(&body).unwrap_or(Value::String(body)),
    )
}

fn form(token: &str) -> String {
    format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
         &subject_token_type=urn:ietf:params:oauth:token-type:jwt"
    )
}

#[tokio::test]
async fn both_forms_of_asking_get_the_answer_of_rfc_8693() {
    let (client, url) = served().await;
    let posted = client.post(&url).header(CONTENT_TYPE, FORM).body(form(ALICE));
    for request in [posted, client.post(&url).bearer_auth(ALICE)] {
        let (status, cache, body) = answer(request).await;
        assert_eq!((status, cache.as_str()), (200, "no-store"), "{body}");
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["issued_token_type"], "urn:ietf:params:oauth:token-type:jwt");
        assert_eq!(body["expires_in"], 900);
        assert!(
            body["access_token"]
                .as_str()
                .unwrap()
                .starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")
        );
    }
}

#[tokio::test]
async fn refusals_name_the_reason_and_never_the_token() {
    let (client, url) = served().await;
    let (status, cache, body) = answer(client.post(&url).bearer_auth(OLD)).await;
    assert_eq!((status, cache.as_str()), (400, "no-store"));
    assert_eq!(
        (&body["error"], &body["reason"]),
        (&"invalid_request".into(), &"expired".into())
    );
    assert!(!body.to_string().contains(&OLD[60..90]));
    let (status, _, body) = answer(client.post(&url)).await;
    assert_eq!((status, &body["error"]), (400, &"invalid_request".into()));
}

#[tokio::test]
async fn a_body_of_a_megabyte_is_not_read_to_its_end() {
    let (client, url) = served().await;
    let request = client
        .post(&url)
        .header(CONTENT_TYPE, FORM)
        .body(form(&"x".repeat(1 << 20)));
    assert_eq!(answer(request).await.0, 413);
    let long = client
        .post(&url)
        .header(CONTENT_TYPE, FORM)
        .body(form(&"x".repeat(MAX_TOKEN_BYTES + 1)));
    assert_eq!(answer(long).await.2["reason"], "too_large");
}

#[tokio::test]
async fn other_methods_and_paths_are_told_apart() {
    let (client, url) = served().await;
    let got = client.get(&url).send().await.unwrap();
    assert_eq!(
        (got.status().as_u16(), &got.headers()[ALLOW]),
        (405, &HeaderValue::from_static("POST, OPTIONS"))
    );
    assert_eq!(answer(client.post(format!("{url}s"))).await.0, 404);
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_read() {
    let (client, url) = served().await;
    let preflight = client
        .request(Method::OPTIONS, &url)
        .header("origin", ORIGIN)
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status().as_u16(), 204);
    assert_eq!(
        preflight.headers()["access-control-allow-headers"],
        "authorization, content-type"
    );
    let allowed = client
        .post(&url)
        .header("origin", ORIGIN)
        .bearer_auth(OLD)
        .send()
        .await
        .unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], ORIGIN);
    assert!(!allowed.headers().contains_key("access-control-allow-credentials"));
    let other = client
        .post(&url)
        .header("origin", "https://evil.example")
        .bearer_auth(ALICE)
        .send()
        .await
        .unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    assert_eq!(other.headers()["vary"], "origin");
}
