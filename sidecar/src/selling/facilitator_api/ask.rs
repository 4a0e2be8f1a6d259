//! Reading a request of a middleware.

use insforge_protocol::x402::{Payment, Reason, Requirements, Version};
use serde_json::Value;

use crate::selling::Entry;

/// Longest resource a payment is bound to; what is longer is no URL anybody means.
const MAX_RESOURCE: usize = 2048;

/// What a middleware asks about. Its two messages could be read.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) version: Version,
    pub(super) payment: Payment,
    pub(super) requirements: Requirements,
    pub(super) entry: Entry,
}

/// The version to answer in, as well as it can be told: the payload's, else the body's.
pub(super) fn version_of(body: &Value) -> Version {
    let payload = body.get("paymentPayload").unwrap_or(&Value::Null);
    Version::read(payload)
        .or_else(|_| Version::read(body))
        .unwrap_or(Version::V2)
}

/// Reads `{x402Version, paymentPayload, paymentRequirements}` (x402 v1 §7, v2 §7).
pub(super) fn read(body: &Value) -> Result<Asked, Reason> {
    let member = |name: &str| body.get(name).unwrap_or(&Value::Null);
    let payment = Payment::parse(member("paymentPayload"))?;
    let requirements = Requirements::parse(member("paymentRequirements"))?;
    Ok(Asked {
        version: payment.version,
        entry: Entry {
            payment: payment.raw().clone(),
            requirements: requirements.raw.clone(),
            resource: resource(&payment, &requirements),
            method: None,
            body_sha256: None,
            verified: false,
        },
        payment,
        requirements,
    })
}

/// What the payment is bound to at first sight. v1 requirements name the resource, and they are the
/// seller's; a v2 middleware passes on what the buyer wrote, which still tells two purchases apart. Without
/// either, the payment is good for this payee.
fn resource(payment: &Payment, requirements: &Requirements) -> String {
    let stated = requirements.raw.get("resource").and_then(Value::as_str);
    let echoed = || payment.raw().get("resource")?.get("url")?.as_str();
    match stated.or_else(echoed).filter(|text| !text.is_empty()) {
        Some(text) => clip(text).to_owned(),
        None => format!("payee {:#x}", requirements.pay_to),
    }
}

fn clip(text: &str) -> &str {
    let mut end = text.len().min(MAX_RESOURCE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
