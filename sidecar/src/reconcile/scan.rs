use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::evidence::{Finality, Heads, Incoming, TRANSFER, incoming};
use insforge_protocol::evm::{Address, B256, lower};
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::archive::{Archive, Cursor, ScanTarget, Transfer};
use super::chains::Chains;
use crate::chain::{Chain, Endpoint, LogFilter, RpcError};
use crate::metrics::Metrics;
use crate::settle::LedgerError;
use crate::tasks::Part;

/// How long one process has the scan of a network without saying that it is still at it.
const LEASE: Duration = Duration::from_secs(120);
/// How often a scan that found nothing writes how far it came: what is scanned again after a crash.
const SAVE: Duration = Duration::from_secs(45);
/// Blocks scanned before the first look, and again for a payee that was not known yet.
const BACK: u64 = 600;
/// Blocks scanned again when the last one scanned is gone.
const REORGANISED: u64 = 64;
/// Transfers recorded in one statement.
const BATCH: usize = 100;

/// Finds transfers to our payees, whoever sent them: the facilitator, the payer, or a stranger.
pub struct Scan {
    chains: Arc<Chains>,
    archive: Arc<dyn Archive>,
    metrics: Arc<Metrics>,
    recipient: Option<Address>,
    interval: Duration,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The chain could not be asked.
    #[error("chain: {0}")]
    Chain(#[from] RpcError),
    /// The database could not be asked.
    #[error("database: {0}")]
    Ledger(#[from] LedgerError),
    /// Another process scans.
    #[error("another sidecar scans")]
    Lost,
}

/// What a scan remembers between rounds.
#[derive(Default)]
pub(super) struct Progress {
    cursor: Option<Cursor>,
    targets: BTreeSet<ScanTarget>,
    saved: Option<Instant>,
}

impl Scan {
    /// A round every `interval`. `recipient` is a payee whether or not a payment names it yet.
    pub fn new(
        chains: Arc<Chains>,
        archive: Arc<dyn Archive>,
        metrics: Arc<Metrics>,
        recipient: Option<Address>,
        interval: Duration,
    ) -> Self {
        Self {
            chains,
            archive,
            metrics,
            recipient,
            interval,
        }
    }

    /// Scans from where the cursor stands to the newest block.
    pub(super) async fn round(&self, chain: &Chain, progress: &mut Progress) -> Result<usize, Broken> {
        let heads = chain.first(chain.endpoints(), |one| one.heads(0)).await?;
        let latest = heads.latest().number;
        self.take(chain, latest, progress).await?;
        let Some(cursor) = &mut progress.cursor else {
            return Err(Broken::Lost);
        };
        if let (Some(known), Some(last)) = (cursor.block_hash, cursor.next_block.checked_sub(1)) {
            let block = chain
                .first(chain.endpoints(), |one| one.block_numbered(last))
                .await?;
            if block.is_some_and(|block| block.hash != known) {
                cursor.next_block = cursor.next_block.saturating_sub(REORGANISED);
            }
        }
        let mut found = 0;
        if cursor.next_block <= latest && !progress.targets.is_empty() {
            let from = cursor.next_block;
            let transfers = self.find(chain, &progress.targets, from, &heads).await?;
            for batch in transfers.chunks(BATCH) {
                found += self.record(batch).await?;
            }
        }
        cursor.next_block = cursor.next_block.max(latest + 1);
        cursor.block_hash = Some(heads.latest().hash);
        self.metrics
            .scan_next_block
            .set(i64::try_from(cursor.next_block).unwrap_or(i64::MAX));
        self.save(chain, progress, found > 0).await?;
        Ok(found)
    }

    /// Takes the scan of this network if it is free, and reads what to look for.
    async fn take(&self, chain: &Chain, latest: u64, progress: &mut Progress) -> Result<(), Broken> {
        let stale = progress.saved.is_none_or(|saved| saved.elapsed() >= SAVE);
        if progress.cursor.is_some() && !stale {
            return Ok(());
        }
        let network = chain.network().to_string();
        if progress.cursor.is_none() {
            let start = latest.saturating_sub(BACK);
            progress.cursor = self.archive.scan_claim(&network, LEASE, start).await?;
            progress.saved = Some(Instant::now());
        }
        let Some(cursor) = &mut progress.cursor else {
            return Err(Broken::Lost);
        };
        let mut targets: BTreeSet<_> = self.archive.scan_targets(&network).await?.into_iter().collect();
        let assets: BTreeSet<_> = targets.iter().map(|target| target.asset).collect();
        targets.extend(assets.into_iter().flat_map(|asset| {
            let ours = |pay_to| ScanTarget { asset, pay_to };
            self.recipient.map(ours)
        }));
        if !targets.is_subset(&progress.targets) {
            // Nobody looked for these so far.
            cursor.next_block = cursor.next_block.min(latest.saturating_sub(BACK));
        }
        progress.targets = targets;
        Ok(())
    }

    /// Writes how far the scan came, seldom while it finds nothing.
    async fn save(&self, chain: &Chain, progress: &mut Progress, found: bool) -> Result<(), Broken> {
        let due = progress.saved.is_none_or(|saved| saved.elapsed() >= SAVE);
        let Some(cursor) = progress.cursor.as_ref().filter(|_| found || due) else {
            return Ok(());
        };
        let network = chain.network().to_string();
        progress.saved = Some(Instant::now());
        if !self.archive.scan_advance(&network, cursor, LEASE).await? {
            progress.cursor = None;
            return Err(Broken::Lost);
        }
        Ok(())
    }

    /// Transfers of these tokens to these payees, from this block on.
    async fn find(
        &self,
        chain: &Chain,
        targets: &BTreeSet<ScanTarget>,
        from: u64,
        heads: &Heads,
    ) -> Result<Vec<Transfer>, RpcError> {
        let tokens: BTreeSet<Address> = targets.iter().map(|target| target.asset).collect();
        let payees: BTreeSet<B256> = targets.iter().map(|target| target.pay_to.into_word()).collect();
        let filter = LogFilter {
            addresses: tokens.into_iter().collect(),
            topics: vec![vec![TRANSFER], vec![], payees.into_iter().collect()],
        };
        chain
            .first(chain.endpoints(), |one| {
                transfers(chain, one, &filter, targets, from, heads)
            })
            .await
    }

    async fn record(&self, transfers: &[Transfer]) -> Result<usize, LedgerError> {
        let moved = self.archive.record_transfers(transfers).await?;
        self.metrics.scan_found.inc_by(moved.len() as u64);
        for (payment, status) in &moved {
            info!(%payment, status, "the scan of incoming transfers found a payment");
        }
        Ok(moved.len())
    }

    async fn watch(&self, chain: &Chain) {
        let mut progress = Progress::default();
        loop {
            let wait = match self.round(chain, &mut progress).await {
                Ok(_) => self.interval,
                Err(Broken::Lost) => {
                    progress = Progress::default();
                    LEASE / 2
                }
                Err(error) => {
                    debug!(network = %chain.network(), %error, "incoming transfers could not be scanned");
                    self.interval
                }
            };
            sleep(wait).await;
        }
    }
}

/// The transfers that one endpoint shows, each from a receipt whose block it has.
async fn transfers(
    chain: &Chain,
    endpoint: &Endpoint,
    filter: &LogFilter,
    targets: &BTreeSet<ScanTarget>,
    from: u64,
    heads: &Heads,
) -> Result<Vec<Transfer>, RpcError> {
    let logs = endpoint.logs(filter, from, heads.latest().number, false).await?;
    let mut hashes: Vec<B256> = logs.iter().map(|log| log.tx_hash).collect();
    hashes.dedup();
    let mut found = Vec::new();
    for hash in hashes {
        let Some(sighting) = endpoint.sighting(hash).await?.filter(|one| one.is_canonical()) else {
            continue;
        };
        let receipt = &sighting.receipt;
        let finality = heads.finality(receipt.block_number);
        for token in &filter.addresses {
            let ours = |one: &Incoming| {
                targets.contains(&ScanTarget {
                    asset: *token,
                    pay_to: one.to,
                })
            };
            found.extend(
                incoming(receipt, *token)
                    .into_iter()
                    .filter(ours)
                    .map(|one| Transfer {
                        network: chain.network().to_string(),
                        asset: lower(one.token),
                        payer: lower(one.from),
                        nonce: one.nonce.map(|nonce| format!("{nonce:#x}")),
                        pay_to: lower(one.to),
                        value: one.value.to_string(),
                        tx_hash: format!("{:#x}", receipt.tx_hash),
                        log_index: one.log_index,
                        block_number: receipt.block_number,
                        block_hash: format!("{:#x}", receipt.block_hash),
                        finality: finality.max(Finality::Latest).as_str(),
                        block_time: sighting.block.timestamp,
                        evidence: json!({ "chain": {
                            "event": "found by the scan",
                            "endpoints": [endpoint.label()],
                            "submitter": receipt.sender.map(lower),
                        }}),
                    }),
            );
        }
    }
    Ok(found)
}

impl Part for Scan {
    async fn run(&self, stop: CancellationToken) {
        let watching = self.chains.iter().map(|chain| self.watch(chain));
        let all = async {
            futures_util::future::join_all(watching).await;
            std::future::pending::<()>().await;
        };
        let _ = stop.run_until_cancelled(all).await;
    }
}
