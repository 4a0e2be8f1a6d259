//! One look at one payment through one endpoint: no more calls than the case needs.

use std::collections::BTreeSet;

use insforge_protocol::evidence::{
    AUTHORIZATION_CANCELED, AUTHORIZATION_USED, FinalReading, Heads, Named, PaymentFacts, Sighting, Trace,
    View, trace,
};
use insforge_protocol::evm::B256;

use super::endpoint::At;
use super::{Endpoint, LogFilter, RpcError};

/// How long before the payment was recorded somebody may have used the authorization already, in seconds: first a
/// little, for clocks that differ, then a day, then a month, should the nonce be used and the use not be found.
const MARGINS: [u64; 3] = [600, 86_400, 2_592_000];
/// Transactions of one nonce that are looked at. There can be one; a second shows that the endpoint lies.
const MOST_TRANSACTIONS: usize = 2;

/// A payment to look at.
#[derive(Debug, Clone)]
pub struct Target {
    /// What the ledger holds.
    pub facts: PaymentFacts,
    /// Unix seconds at which it was recorded: from there on its nonce is searched for. `None`: only the named
    /// transaction is looked at.
    pub created: Option<u64>,
}

impl Endpoint {
    /// Looks at a payment.
    ///
    /// # Errors
    /// Any [`RpcError`] but those of single questions that a pruned node cannot answer: these leave a gap in the
    /// view, of which the decision knows what to make.
    pub async fn look(&self, target: &Target) -> Result<View, RpcError> {
        let facts = &target.facts;
        let named = match facts.tx_hash {
            None => Named::NotAsked,
            Some(hash) => self.sighting(hash).await?.map_or(Named::Absent, Named::Mined),
        };
        let height = match &named {
            Named::Mined(sighting) => sighting.receipt.block_number,
            Named::NotAsked | Named::Absent => 0,
        };
        let mut view = View {
            endpoint: self.label().to_owned(),
            heads: self.heads(height).await?,
            named,
            used: None,
            final_reading: None,
            by_nonce: Vec::new(),
        };
        let Some(created) = target.created.filter(|_| !proves(&view.named, facts)) else {
            return Ok(view);
        };
        let latest = view.heads.latest().number;
        view.used = gap(self.is_used(facts.token, facts.from, facts.nonce, latest).await)?;
        match view.used {
            Some(true) => view.by_nonce = self.find(facts, created, &view.heads).await?,
            Some(false) => view.final_reading = self.final_reading(facts, &view.heads).await?,
            None => {}
        }
        Ok(view)
    }

    /// A receipt with the block at its height.
    pub async fn sighting(&self, hash: B256) -> Result<Option<Sighting>, RpcError> {
        let Some(receipt) = self.receipt(hash).await? else {
            return Ok(None);
        };
        let block = self.block(At::Number(receipt.block_number)).await?;
        Ok(block.map(|block| Sighting { receipt, block }))
    }

    /// The transactions that used or cancelled the nonce.
    async fn find(
        &self,
        facts: &PaymentFacts,
        created: u64,
        heads: &Heads,
    ) -> Result<Vec<Sighting>, RpcError> {
        let filter = LogFilter {
            addresses: vec![facts.token],
            topics: vec![
                vec![AUTHORIZATION_USED, AUTHORIZATION_CANCELED],
                vec![facts.from.into_word()],
                vec![facts.nonce],
            ],
        };
        let latest = heads.latest().number;
        let mut to = latest;
        for margin in MARGINS {
            let from = self.block_at(created.saturating_sub(margin), latest).await?;
            if from > to {
                continue;
            }
            let logs = gap(self.logs(&filter, from, to, true).await)?.unwrap_or_default();
            if !logs.is_empty() {
                let hashes: BTreeSet<B256> = logs.iter().map(|log| log.tx_hash).collect();
                let mut found = Vec::new();
                for hash in hashes.into_iter().take(MOST_TRANSACTIONS) {
                    found.extend(self.sighting(hash).await?);
                }
                return Ok(found);
            }
            let Some(below) = from.checked_sub(1) else { break };
            to = below;
        }
        Ok(Vec::new())
    }

    /// The nonce's state at the final block, once that is past `validBefore`. A node that keeps no state so old has
    /// answered for its latest block, which comes after it: a nonce once used stays used.
    async fn final_reading(
        &self,
        facts: &PaymentFacts,
        heads: &Heads,
    ) -> Result<Option<FinalReading>, RpcError> {
        let Some(last) = heads.finalized().filter(|last| facts.is_over(last.timestamp)) else {
            return Ok(None);
        };
        let reading = self
            .is_used(facts.token, facts.from, facts.nonce, last.number)
            .await;
        Ok(Some(match gap(reading)? {
            Some(used) => FinalReading {
                used,
                number: last.number,
            },
            None => FinalReading {
                used: false,
                number: heads.latest().number,
            },
        }))
    }
}

fn proves(named: &Named, facts: &PaymentFacts) -> bool {
    match named {
        Named::Mined(sighting) => {
            sighting.is_canonical() && matches!(trace(&sighting.receipt, facts), Trace::Paid { .. })
        }
        Named::NotAsked | Named::Absent => false,
    }
}

/// A question that this endpoint cannot answer leaves a gap; an endpoint that does not answer at all is an error.
fn gap<T>(answer: Result<T, RpcError>) -> Result<Option<T>, RpcError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_outage() => Err(error),
        Err(_) => Ok(None),
    }
}
