//! Judges every case of `vectors/okx_hmac.json`, or of the file named by `OKX_HMAC_VECTORS`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

mod support;

use insforge_protocol::okx::{prehash, sign};
use serde_json::Value;
use support::{text, vectors};

#[test]
fn every_hmac_vector_is_signed_alike() {
    let file = vectors("OKX_HMAC_VECTORS", "okx_hmac.json");
    let cases = file["cases"].as_array().expect("the file has `cases`");
    let failures: Vec<String> = cases.iter().filter_map(wrong_case).collect();
    assert!(
        failures.is_empty(),
        "{} wrong:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("judged {} HMAC cases", cases.len());
}

fn wrong_case(case: &Value) -> Option<String> {
    let [timestamp, method, path, body] =
        ["timestamp", "method", "requestPath", "body"].map(|member| text(case, member));
    let text_signed = prehash(timestamp, method, path, body);
    let signature = sign(text(case, "secretKey"), timestamp, method, path, body);
    let name = text(case, "description");
    if text_signed != text(case, "prehash") {
        return Some(format!("{name}: prehash is {text_signed:?}"));
    }
    (signature != text(case, "signature")).then(|| format!("{name}: signature is {signature}"))
}
