use std::time::{Instant, SystemTime};

use alloy_primitives::{Address, B256, U256, hex};
use serde_json::{Value, json};

use super::calls::Call;
use super::chain::{Block, Chain, Log, LogFilter, Receipt, Tag};
use super::facilitator::{pick, wait_after, wait_before};
use super::faults::Say;
use super::reply::Reply;
use super::supported::CHAIN_ID;
use super::world::World;

mod call;
mod filter;
mod render;

/// A JSON-RPC error: code and message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RpcError(i64, String);

type Answer = Result<Value, RpcError>;

/// What one endpoint sees: the chain as it was some blocks ago, if the endpoint lags.
struct View<'a> {
    chain: &'a Chain,
    lag: u64,
    logs_range: Option<u64>,
}

/// Answers one request, or a batch of them.
pub(super) async fn answer(world: &World, name: &str, body: &[u8]) -> Reply {
    let target = format!("rpc/{name}");
    let request: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let batch: Vec<&Value> = request
        .as_array()
        .map_or_else(|| vec![&request], |all| all.iter().collect());
    let first = batch
        .first()
        .and_then(|r| r["method"].as_str())
        .map(str::to_owned);
    let call = Call {
        at: SystemTime::now(),
        instant: Instant::now(),
        signed_at: None,
        target: target.clone(),
        nonce: None,
        payer: None,
        method: first,
        answer: None,
    };
    let at = world.calls.begin(call);
    let fault = pick(world, &target, None);
    wait_before(world, &fault).await;
    let answers: Vec<Value> = batch.iter().map(|request| one(world, name, request)).collect();
    wait_after(world, &fault).await;
    let truth = if request.is_array() {
        Value::Array(answers)
    } else {
        answers.into_iter().next().unwrap_or_default()
    };
    let reply = match &fault.say {
        Say::Truth | Say::Success(_) => Reply::Json(200, truth),
        Say::Refusal(text) => Reply::Json(200, error(&request["id"], &RpcError(-32000, text.clone()))),
        Say::Code(status, code) => {
            Reply::Json(*status, error(&request["id"], &RpcError(-32000, code.clone())))
        }
        Say::RateLimited(after) => {
            Reply::Limited(*after, error(&request["id"], &RpcError(-32005, "limit".into())))
        }
        Say::Truncated => Reply::Truncated(truth),
        Say::Slow(pause) => Reply::Slow(*pause, truth),
        Say::Reset => Reply::Reset,
        Say::Silence => Reply::Silence,
        Say::Status(status) => Reply::Page(*status, "upstream error"),
        Say::Garbage => Reply::Page(200, "\u{1}\u{2}not json"),
    };
    world.calls.end(at, reply.label());
    reply
}

fn one(world: &World, name: &str, request: &Value) -> Value {
    let (lag, logs_range) = {
        let settings = world.settings.lock();
        (
            settings.rpc_lag.get(name).copied().unwrap_or(0),
            settings.logs_range,
        )
    };
    let chain = world.chain();
    let view = View {
        chain: &chain,
        lag,
        logs_range,
    };
    match view.run(request["method"].as_str().unwrap_or_default(), &request["params"]) {
        Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
        Err(failed) => error(&request["id"], &failed),
    }
}

fn error(id: &Value, error: &RpcError) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": error.0, "message": error.1}})
}

impl View<'_> {
    fn run(&self, method: &str, params: &Value) -> Answer {
        match method {
            "eth_chainId" => Ok(json!(format!("{CHAIN_ID:#x}"))),
            "net_version" => Ok(json!(CHAIN_ID.to_string())),
            "eth_blockNumber" => Ok(json!(format!("{:#x}", self.head()))),
            "eth_getBlockByNumber" => {
                let number = self.tag(&params[0])?;
                Ok(self.block(number).map_or(Value::Null, render::block))
            }
            "eth_getTransactionReceipt" => {
                let hash = params[0].as_str().and_then(insforge_protocol::evm::bytes32);
                let hash = hash.ok_or_else(|| invalid("transaction hash"))?;
                Ok(self.receipt(hash).map_or(Value::Null, render::receipt))
            }
            "eth_getLogs" => filter::logs(self, &params[0]),
            "eth_call" => {
                let at = self.tag(&params[1])?.min(self.head());
                call::call(self.chain, &params[0], at)
            }
            "eth_getCode" => Ok(json!("0x")),
            other => Err(RpcError(-32601, format!("the method {other} does not exist"))),
        }
    }

    /// The newest block that this endpoint has seen.
    fn head(&self) -> u64 {
        self.chain
            .resolve(Tag::Latest)
            .unwrap_or(0)
            .saturating_sub(self.lag)
    }

    /// The number that a block parameter means. A number beyond the head stays what it is.
    fn tag(&self, value: &Value) -> Result<u64, RpcError> {
        let behind = |tag| self.chain.resolve(tag).unwrap_or(0).saturating_sub(self.lag);
        match value.as_str() {
            None | Some("latest" | "pending") => Ok(self.head()),
            Some("safe") => Ok(behind(Tag::Safe)),
            Some("finalized") => Ok(behind(Tag::Finalized)),
            Some("earliest") => Ok(0),
            Some(text) => quantity(text).ok_or_else(|| invalid("block number")),
        }
    }

    fn block(&self, number: u64) -> Option<&Block> {
        (number <= self.head())
            .then(|| self.chain.block(Tag::Number(number)))
            .flatten()
    }

    fn receipt(&self, hash: B256) -> Option<&Receipt> {
        self.chain
            .receipt(hash)
            .filter(|receipt| receipt.block <= self.head())
    }
}

fn quantity(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn invalid(what: &str) -> RpcError {
    RpcError(-32602, format!("invalid argument: {what}"))
}
