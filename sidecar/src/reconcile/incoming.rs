//! What endpoints show of transfers to our payees.

use std::collections::BTreeSet;

use insforge_protocol::evidence::{Block, Finality, Heads, Incoming, Sighting, TRANSFER, incoming};
use insforge_protocol::evm::{Address, B256, lower};
use serde_json::{Value, json};

use super::archive::{Cursor, ScanTarget, Transfer};
use crate::chain::{Chain, Endpoint, LogFilter, RpcError};

/// Blocks scanned before the first look, again for a payee that was not known yet, and after a reorganisation.
const BACK: u64 = 600;
/// Blocks scanned again in every round.
const OVERLAP: u64 = 10;

/// What one endpoint showed of a range of blocks.
pub(super) struct Seen {
    /// The newest block that was searched.
    pub(super) top: Block,
    /// Whether all recent blocks were searched again.
    pub(super) anew: bool,
    /// Transfers to our payees, each proven by as many endpoints as the operator asks for.
    pub(super) transfers: Vec<Transfer>,
}

/// A search of transfers, from where the scan stands to the newest block.
pub(super) struct Search<'a> {
    pub(super) chain: &'a Chain,
    pub(super) targets: &'a BTreeSet<ScanTarget>,
    /// Where the scan stands.
    pub(super) cursor: &'a Cursor,
    /// Whether some targets were not looked for before.
    pub(super) fresh: bool,
}

/// The newest block whose transfers settle payments; `None` where the chain does not say which it is.
pub(super) fn top(chain: &Chain, heads: &Heads) -> Option<Block> {
    match chain.rules().settle_at {
        Finality::None | Finality::Latest => Some(*heads.latest()),
        Finality::Safe => heads.safe().copied(),
        Finality::Finalized => heads.finalized().copied(),
    }
}

impl Search<'_> {
    /// Where to begin for what nobody looked for before.
    pub(super) const fn back_from(height: u64) -> u64 {
        height.saturating_sub(BACK)
    }

    /// Where to begin anyway: a provider's nodes are not quite in step, and one that answers for logs may lack the
    /// newest blocks of one that answered for heads.
    pub(super) const fn overlap_from(next_block: u64) -> u64 {
        next_block.saturating_sub(OVERLAP)
    }

    /// Asks one endpoint for everything: heads of one and logs of another that is behind would leave out blocks.
    pub(super) async fn ask(&self, endpoint: &Endpoint) -> Result<Option<Seen>, RpcError> {
        let heads = endpoint.heads(0).await?;
        let Some(top) = top(self.chain, &heads) else {
            return Ok(None);
        };
        let mut transfers = Vec::new();
        let from = self.from(endpoint, &top).await?;
        let anew = from.is_some_and(|from| from <= Self::back_from(top.number));
        if let Some(from) = from.filter(|_| !self.targets.is_empty()) {
            let logs = endpoint.logs(&self.filter(), from, top.number, false).await?;
            let mut hashes: Vec<B256> = logs.iter().map(|log| log.tx_hash).collect();
            hashes.dedup();
            for hash in hashes {
                let Some(sighting) = endpoint.sighting(hash).await?.filter(Sighting::is_canonical) else {
                    continue;
                };
                let found = self.transfers(&sighting, &heads);
                if !found.is_empty() {
                    let evidence = self.prove(endpoint, &sighting).await?;
                    let vouched = |one| Transfer {
                        evidence: evidence.clone(),
                        ..one
                    };
                    transfers.extend(found.into_iter().map(vouched));
                }
            }
        }
        Ok(Some(Seen { top, anew, transfers }))
    }

    /// The first block to search; `None` if there is nothing new.
    async fn from(&self, endpoint: &Endpoint, top: &Block) -> Result<Option<u64>, RpcError> {
        let next = self.cursor.next_block;
        if self.fresh {
            return Ok(Some(next.min(Self::back_from(top.number))));
        }
        if let (Some(known), Some(last)) = (self.cursor.block_hash, next.checked_sub(1)) {
            let block = endpoint.block_numbered(last).await?;
            if block.is_some_and(|block| block.hash != known) {
                // A reorganisation: what was there may be anywhere by now.
                return Ok(Some(next.min(Self::back_from(top.number))));
            }
        }
        Ok((next <= top.number).then(|| Self::overlap_from(next)))
    }

    fn filter(&self) -> LogFilter {
        let tokens: BTreeSet<Address> = self.targets.iter().map(|target| target.asset).collect();
        let payees: BTreeSet<B256> = self
            .targets
            .iter()
            .map(|target| target.pay_to.into_word())
            .collect();
        LogFilter {
            addresses: tokens.into_iter().collect(),
            topics: vec![vec![TRANSFER], vec![], payees.into_iter().collect()],
        }
    }

    /// Has as many endpoints show the same receipt as must agree before a payment counts as settled.
    async fn prove(&self, first: &Endpoint, sighting: &Sighting) -> Result<Value, RpcError> {
        let rules = self.chain.rules();
        let (wanted, mut labels) = (rules.proving.min(rules.endpoints), vec![first.label()]);
        for other in self.chain.endpoints() {
            if labels.len() >= wanted {
                break;
            }
            if labels.contains(&other.label()) {
                continue;
            }
            if let Ok(Some(seen)) = other.sighting(sighting.receipt.tx_hash).await
                && seen.is_canonical()
                && seen.receipt == sighting.receipt
            {
                labels.push(other.label());
            }
        }
        if labels.len() < wanted {
            return Err(RpcError::NotConfirmed);
        }
        Ok(json!({ "chain": {
            "event": "found by the scan",
            "endpoints": labels,
            "submitter": sighting.receipt.sender.map(lower),
        }}))
    }

    /// The transfers in a receipt that are ours.
    fn transfers(&self, sighting: &Sighting, heads: &Heads) -> Vec<Transfer> {
        let receipt = &sighting.receipt;
        let finality = heads.finality(receipt.block_number);
        let tokens: BTreeSet<Address> = self.targets.iter().map(|target| target.asset).collect();
        let ours = |one: &Incoming| {
            let (asset, pay_to) = (one.token, one.to);
            self.targets.contains(&ScanTarget { asset, pay_to })
        };
        tokens
            .into_iter()
            .flat_map(|token| incoming(receipt, token))
            .filter(ours)
            .map(|one| Transfer {
                network: self.chain.network().to_string(),
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
                evidence: Value::Null,
            })
            .collect()
    }
}
