use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::evidence::{Decision, Observations, PaymentFacts, decide};
use insforge_protocol::evm::tx_hash;
use insforge_protocol::ledger::{Status, Word};
use insforge_protocol::okx::Class;
use insforge_protocol::x402::{Payment, Requirements, Scheme};
use serde_json::json;
use tokio::time::timeout;
use tracing::debug;

use super::chains::Chains;
use super::domains::Domains;
use super::report::placed;
use crate::chain::{At, Chain, RpcError, Target};
use crate::settle::{Report, Witness};

/// How long a settlement waits for its proof before it is left to the reconciler.
const PATIENCE: Duration = Duration::from_secs(3);
/// When the reconciler looks at what could not be proven at once.
const NEXT_LOOK: Duration = Duration::from_millis(500);

/// Checks a facilitator's "confirmed" against the chain before it settles a payment, and its refusals before they
/// fail one.
pub struct ChainWitness {
    chains: Arc<Chains>,
    domains: Arc<Domains>,
}

impl ChainWitness {
    /// A witness of these chains; it objects to tokens whose domain is not the right one.
    pub const fn new(chains: Arc<Chains>, domains: Arc<Domains>) -> Self {
        Self { chains, domains }
    }

    async fn check(&self, payment: &Payment, requirements: &Requirements, report: Report) -> Report {
        let exact = payment.scheme == Scheme::Exact && !report.mock;
        let chain = self.chains.get(requirements.network).filter(|_| exact);
        let Some(chain) = chain else { return report };
        if report.outcome == Word::Refused.as_str() {
            return doubted(chain, payment, requirements, report).await;
        }
        if report.outcome != Word::Settled.as_str() {
            return report;
        }
        let target = Target {
            facts: PaymentFacts {
                tx_hash: report.tx_hash.as_deref().and_then(tx_hash),
                ..PaymentFacts::of(payment, requirements, Status::Settling)
            },
            created: None,
        };
        let rules = chain.rules();
        let mut seen = Observations::default();
        let look = chain.look(&target, rules.proving, &mut seen.views);
        if timeout(PATIENCE, look).await.is_err() {
            debug!(payment = %report.id, "the chain takes too long; the proof is left to the reconciler");
        }
        let Decision::Settled(proof) = decide(&target.facts, &seen, &rules) else {
            let outcome = Word::Submitted.as_str();
            return Report { outcome, ..report }.again_after(NEXT_LOOK);
        };
        let mut evidence = report.evidence;
        evidence["chain"] = proof.evidence["chain"].clone();
        Report {
            place: placed(&proof),
            evidence,
            ..report
        }
    }
}

/// "Insufficient balance" may be said because somebody else has submitted this very authorization, perhaps before
/// we knew of it. While its nonce is not used a refusal is one; where no endpoint answers, too, because the
/// facilitator certainly sent nothing.
async fn doubted(chain: &Chain, payment: &Payment, requirements: &Requirements, report: Report) -> Report {
    let (token, signed) = (requirements.asset, &payment.authorization);
    let asked = chain.first(chain.endpoints(), |one| async {
        // Not of heads that are kept for a moment: what caused the refusal may be in the newest block.
        let latest = one.block(At::Latest).await?;
        let height = latest.ok_or(RpcError::NotRpc("no latest block"))?.number;
        one.is_used(token, signed.from, signed.nonce, height).await
    });
    if !matches!(timeout(PATIENCE, asked).await, Ok(Ok(true))) {
        return report;
    }
    let mut evidence = report.evidence;
    evidence["chain"] = json!({ "event": "the nonce is used" });
    let unknown = Report {
        outcome: Word::Unknown.as_str(),
        class: Some(Class::Unknown.as_str()),
        evidence,
        ..report
    };
    unknown.again_after(NEXT_LOOK)
}

impl Witness for ChainWitness {
    fn examine<'a>(
        &'a self,
        payment: &'a Payment,
        requirements: &'a Requirements,
        report: Report,
    ) -> BoxFuture<'a, Report> {
        self.check(payment, requirements, report).boxed()
    }

    fn objection(&self, requirements: &Requirements) -> Option<&'static str> {
        let trusted = self.domains.is_trusted(requirements.network, requirements.asset);
        (!trusted).then_some("the token's EIP-712 domain on the chain is not the one payments are judged by")
    }

    fn objects(&self) -> bool {
        self.domains.count() > 0
    }
}
