//! A chain in memory behind a real JSON-RPC server, with the faults that providers have.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use alloy_primitives::{address, b256};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use insforge_protocol::evidence::{AUTHORIZATION_CANCELED, AUTHORIZATION_USED, TRANSFER};
use insforge_protocol::evm::{self, Address, B256, U256};
use insforge_protocol::x402::Network;
use serde_json::{Value, json};

use super::{ChainSettings, Endpoint, Rpc};

/// The payment of `settle::fixture`.
pub(crate) const TOKEN: Address = address!("4ae46a509f6b1d9056937ba4500cb143933d2dc8");
pub(crate) const PAYER: Address = address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
pub(crate) const PAYEE: Address = address!("70997970c51812dc3a010c7d01b50e0d17dc79c8");
pub(crate) const NONCE: B256 = b256!("29478b02501ba8d0dd48ec00db27396333a4cc465b2be908c2654f194ac30241");
pub(crate) const VALUE: u64 = 10_713_377;
/// Time of block 0; blocks come every second.
pub(crate) const GENESIS: u64 = crate::settle::fixture::NOW;

/// A log before it has a place: topics and data.
type Draft = (Vec<B256>, Vec<u8>);

#[derive(Clone)]
struct Tx {
    hash: B256,
    ok: bool,
    logs: Vec<Draft>,
}

/// The chain. Block hashes depend on a fork number, so that a reorganisation changes them.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    blocks: Vec<(u64, Vec<Tx>)>,
    fork: u64,
}

/// How a node behaves.
#[derive(Clone)]
pub(crate) struct Manners {
    pub(crate) chain_id: u64,
    /// HTTP status of every answer, if not 200.
    pub(crate) status: Option<u16>,
    /// Blocks by which it lags.
    pub(crate) lag: u64,
    /// Most blocks in one search of logs.
    pub(crate) log_range: u64,
    /// Whether it keeps state of its latest block only.
    pub(crate) pruned: bool,
    /// Whether it knows the tags `safe` and `finalized`.
    pub(crate) tags: bool,
    pub(crate) safe_depth: u64,
    pub(crate) final_depth: u64,
    pub(crate) separator: B256,
    /// Answers in place of the truth.
    pub(crate) lies: Vec<(&'static str, Value)>,
    /// Methods that were asked for.
    pub(crate) asked: Vec<String>,
}

/// One node over a chain that others may share.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) chain: Arc<Mutex<Ledger>>,
    pub(crate) manners: Arc<Mutex<Manners>>,
    pub(crate) url: reqwest::Url,
}

pub(crate) fn used(nonce: B256) -> Draft {
    (vec![AUTHORIZATION_USED, PAYER.into_word(), nonce], vec![])
}

pub(crate) fn canceled(nonce: B256) -> Draft {
    (vec![AUTHORIZATION_CANCELED, PAYER.into_word(), nonce], vec![])
}

pub(crate) fn transfer(value: u64) -> Draft {
    let topics = vec![TRANSFER, PAYER.into_word(), PAYEE.into_word()];
    (topics, U256::from(value).to_be_bytes_vec())
}

impl Ledger {
    /// Mines empty blocks until one of this height is there.
    pub(crate) fn grow(&mut self, height: u64) {
        while (self.blocks.len() as u64) <= height {
            self.blocks.push((self.fork, Vec::new()));
        }
    }

    /// Mines a block with one transaction and returns its height.
    pub(crate) fn mine(&mut self, hash: B256, ok: bool, logs: Vec<Draft>) -> u64 {
        self.blocks.push((self.fork, vec![Tx { hash, ok, logs }]));
        self.blocks.len() as u64 - 1
    }

    /// Throws the blocks from this height on away and mines as many empty ones.
    pub(crate) fn reorganise(&mut self, height: u64) {
        self.fork += 1;
        let fork = self.fork;
        for block in &mut self.blocks[height as usize..] {
            *block = (fork, Vec::new());
        }
    }

    fn hash(&self, number: u64) -> B256 {
        let fork = self.blocks[number as usize].0;
        B256::from(U256::from(1_000_000 * (fork + 1) + number))
    }

    fn block(&self, number: u64) -> Value {
        json!({
            "number": format!("{number:#x}"),
            "hash": format!("{:#x}", self.hash(number)),
            "timestamp": format!("{:#x}", GENESIS + number),
            "transactions": [],
        })
    }

    fn receipts(&self, number: u64) -> Vec<Value> {
        let mut index = 0;
        let mut all = Vec::new();
        for tx in &self.blocks[number as usize].1 {
            let mut logs = Vec::new();
            for (topics, data) in &tx.logs {
                logs.push(json!({
                    "address": format!("{TOKEN:#x}"),
                    "topics": topics.iter().map(|topic| format!("{topic:#x}")).collect::<Vec<_>>(),
                    "data": format!("0x{}", data.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
                    "blockNumber": format!("{number:#x}"),
                    "blockHash": format!("{:#x}", self.hash(number)),
                    "transactionHash": format!("{:#x}", tx.hash),
                    "logIndex": format!("{index:#x}"),
                    "removed": false,
                }));
                index += 1;
            }
            all.push(json!({
                "transactionHash": format!("{:#x}", tx.hash),
                "blockNumber": format!("{number:#x}"),
                "blockHash": format!("{:#x}", self.hash(number)),
                "from": format!("{:#x}", Address::repeat_byte(9)),
                "status": if tx.ok { "0x1" } else { "0x0" },
                "logs": logs,
            }));
        }
        all
    }

    fn logs(&self, from: u64, to: u64) -> Vec<Value> {
        let top = self.blocks.len() as u64 - 1;
        let receipts = (from..=to.min(top)).flat_map(|number| self.receipts(number));
        receipts
            .filter(|receipt| receipt["status"] == "0x1")
            .flat_map(|receipt| receipt["logs"].as_array().unwrap().clone())
            .collect()
    }
}

impl Node {
    /// A node of X Layer over a chain of its own.
    pub(crate) async fn start() -> Self {
        Self::over(Arc::new(Mutex::new(Ledger::default()))).await
    }

    /// Another node over the same chain.
    pub(crate) async fn over(chain: Arc<Mutex<Ledger>>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/secret-key", listener.local_addr().unwrap());
        let manners = Manners {
            chain_id: Network::X_LAYER.chain_id(),
            status: None,
            lag: 0,
            log_range: u64::MAX,
            pruned: false,
            tags: true,
            safe_depth: 10,
            final_depth: 20,
            separator: B256::ZERO,
            lies: Vec::new(),
            asked: Vec::new(),
        };
        let node = Self {
            chain,
            manners: Arc::new(Mutex::new(manners)),
            url: url.parse().unwrap(),
        };
        let router = Router::new()
            .route("/secret-key", post(answer))
            .with_state(node.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        node
    }

    pub(crate) fn chain(&self) -> MutexGuard<'_, Ledger> {
        self.chain.lock().unwrap()
    }

    pub(crate) fn manners(&self) -> MutexGuard<'_, Manners> {
        self.manners.lock().unwrap()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let rpc = Rpc::new(self.url.clone(), "node".to_owned(), Duration::from_secs(5), 0.0).unwrap();
        Endpoint::new(rpc, Network::X_LAYER, &ChainSettings::default())
    }
}

async fn answer(State(node): State<Node>, Json(request): Json<Value>) -> Response {
    let method = request["method"].as_str().unwrap().to_owned();
    let mut manners = node.manners();
    manners.asked.push(method.clone());
    if let Some(status) = manners.status {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let lie = manners.lies.iter().find(|(about, _)| *about == method);
    let result = match lie {
        Some((_, lie)) => Ok(lie.clone()),
        None => truth(&node.chain(), &manners, &method, &request["params"]),
    };
    let mut reply = json!({"jsonrpc": "2.0", "id": request["id"]});
    match result {
        Ok(result) => reply["result"] = result,
        Err(message) => reply["error"] = json!({"code": -32000, "message": message}),
    }
    Json(reply).into_response()
}

fn truth(chain: &Ledger, manners: &Manners, method: &str, params: &Value) -> Result<Value, &'static str> {
    let top = (chain.blocks.len() as u64 - 1).saturating_sub(manners.lag);
    let number = |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
    let height = |value: &Value| match value.as_str().unwrap() {
        "latest" => Ok(top),
        "safe" if manners.tags => Ok(top.saturating_sub(manners.safe_depth)),
        "finalized" if manners.tags => Ok(top.saturating_sub(manners.final_depth)),
        "safe" | "finalized" => Err("unknown block tag"),
        _ => Ok(number(value)),
    };
    match method {
        "eth_chainId" => Ok(json!(format!("{:#x}", manners.chain_id))),
        "eth_getBlockByNumber" => {
            let height = height(&params[0])?;
            Ok(if height <= top {
                chain.block(height)
            } else {
                Value::Null
            })
        }
        "eth_getTransactionReceipt" => {
            let all = (0..=top).flat_map(|number| chain.receipts(number));
            let wanted = |receipt: &Value| receipt["transactionHash"] == params[0];
            Ok(all.into_iter().find(wanted).unwrap_or(Value::Null))
        }
        "eth_getLogs" => {
            let (from, to) = (number(&params[0]["fromBlock"]), number(&params[0]["toBlock"]));
            if to - from + 1 > manners.log_range {
                return Err("query exceeds max block range");
            }
            Ok(json!(chain.logs(from, to.min(top))))
        }
        "eth_call" => call(chain, manners, top, params),
        _ => Err("method not found"),
    }
}

fn call(chain: &Ledger, manners: &Manners, top: u64, params: &Value) -> Result<Value, &'static str> {
    let data = params[0]["data"].as_str().unwrap();
    if data.starts_with("0x3644e515") {
        return Ok(json!(format!("{:#x}", manners.separator)));
    }
    let at = u64::from_str_radix(&params[1].as_str().unwrap()[2..], 16).unwrap();
    if at > top {
        return Err("header not found");
    }
    if manners.pruned && at != top {
        return Err("missing trie node");
    }
    let nonce = evm::bytes32(&format!("0x{}", &data[74..138])).unwrap();
    let used = chain.logs(0, at).iter().any(|log| {
        let signature = log["topics"][0].as_str().and_then(evm::bytes32);
        log["topics"][2].as_str().and_then(evm::bytes32) == Some(nonce) && signature != Some(TRANSFER)
    });
    Ok(json!(format!("0x{:064x}", u8::from(used))))
}
