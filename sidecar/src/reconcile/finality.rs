use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::evidence::{
    Block, Decision, Finality, Heads, Observations, PaymentFacts, Place, Proof, Recorded, Rules, Wait, decide,
};
use insforge_protocol::ledger::Status;
use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};
use uuid::Uuid;

use super::archive::{Archive, Confirmation, Unproven};
use super::chains::Chains;
use crate::chain::{Chain, RpcError, Target};
use crate::metrics::Metrics;
use crate::settle::LedgerError;
use crate::tasks::Part;

/// Payments read in one statement.
const PAGE: usize = 200;
/// Longest wait between rounds that found nothing to do.
const IDLE: Duration = Duration::from_secs(60);
/// How long a facilitator's word may be ahead of an endpoint, in seconds.
const PATIENCE: u64 = 60;

/// Follows settled payments until their block cannot go any more; what a reorganisation took goes back to work.
pub struct FinalityTracker {
    chains: Arc<Chains>,
    archive: Arc<dyn Archive>,
    metrics: Arc<Metrics>,
    interval: Duration,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("chain: {0}")]
    Chain(#[from] RpcError),
    #[error("database: {0}")]
    Ledger(#[from] LedgerError),
}

impl FinalityTracker {
    /// A round every `interval`, fewer while there is nothing to do.
    pub fn new(
        chains: Arc<Chains>,
        archive: Arc<dyn Archive>,
        metrics: Arc<Metrics>,
        interval: Duration,
    ) -> Self {
        Self {
            chains,
            archive,
            metrics,
            interval,
        }
    }

    /// One page of one chain's payments after `after`; returns the last id if there may be more.
    async fn round(&self, chain: &Chain, after: Option<Uuid>) -> Result<(usize, Option<Uuid>), Broken> {
        let heads = chain.first(chain.endpoints_in_turn(), |one| one.heads(0)).await?;
        let number = |block: Option<&Block>| block.map(|block| block.number);
        let network = chain.network().to_string();
        let page = self
            .archive
            .unproven(
                &network,
                number(heads.safe()),
                number(heads.finalized()),
                after,
                PAGE,
            )
            .await?;
        let last = page
            .last()
            .map(|payment| payment.id)
            .filter(|_| page.len() == PAGE);
        let mut confirmations = Vec::new();
        let mut blocks = BTreeMap::new();
        for payment in &page {
            confirmations.extend(self.recheck(chain, &heads, payment, &mut blocks).await?);
        }
        self.record(&confirmations).await?;
        Ok((confirmations.len(), last))
    }

    /// Most payments are settled by a block that is still there: one question per block answers for all of them.
    async fn recheck(
        &self,
        chain: &Chain,
        heads: &Heads,
        payment: &Unproven,
        blocks: &mut BTreeMap<u64, Option<Block>>,
    ) -> Result<Option<Confirmation>, Broken> {
        if let (Some((number, hash)), Some(log_index)) = (payment.block, payment.log_index) {
            let canonical = match blocks.get(&number) {
                Some(known) => *known,
                None => {
                    let block = chain
                        .first(chain.endpoints_in_turn(), |one| one.block_numbered(number))
                        .await?;
                    *blocks.entry(number).or_insert(block)
                }
            };
            let finality = heads.finality(number);
            if canonical.is_some_and(|block| block.hash == hash) {
                let place = Place {
                    log_index,
                    block_number: number,
                    block_hash: hash,
                };
                return Ok((finality > payment.finality).then(|| confirmed(payment, place, finality)));
            }
        }
        Ok(self.look_again(chain, payment).await)
    }

    /// The block is another one, or was never known: the payment is looked at as a whole.
    async fn look_again(&self, chain: &Chain, payment: &Unproven) -> Option<Confirmation> {
        let target = target(payment);
        let rules = Rules {
            patience: PATIENCE,
            ..chain.rules()
        };
        let mut seen = Observations::default();
        chain.look(&target, 1, &mut seen.views).await;
        let mut decision = decide(&target.facts, &seen, &rules);
        if decision == Decision::Wait(Wait::SecondEndpoint) {
            chain.look(&target, 2, &mut seen.views).await;
            decision = decide(&target.facts, &seen, &rules);
        }
        match decision {
            Decision::Settled(proof) => proven(payment, &proof),
            Decision::Submitted { evidence, .. } => Some(reorganised(payment, evidence)),
            other => {
                debug!(payment = %payment.id, decision = ?other, "a settled payment could not be rechecked");
                None
            }
        }
    }

    async fn record(&self, confirmations: &[Confirmation]) -> Result<(), LedgerError> {
        if confirmations.is_empty() {
            return Ok(());
        }
        let applied = self.archive.confirm(confirmations).await?;
        for confirmation in confirmations {
            self.metrics.finality(confirmation.outcome);
            if confirmation.outcome == "reorganised" {
                error!(
                    payment = %confirmation.id, tx_hash = confirmation.tx_hash,
                    "a settled payment's transfer is not on the chain any more; it goes back to work"
                );
            }
        }
        info!(
            payments = confirmations.len(),
            applied, "finality of settled payments recorded"
        );
        Ok(())
    }

    async fn watch(&self, chain: &Chain) {
        let (mut after, mut idle) = (None, self.interval);
        loop {
            match self.round(chain, after).await {
                Ok((changed, last)) => {
                    after = last;
                    idle = if changed > 0 || last.is_some() {
                        self.interval
                    } else {
                        (idle * 2).min(IDLE.max(self.interval))
                    };
                }
                Err(error) => debug!(network = %chain.network(), %error, "finality could not be read"),
            }
            sleep(idle).await;
        }
    }
}

impl Part for FinalityTracker {
    async fn run(&self, stop: CancellationToken) {
        let watching = self.chains.iter().map(|chain| self.watch(chain));
        let all = async {
            futures_util::future::join_all(watching).await;
            std::future::pending::<()>().await;
        };
        let _ = stop.run_until_cancelled(all).await;
    }
}

fn target(payment: &Unproven) -> Target {
    Target {
        facts: PaymentFacts {
            status: Status::Settled,
            scheme: payment.scheme.clone(),
            token: payment.asset,
            from: payment.payer,
            pay_to: payment.pay_to,
            value: payment.value,
            nonce: payment.nonce,
            valid_before: payment.valid_before,
            tx_hash: payment.tx_hash,
            attempts: 0,
            since: payment.settled,
            now: 0,
            recorded: Recorded {
                block_number: payment.block.map(|(number, _)| number),
                finality: payment.finality,
            },
        },
        created: Some(payment.created),
    }
}

fn confirmation(payment: &Unproven, outcome: &'static str) -> Confirmation {
    Confirmation {
        id: payment.id,
        tx_hash: payment
            .tx_hash
            .map(|hash| format!("{hash:#x}"))
            .unwrap_or_default(),
        outcome,
        finality: None,
        block_number: None,
        block_hash: None,
        log_index: None,
        reason: None,
        evidence: Value::Null,
    }
}

fn confirmed(payment: &Unproven, place: Place, finality: Finality) -> Confirmation {
    Confirmation {
        finality: Some(finality.as_str()),
        block_number: Some(place.block_number),
        block_hash: Some(format!("{:#x}", place.block_hash)),
        log_index: Some(place.log_index),
        ..confirmation(payment, "confirmed")
    }
}

fn proven(payment: &Unproven, proof: &Proof) -> Option<Confirmation> {
    let place = proof.place?;
    let known = payment.block == Some((place.block_number, place.block_hash))
        && payment.log_index == Some(place.log_index)
        && payment.finality >= proof.finality;
    (!known).then(|| confirmed(payment, place, proof.finality))
}

fn reorganised(payment: &Unproven, evidence: Value) -> Confirmation {
    Confirmation {
        reason: Some("the transfer is not on the chain any more"),
        evidence,
        ..confirmation(payment, "reorganised")
    }
}
