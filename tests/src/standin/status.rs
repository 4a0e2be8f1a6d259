use alloy_primitives::B256;
use insforge_protocol::evm;
use serde_json::{Value, json};

use super::faults::{Answer, HashForm};
use super::request::{Generation, Request};
use super::settle::{Settled, status_of};
use super::supported::{CHAIN_INDEX, NETWORK};
use super::world::World;

/// The honest answer of `/settle`. `None`: the request was lost, nobody knows anything.
pub(super) fn settlement(generation: Generation, request: &Request, settled: Option<&Settled>) -> Value {
    let success = |status: &str, hash: &str| taken(generation, request, status, hash);
    match settled {
        None => refusal(generation, Some(request), "unexpected_settle_error"),
        Some(Settled::Refused(reason)) => refusal(generation, Some(request), reason),
        Some(Settled::TakenIn) => success("success", ""),
        Some(Settled::Sent(hash)) if request.sync => success("timeout", &text(*hash)),
        Some(Settled::Sent(hash)) => success("pending", &text(*hash)),
        Some(Settled::Done(hash)) if request.sync => success("success", &text(*hash)),
        Some(Settled::Done(hash)) => success("pending", &text(*hash)),
        Some(Settled::Reverted(_)) => refusal(generation, Some(request), "onchain_error"),
    }
}

/// `success: true` as a fault words it.
pub(super) fn success(
    generation: Generation,
    request: &Request,
    settled: Option<&Settled>,
    answer: &Answer,
    invented: B256,
) -> Value {
    let real = match settled {
        Some(Settled::Sent(hash) | Settled::Done(hash) | Settled::Reverted(hash)) => text(*hash),
        _ => String::new(),
    };
    let hash = match answer.hash {
        HashForm::Real => real,
        HashForm::Empty => String::new(),
        HashForm::Invented => text(invented),
    };
    taken(generation, request, &answer.status, &hash)
}

/// `success: false`, without any hash.
pub(super) fn refusal(generation: Generation, request: Option<&Request>, reason: &str) -> Value {
    let payer = request.map_or_else(String::new, |r| r.auth.from.to_string());
    match generation {
        Generation::One => json!({
            "chainIndex": CHAIN_INDEX, "chainName": "X Layer", "success": false, "payer": payer, "txHash": "",
            "errorMsg": reason,
        }),
        Generation::Two => json!({
            "success": false, "errorReason": reason, "errorMessage": reason, "payer": payer, "transaction": "",
            "network": NETWORK,
        }),
    }
}

fn taken(generation: Generation, request: &Request, status: &str, hash: &str) -> Value {
    let payer = request.auth.from.to_string();
    match generation {
        Generation::One => json!({
            "chainIndex": CHAIN_INDEX, "chainName": "X Layer", "success": true, "payer": payer, "txHash": hash,
            "status": status, "errorMsg": null,
        }),
        Generation::Two => json!({
            "success": true, "status": status, "payer": payer, "transaction": hash, "network": NETWORK,
        }),
    }
}

/// The answer of `/verify`.
pub(super) fn verdict(request: &Request, verdict: Result<(), &'static str>) -> Value {
    let payer = request.auth.from.to_string();
    match verdict {
        Ok(()) => json!({"isValid": true, "payer": payer, "invalidReason": null}),
        Err(reason) => json!({"isValid": false, "payer": payer, "invalidReason": reason}),
    }
}

/// `isValid: false` about a payment that could not be read.
pub(super) fn invalid(reason: &str) -> Value {
    json!({"isValid": false, "invalidReason": reason})
}

/// The answer of `settle/status` about a hash it does not know.
pub(super) fn not_found(reason: &str) -> Value {
    json!({
        "success": false, "errorReason": reason, "errorMessage": null, "payer": null, "transaction": null,
        "network": null, "status": null,
    })
}

/// The answer of `settle/status?txHash=…`; the index lags as far as the settings say.
pub(super) fn of_hash(world: &World, path: &str) -> Value {
    let hash = path
        .split_once("txHash=")
        .and_then(|(_, hash)| evm::bytes32(hash));
    let Some(hash) = hash else {
        return not_found("param_mismatch");
    };
    let asked = {
        let mut asked = world.asked.lock();
        let count = asked.entry(hash).or_default();
        *count += 1;
        *count
    };
    if asked <= world.settings.lock().status_lag {
        return not_found("not_found");
    }
    match status_of(world, hash) {
        Some(status) => json!({
            "success": true, "errorReason": null, "errorMessage": null, "payer": null, "transaction": text(hash),
            "network": NETWORK, "status": status,
        }),
        None => not_found("not_found"),
    }
}

fn text(hash: B256) -> String {
    format!("{hash:#x}")
}
