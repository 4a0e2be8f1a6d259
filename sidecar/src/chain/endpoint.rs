use std::sync::atomic::AtomicU64;
use std::time::Duration;

use insforge_protocol::evidence::{Block, Heads, Log, Receipt, bytes32_result, hex_quantity, state_result};
use insforge_protocol::evm::{Address, B256};
use insforge_protocol::x402::Network;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::error;

use super::logs::LogFilter;
use super::{ChainSettings, Rpc, RpcError};
use crate::health::Component;

/// `authorizationState(address,bytes32)` (EIP-3009).
const AUTHORIZATION_STATE: &str = "0xe94a0102";
/// `DOMAIN_SEPARATOR()` (EIP-2612, and every EIP-3009 token in use).
const DOMAIN_SEPARATOR: &str = "0x3644e515";
/// How long an endpoint of another chain is left alone before it is asked again.
const WRONG_CHAIN_REST: Duration = Duration::from_secs(60);

/// A block to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest.
    Latest,
    /// The newest that is tagged safe.
    Safe,
    /// The newest that is tagged finalized.
    Finalized,
    /// By height.
    Number(u64),
}

/// Whether the endpoint is known to serve the right chain.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Checked {
    No,
    Right,
    Wrong { error: RpcError, since: Instant },
}

/// One endpoint of one chain: typed questions, strict answers.
pub struct Endpoint {
    pub(super) rpc: Rpc,
    network: Network,
    health: Component,
    checked: Mutex<Checked>,
    heads: Mutex<Option<(Instant, Heads)>>,
    heads_age: Duration,
    final_depth: Option<u64>,
    /// Blocks that the provider was found to allow in one search of logs.
    pub(super) log_range: AtomicU64,
    pub(super) log_range_limit: u64,
}

impl Endpoint {
    /// An endpoint that is to serve `network`; it is asked for that at its first use.
    pub fn new(rpc: Rpc, network: Network, settings: &ChainSettings) -> Self {
        Self {
            rpc,
            network,
            health: Component::new("chain"),
            checked: Mutex::new(Checked::No),
            heads: Mutex::new(None),
            heads_age: settings.heads_age,
            final_depth: settings.final_depth,
            log_range: AtomicU64::new(settings.log_range),
            log_range_limit: settings.log_range,
        }
    }

    /// Its name in evidence and logs.
    pub fn label(&self) -> &str {
        self.rpc.label()
    }

    /// Whether its last answer was one.
    pub fn is_up(&self) -> bool {
        self.health.is_up()
    }

    /// Asks a question of the right chain, and learns from the answer whether the endpoint works.
    async fn ask(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let answer = match self.check().await {
            Ok(()) => self.rpc.call(method, params).await,
            Err(error) => Err(error),
        };
        match &answer {
            Err(error) if error.is_outage() => {
                self.health.failed(&format!("{}: {error}", self.label()));
                let mut checked = self.checked.lock().await;
                if *checked == Checked::Right {
                    *checked = Checked::No;
                }
            }
            _ => self.health.succeeded(),
        }
        answer
    }

    /// Makes sure that the endpoint serves the chain it was configured for. It is asked again after every outage,
    /// because another machine may answer then.
    pub async fn check(&self) -> Result<(), RpcError> {
        let mut checked = self.checked.lock().await;
        match &*checked {
            Checked::Right => return Ok(()),
            Checked::Wrong { error, since } if since.elapsed() < WRONG_CHAIN_REST => {
                return Err(error.clone());
            }
            Checked::No | Checked::Wrong { .. } => {}
        }
        let answer = self.rpc.call("eth_chainId", json!([])).await?;
        let (wanted, got) = (self.network.chain_id(), hex_quantity(&answer, "eth_chainId")?);
        if got == wanted {
            *checked = Checked::Right;
            return Ok(());
        }
        let wrong = RpcError::WrongChain { wanted, got };
        error!(
            endpoint = self.label(),
            wanted, got, "an endpoint serves another chain; it is not used"
        );
        *checked = Checked::Wrong {
            error: wrong.clone(),
            since: Instant::now(),
        };
        Err(wrong)
    }

    /// A block, if the endpoint has it. One of another height than was asked for is refused.
    pub async fn block(&self, at: At) -> Result<Option<Block>, RpcError> {
        let tag = match at {
            At::Latest => "latest".to_owned(),
            At::Safe => "safe".to_owned(),
            At::Finalized => "finalized".to_owned(),
            At::Number(number) => format!("{number:#x}"),
        };
        let block = Block::parse(&self.ask("eth_getBlockByNumber", json!([tag, false])).await?)?;
        match (at, block) {
            (At::Number(number), Some(block)) if block.number != number => {
                Err(RpcError::NotRpc("a block of another height"))
            }
            (_, block) => Ok(block),
        }
    }

    /// The block of this height.
    pub async fn block_numbered(&self, number: u64) -> Result<Option<Block>, RpcError> {
        self.block(At::Number(number)).await
    }

    /// The chain's ends, a moment old at most, and not older than a block of height `at_least` where that
    /// exists.
    pub async fn heads(&self, at_least: u64) -> Result<Heads, RpcError> {
        let mut kept = self.heads.lock().await;
        if let Some((read_at, heads)) = &*kept
            && read_at.elapsed() < self.heads_age
            && heads.latest().number >= at_least
        {
            return Ok(*heads);
        }
        let read_at = Instant::now();
        // In this order, so that heads which move on while we ask stay in order.
        let tagged = match self.final_depth {
            None => self.tagged(At::Finalized).await?,
            Some(_) => None,
        };
        let safe = self.tagged(At::Safe).await?;
        let latest = self
            .block(At::Latest)
            .await?
            .ok_or(RpcError::NotRpc("no latest block"))?;
        let finalized = match self.final_depth {
            None => tagged,
            Some(depth) => {
                self.block(At::Number(latest.number.saturating_sub(depth)))
                    .await?
            }
        };
        let safe = safe.or(finalized).filter(|safe| {
            // With a depth of our own, the chain's tag may lag behind what we call final.
            finalized.is_none_or(|last| last.number <= safe.number)
        });
        let heads = Heads::new(latest, safe, finalized)?;
        *kept = Some((read_at, heads));
        Ok(heads)
    }

    /// A tagged block; chains without the tag answer with an error.
    async fn tagged(&self, at: At) -> Result<Option<Block>, RpcError> {
        match self.block(at).await {
            Err(RpcError::Refused { .. }) => Ok(None),
            answer => answer,
        }
    }

    /// A receipt, if the endpoint has one, which it need not although the transaction exists.
    pub async fn receipt(&self, tx_hash: B256) -> Result<Option<Receipt>, RpcError> {
        let answer = self
            .ask("eth_getTransactionReceipt", json!([format!("{tx_hash:#x}")]))
            .await?;
        Ok(Receipt::parse(&answer, tx_hash)?)
    }

    /// Whether a nonce is used as of the block of this height. The height is named: a node behind a balancer that
    /// does not have the block must say so rather than answer for an older one.
    pub async fn is_used(
        &self,
        token: Address,
        from: Address,
        nonce: B256,
        number: u64,
    ) -> Result<bool, RpcError> {
        let data = format!("{AUTHORIZATION_STATE}{}{}", hex(from.into_word()), hex(nonce));
        Ok(state_result(
            &self.view(token, data, &format!("{number:#x}")).await?,
        )?)
    }

    /// The token's EIP-712 domain separator.
    pub async fn domain_separator(&self, token: Address) -> Result<B256, RpcError> {
        let answer = self.view(token, DOMAIN_SEPARATOR.to_owned(), "latest").await?;
        Ok(bytes32_result(&answer)?)
    }

    /// One range of logs, unchecked.
    pub(super) async fn raw_logs(
        &self,
        filter: &LogFilter,
        from: u64,
        to: u64,
    ) -> Result<Vec<Log>, RpcError> {
        Ok(Log::parse_all(
            &self.ask("eth_getLogs", json!([filter.params(from, to)])).await?,
        )?)
    }

    async fn view(&self, to: Address, data: String, at: &str) -> Result<Value, RpcError> {
        self.ask("eth_call", json!([{"to": format!("{to:#x}"), "data": data}, at]))
            .await
    }
}

fn hex(word: B256) -> String {
    format!("{word:x}")
}
