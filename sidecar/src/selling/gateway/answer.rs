//! The answers that the gateway itself gives.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use insforge_protocol::x402::{Challenge, Network, SettleResult, Version, header, settle_response};
use serde_json::{Value, json};

use super::headers::{PAYMENT_REQUIRED, PAYMENT_RESPONSE, X_PAYMENT_RESPONSE, mark_sold};
use crate::selling::Sale;
use crate::selling::serve::Body;

/// How a buyer is spoken to: in the version of its payment, and in the header it reads.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    pub(super) version: Version,
    pub(super) in_v1_header: bool,
    pub(super) network: Network,
    pub(super) payer: String,
}

impl Voice {
    /// Adds the result to an answer's headers.
    pub(super) fn tell(&self, headers: &mut HeaderMap, result: &SettleResult) {
        let message = settle_response(self.version, result, Some(&self.payer), Some(self.network));
        if let Ok(value) = HeaderValue::from_str(&header::encode(&message)) {
            if self.in_v1_header {
                headers.insert(X_PAYMENT_RESPONSE, value.clone());
            }
            headers.insert(PAYMENT_RESPONSE, value);
        }
    }

    /// Adds the good news.
    pub(super) fn tell_settled(&self, headers: &mut HeaderMap, sale: &Sale) {
        let transaction = sale.tx_hash.clone().unwrap_or_default();
        self.tell(headers, &SettleResult::Done { transaction });
    }
}

/// What kind of answer a response is, for the metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind(pub(super) &'static str);

/// Says what kind of answer a response is.
pub(super) fn of_kind(kind: &'static str, mut response: Response<Body>) -> Response<Body> {
    response.extensions_mut().insert(Kind(kind));
    response
}

/// A body that is there.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never: std::convert::Infallible| match never {})
        .boxed_unsync()
}

/// A JSON answer.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    mark_sold(headers);
    response
}

/// An answer that has nothing to do with a payment.
pub(super) fn problem(status: StatusCode, error: &str) -> Response<Body> {
    let kind = match status {
        StatusCode::CONFLICT => "bound_elsewhere",
        StatusCode::TOO_MANY_REQUESTS => "limited",
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => "upstream_failed",
        _ => "bad_request",
    };
    of_kind(kind, json_answer(status, &json!({ "error": error })))
}

/// 402 and what to pay.
pub(super) fn challenge(challenge: Challenge, kind: &'static str) -> Response<Body> {
    let mut response = json_answer(StatusCode::PAYMENT_REQUIRED, &challenge.body);
    if let Some(value) = challenge
        .header
        .and_then(|value| HeaderValue::from_str(&value).ok())
    {
        response.headers_mut().insert(PAYMENT_REQUIRED, value);
    }
    of_kind(kind, response)
}

/// The outcome is not known yet: come back with the same payment. Never a challenge, which would make a
/// buyer pay twice.
pub(super) fn open(voice: &Voice, sale: Option<&Sale>, after: std::time::Duration) -> Response<Body> {
    let transaction = sale.and_then(|sale| sale.tx_hash.clone());
    let mut response = json_answer(
        StatusCode::SERVICE_UNAVAILABLE,
        &json!({
            "error": "the payment is not confirmed yet; retry with the same payment, do not sign a new one",
            "reason": "settlement_pending",
            "transaction": transaction,
            "payment": sale.map(|sale| sale.id.to_string()),
        }),
    );
    retry_after(response.headers_mut(), after);
    voice.tell(response.headers_mut(), &SettleResult::Pending { transaction });
    of_kind("open", response)
}

/// Nothing was done with the payment: come back with the same one.
pub(super) fn unavailable(error: &str, after: std::time::Duration) -> Response<Body> {
    let mut response = json_answer(
        StatusCode::SERVICE_UNAVAILABLE,
        &json!({ "error": format!("{error}; retry with the same payment") }),
    );
    retry_after(response.headers_mut(), after);
    of_kind("unavailable", response)
}

/// The payment has bought what it can buy.
pub(super) fn used(voice: &Voice, sale: &Sale) -> Response<Body> {
    conflict(
        voice,
        sale,
        "this payment was used, and the answer it bought is not kept any more",
    )
}

/// What the payment bought is kept for somebody else.
pub(super) fn anothers(voice: &Voice, sale: &Sale) -> Response<Body> {
    conflict(
        voice,
        sale,
        "this payment was used with other credentials (Authorization, Cookie, payment-identifier), and what it bought is for those",
    )
}

fn conflict(voice: &Voice, sale: &Sale, error: &str) -> Response<Body> {
    let mut response = json_answer(
        StatusCode::CONFLICT,
        &json!({ "error": error, "reason": "already_used", "payment": sale.id.to_string() }),
    );
    voice.tell_settled(response.headers_mut(), sale);
    of_kind("used", response)
}

/// A person has to look at the payment.
pub(super) fn review(sale: &Sale) -> Response<Body> {
    let mut response = json_answer(
        StatusCode::SERVICE_UNAVAILABLE,
        &json!({
            "error": "the payment is being looked into; do not sign a new one, and name it to the seller",
            "reason": "settlement_pending",
            "payment": sale.id.to_string(),
        }),
    );
    retry_after(response.headers_mut(), std::time::Duration::from_secs(300));
    of_kind("open", response)
}

/// Whole seconds, rounded up: a client told 0 would come back at once.
fn retry_after(headers: &mut HeaderMap, after: std::time::Duration) {
    let seconds = after.as_millis().div_ceil(1000).max(1);
    if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
        headers.insert(RETRY_AFTER, value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insforge_protocol::ledger::Status;
    use uuid::Uuid;

    use super::*;
    use crate::selling::Delivery;

    fn sale() -> Sale {
        Sale {
            id: Uuid::nil(),
            status: Status::Unknown,
            tx_hash: Some("0xab".into()),
            payer: "0xf3".into(),
            network: None,
            error_reason: None,
            delivery: Delivery::Open,
        }
    }

    fn voice(in_v1_header: bool) -> Voice {
        Voice {
            version: if in_v1_header { Version::V1 } else { Version::V2 },
            in_v1_header,
            network: Network::new(8453),
            payer: "0xf3".into(),
        }
    }

    fn result(response: &Response<Body>, name: &str) -> Value {
        header::decode(response.headers()[name].to_str().unwrap()).unwrap()
    }

    #[test]
    fn an_open_outcome_is_503_with_the_hash_and_no_challenge() {
        let response = open(&voice(false), Some(&sale()), Duration::from_millis(1500));
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "2");
        assert!(!response.headers().contains_key("payment-required"));
        let told = result(&response, "payment-response");
        assert_eq!(
            (&told["errorReason"], &told["transaction"]),
            (&json!("settlement_pending"), &json!("0xab"))
        );
        assert!(!response.headers().contains_key("x-payment-response"));
    }

    #[test]
    fn v1_buyers_read_the_result_in_their_own_header_and_words() {
        let response = used(&voice(true), &sale());
        for name in ["payment-response", "x-payment-response"] {
            assert_eq!(result(&response, name)["network"], "base", "{name}");
        }
        assert_eq!(
            (response.status().as_u16(), &response.headers()["cache-control"]),
            (409, &"no-store".parse().unwrap())
        );
    }
}
