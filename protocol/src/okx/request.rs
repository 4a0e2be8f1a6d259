//! Request bodies. The buyer's payload goes on with every member it came with; the requirements are the
//! seller's own. Where buyer and API speak different versions, the envelope members are translated and the
//! signed part stays as it is.

use alloy_primitives::B256;
use serde_json::{Map, Value, json};

use super::Generation;
use crate::evm::lower;
use crate::evm::signature::Signature;
use crate::x402::{Payment, Requirements, Scheme, Version};

/// Body of `/settle`. `sync` is always stated, because the defaults of the two generations and of the SDKs
/// differ: false returns once the transaction is sent, true waits for its confirmation.
pub fn settle_body(
    generation: Generation,
    payment: &Payment,
    requirements: &Requirements,
    sync: bool,
) -> Value {
    let mut body = verify_body(generation, payment, requirements);
    body["syncSettle"] = Value::Bool(sync);
    body
}

/// Body of `/verify`.
pub fn verify_body(generation: Generation, payment: &Payment, requirements: &Requirements) -> Value {
    match generation {
        Generation::One => json!({
            "x402Version": 1,
            "chainIndex": requirements.network.chain_id().to_string(),
            "paymentPayload": payload_v1(payment),
            "paymentRequirements": requirements_v1(requirements),
        }),
        Generation::Two => json!({
            "x402Version": 2,
            "paymentPayload": payload_v2(payment, requirements),
            "paymentRequirements": requirements_v2(requirements),
        }),
    }
}

/// Path and query of `GET settle/status`, which only generation 2 has; sign the whole of it.
pub fn status_path(hash: B256) -> String {
    format!("{}/settle/status?txHash={hash:#x}", Generation::Two.prefix())
}

fn payload_v1(payment: &Payment) -> Value {
    let mut message = forwarded(payment);
    message.insert("x402Version".into(), json!(1));
    if payment.version == Version::V2 {
        message.remove("accepted");
        message.insert("network".into(), json!(payment.network.to_string()));
    }
    message.entry("scheme").or_insert(json!(payment.scheme.as_str()));
    Value::Object(message)
}

fn payload_v2(payment: &Payment, requirements: &Requirements) -> Value {
    let mut message = forwarded(payment);
    message.insert("x402Version".into(), json!(2));
    if payment.version == Version::V1 {
        for member in ["scheme", "network", "chainIndex"] {
            message.remove(member);
        }
        message.insert("accepted".into(), requirements_v2(requirements));
    }
    Value::Object(message)
}

/// The buyer's message with the signature in the form a token takes (v 27 or 28).
fn forwarded(payment: &Payment) -> Map<String, Value> {
    let mut message = members(payment.raw());
    if payment.scheme != Scheme::Exact {
        return message;
    }
    if let Ok(Signature::Eoa(signature)) = Signature::parse(payment.signature.reveal())
        && let Some(sent) = message
            .get_mut("payload")
            .and_then(|payload| payload.get_mut("signature"))
    {
        *sent = Value::String(signature.to_hex());
    }
    message
}

/// Generation 1 names the chain beside the requirements, not in them.
fn requirements_v1(requirements: &Requirements) -> Value {
    let mut message = stated(requirements);
    message.remove("network");
    message.remove("amount");
    message.insert("maxAmountRequired".into(), json!(requirements.amount.to_string()));
    Value::Object(message)
}

fn requirements_v2(requirements: &Requirements) -> Value {
    let mut message = stated(requirements);
    message.remove("maxAmountRequired");
    message.insert("network".into(), json!(requirements.network.to_string()));
    message.insert("amount".into(), json!(requirements.amount.to_string()));
    Value::Object(message)
}

/// The seller's message with what both generations need spelt one way.
fn stated(requirements: &Requirements) -> Map<String, Value> {
    let mut message = members(&requirements.raw);
    message.remove("chainIndex");
    message.insert("scheme".into(), message_scheme(requirements));
    for (member, address) in [("asset", requirements.asset), ("payTo", requirements.pay_to)] {
        if message
            .get(member)
            .and_then(Value::as_str)
            .is_some_and(|text| text.starts_with("XKO"))
        {
            message.insert(member.into(), json!(lower(address)));
        }
    }
    message
}

fn message_scheme(requirements: &Requirements) -> Value {
    requirements
        .raw
        .get("scheme")
        .cloned()
        .unwrap_or_else(|| json!(requirements.scheme.as_str()))
}

fn members(message: &Value) -> Map<String, Value> {
    message.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
