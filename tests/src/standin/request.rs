use alloy_primitives::{Address, B256, U256};
use insforge_protocol::evm::{self, Authorization};
use serde_json::Value;

use super::supported::{CHAIN_INDEX, NETWORK};

pub(super) use insforge_protocol::okx::Generation;

/// What `/verify` and `/settle` are asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) asset: Address,
    pub(super) pay_to: Address,
    pub(super) amount: U256,
    pub(super) auth: Authorization,
    pub(super) signature: String,
    pub(super) sync: bool,
    /// `aggr_deferred`: taken in now, settled in a later batch.
    pub(super) deferred: bool,
}

/// Why a request is refused before it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BadRequest {
    /// HTTP 400 with this code and text.
    Parameter(&'static str, String),
    /// `success:false` / `isValid:false` with this reason.
    Refused(&'static str),
}

use BadRequest::Refused;

const MISMATCH: BadRequest = Refused("param_mismatch");

impl Request {
    pub(super) fn read(generation: Generation, body: &Value) -> Result<Request, BadRequest> {
        let version = match generation {
            Generation::One => 1,
            Generation::Two => 2,
        };
        if body.get("x402Version").and_then(Value::as_u64) != Some(version) {
            return Err(parameter("x402Version"));
        }
        let payload = body.get("paymentPayload").filter(|v| v.is_object());
        let payload = payload.ok_or_else(|| parameter("paymentPayload"))?;
        let required = body.get("paymentRequirements").filter(|v| v.is_object());
        let required = required.ok_or_else(|| parameter("paymentRequirements"))?;
        if payload.get("x402Version").and_then(Value::as_u64) != Some(version) {
            return Err(MISMATCH);
        }
        let scheme = match generation {
            Generation::One => first(body, payload, required)?,
            Generation::Two => second(payload, required)?,
        };
        let signed = &payload["payload"];
        let default_sync = generation == Generation::One;
        Ok(Request {
            asset: address(&required["asset"])?,
            pay_to: address(&required["payTo"])?,
            amount: uint(&required[amount_member(generation)])?,
            auth: authorization(&signed["authorization"])?,
            signature: text(&signed["signature"])?.to_owned(),
            sync: body
                .get("syncSettle")
                .and_then(Value::as_bool)
                .unwrap_or(default_sync),
            deferred: scheme == "aggr_deferred",
        })
    }

    /// Nonce and payer of any body that has them, for the call log; strictness comes later.
    pub(super) fn identity(body: &Value) -> (Option<B256>, Option<Address>) {
        let auth = &body["paymentPayload"]["payload"]["authorization"];
        let read = |member: &str| auth[member].as_str();
        (
            read("nonce").and_then(evm::bytes32),
            read("from").and_then(evm::address),
        )
    }
}

const fn amount_member(generation: Generation) -> &'static str {
    match generation {
        Generation::One => "maxAmountRequired",
        Generation::Two => "amount",
    }
}

fn first<'a>(body: &Value, payload: &'a Value, required: &'a Value) -> Result<&'a str, BadRequest> {
    let index = body.get("chainIndex").and_then(Value::as_str).unwrap_or_default();
    if index.parse::<u64>().is_err() {
        let text = "chainIndex not empty or should be numeric".to_owned();
        return Err(BadRequest::Parameter("50014", text));
    }
    let named = [payload.get("chainIndex"), payload.get("network")];
    let chains = named.into_iter().flatten().filter_map(Value::as_str);
    if index != CHAIN_INDEX
        || chains
            .into_iter()
            .any(|chain| ![CHAIN_INDEX, NETWORK].contains(&chain))
    {
        return Err(Refused("unsupported_chain"));
    }
    same_scheme(payload, required)
}

fn second<'a>(payload: &'a Value, required: &'a Value) -> Result<&'a str, BadRequest> {
    let accepted = payload
        .get("accepted")
        .filter(|v| v.is_object())
        .ok_or(MISMATCH)?;
    for side in [accepted, required] {
        if side["network"].as_str() != Some(NETWORK) {
            return Err(Refused("unsupported_chain"));
        }
    }
    let offered = address(&accepted["asset"])? == address(&required["asset"])?
        && address(&accepted["payTo"])? == address(&required["payTo"])?
        && uint(&accepted["amount"])? == uint(&required["amount"])?;
    if !offered {
        return Err(Refused("no matching payment option"));
    }
    if required["maxTimeoutSeconds"]
        .as_u64()
        .is_none_or(|seconds| seconds == 0)
    {
        return Err(MISMATCH);
    }
    same_scheme(accepted, required)
}

fn same_scheme<'a>(chosen: &'a Value, required: &'a Value) -> Result<&'a str, BadRequest> {
    let (chosen, required) = (text(&chosen["scheme"])?, text(&required["scheme"])?);
    let known = ["exact", "aggr_deferred"].contains(&chosen);
    (known && chosen == required)
        .then_some(chosen)
        .ok_or(Refused("no matching payment option"))
}

fn authorization(value: &Value) -> Result<Authorization, BadRequest> {
    Ok(Authorization {
        from: address(&value["from"])?,
        to: address(&value["to"])?,
        value: uint(&value["value"])?,
        valid_after: uint(&value["validAfter"])?,
        valid_before: uint(&value["validBefore"])?,
        nonce: value["nonce"].as_str().and_then(evm::bytes32).ok_or(MISMATCH)?,
    })
}

fn address(value: &Value) -> Result<Address, BadRequest> {
    value.as_str().and_then(evm::address).ok_or(MISMATCH)
}

fn uint(value: &Value) -> Result<U256, BadRequest> {
    value.as_str().and_then(evm::uint256).ok_or(MISMATCH)
}

fn text(value: &Value) -> Result<&str, BadRequest> {
    value.as_str().filter(|t| !t.is_empty()).ok_or(MISMATCH)
}

fn parameter(name: &str) -> BadRequest {
    BadRequest::Parameter("51000", format!("Parameter {name} error"))
}
