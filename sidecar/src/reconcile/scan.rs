use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::evm::Address;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::archive::{Archive, Cursor, ScanTarget};
use super::chains::Chains;
use super::incoming::{Search, Seen, top};
use super::recent::Recent;
use crate::bell::Bell;
use crate::chain::{Chain, RpcError};
use crate::metrics::Metrics;
use crate::settle::LedgerError;
use crate::tasks::Part;

/// How long one process has the scan of a network without saying that it is still at it.
const LEASE: Duration = Duration::from_secs(120);
/// How often a scan that found nothing writes how far it came: what is scanned again after a crash.
const SAVE: Duration = Duration::from_secs(45);
/// Transfers recorded in one statement.
const BATCH: usize = 100;

/// Finds transfers to our payees, whoever sent them: the facilitator, the payer, or a stranger.
pub struct Scan {
    chains: Arc<Chains>,
    archive: Arc<dyn Archive>,
    metrics: Arc<Metrics>,
    bell: Arc<Bell>,
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
    /// When the targets were read.
    read: Option<Instant>,
    /// Whether some of them were not looked for in blocks that are scanned already.
    fresh: bool,
    saved: Option<Instant>,
    recent: Recent,
}

impl Scan {
    /// A round every `interval`. `recipient` is a payee whether or not a payment names it yet; `bell` tells when
    /// there are payments that may name others.
    pub fn new(
        chains: Arc<Chains>,
        archive: Arc<dyn Archive>,
        metrics: Arc<Metrics>,
        bell: Arc<Bell>,
        recipient: Option<Address>,
        interval: Duration,
    ) -> Self {
        Self {
            chains,
            archive,
            metrics,
            bell,
            recipient,
            interval,
        }
    }

    /// Scans from where the cursor stands to the newest block.
    pub(super) async fn round(&self, chain: &Chain, progress: &mut Progress) -> Result<usize, Broken> {
        self.take(chain, progress).await?;
        self.aim(chain, progress).await?;
        let Some(cursor) = &progress.cursor else {
            return Err(Broken::Lost);
        };
        let search = Search {
            chain,
            targets: &progress.targets,
            cursor,
            fresh: progress.fresh,
        };
        let Some(seen) = chain.first(chain.endpoints(), |one| search.ask(one)).await? else {
            return Ok(0);
        };
        let found = self.record(&seen, &mut progress.recent).await?;
        progress.went(&seen);
        if let Some(cursor) = &progress.cursor {
            let next = i64::try_from(cursor.next_block).unwrap_or(i64::MAX);
            self.metrics.scan_next_block.set(next);
        }
        self.save(chain, progress, found > 0).await?;
        Ok(found)
    }

    /// Takes the scan of this network if it is free.
    async fn take(&self, chain: &Chain, progress: &mut Progress) -> Result<(), Broken> {
        if progress.cursor.is_some() {
            return Ok(());
        }
        let newest = chain.first(chain.endpoints(), |one| async {
            Ok(top(chain, &one.heads(0).await?))
        });
        let start = newest.await?.map_or(0, |block| Search::back_from(block.number));
        let network = chain.network().to_string();
        progress.cursor = self.archive.scan_claim(&network, LEASE, start).await?;
        progress.saved = Some(Instant::now());
        Ok(())
    }

    /// Reads what to look for, if it may have changed.
    async fn aim(&self, chain: &Chain, progress: &mut Progress) -> Result<(), Broken> {
        let old = |read: Instant| read.elapsed() >= SAVE || self.bell.is_news_since(read);
        if progress.cursor.is_none() || !progress.read.is_none_or(old) {
            return Ok(());
        }
        let (now, network) = (Instant::now(), chain.network().to_string());
        let mut targets: BTreeSet<_> = self.archive.scan_targets(&network).await?.into_iter().collect();
        let assets: BTreeSet<_> = targets.iter().map(|target| target.asset).collect();
        targets.extend(assets.into_iter().flat_map(|asset| {
            let ours = |pay_to| ScanTarget { asset, pay_to };
            self.recipient.map(ours)
        }));
        progress.recent.news = true;
        // Blocks are scanned already in which nobody looked for these.
        progress.fresh |= !targets.is_subset(&progress.targets);
        progress.targets = targets;
        progress.read = Some(now);
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

    /// Records what was not recorded before, and what may belong to a payment by now.
    async fn record(&self, seen: &Seen, recent: &mut Recent) -> Result<usize, LedgerError> {
        let offered = recent.offers(seen);
        let mut found = 0;
        for batch in offered.chunks(BATCH) {
            let matched = self.archive.record_transfers(batch).await?;
            for one in matched.iter().filter(|one| one.applied) {
                let (payment, status) = (one.id, &one.status);
                info!(%payment, status, "the scan of incoming transfers found a payment");
                found += 1;
            }
            recent.offered(batch, &matched);
        }
        self.metrics.scan_found.inc_by(found as u64);
        recent.news = false;
        Ok(found)
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

impl Progress {
    /// Everything up to there was searched. An endpoint that is behind takes nothing back.
    fn went(&mut self, seen: &Seen) {
        self.fresh = false;
        let Some(cursor) = self.cursor.as_mut() else {
            return;
        };
        if seen.top.number.saturating_add(1) >= cursor.next_block {
            cursor.next_block = seen.top.number.saturating_add(1);
            cursor.block_hash = Some(seen.top.hash);
        }
        self.recent.forget(cursor.next_block);
    }
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
