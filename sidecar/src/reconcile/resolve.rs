use std::time::Duration;

use insforge_protocol::evidence::{Decision, Observations, Rules, Wait, decide};
use insforge_protocol::ledger::Word;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::case::Case;
use super::courier::Sent;
use super::reconciler::Parts;
use super::report::{of_decision, word};
use crate::settle::{Claim, Report};
use crate::worker::{Flight, Written};

/// How long a payment rests that cannot be read.
const UNREADABLE: Duration = Duration::from_secs(300);

impl Parts {
    /// Looks at a claimed payment, decides, and records or sends it. Once `stop` is set, a look is broken off and
    /// the claim handed back; what is being sent is waited for.
    pub(super) async fn resolve(&self, claim: Claim, flight: Flight, stop: CancellationToken) {
        let case = match Case::read(claim) {
            Ok(case) => case,
            Err(reason) => {
                let payment = flight.lease().id;
                error!(%payment, %reason, "the ledger holds a payment that cannot be read");
                let report = Report::new(flight.lease(), Word::Waiting.as_str()).again_after(UNREADABLE);
                return self.record(flight, report).await;
            }
        };
        let Some(decision) = stop.run_until_cancelled(self.decide(&case)).await else {
            return self.hand_back(flight).await;
        };
        self.metrics.decided(word(&decision));
        tell(&case, &decision);
        if let Decision::Wait(why) = &decision {
            self.metrics.waited(why.as_str());
        }
        let facts = case.target().facts;
        match of_decision(flight.lease(), &facts, &decision, rand::random()) {
            Some(report) => self.record(flight, report).await,
            None if stop.is_cancelled() => self.hand_back(flight).await,
            None => self.send_again(&case, flight).await,
        }
    }

    /// Gathers no more than it needs: one endpoint's view, the facilitator's word where a transaction is not mined
    /// yet or no chain can be asked, a second endpoint where one is not enough.
    pub(super) async fn decide(&self, case: &Case) -> Decision {
        let target = case.target();
        let chain = self
            .chains
            .get(case.network())
            .filter(|_| !self.courier.is_mock());
        let rules = Rules {
            patience: self.settings.patience.as_secs(),
            attempts: self.settings.attempts,
            ..chain.map_or(NO_CHAIN, |chain| chain.rules())
        };
        let mut seen = Observations::default();
        if let Some(chain) = chain {
            chain.look(&target, rules.proving, &mut seen.views).await;
        }
        let mut decision = decide(&target.facts, &seen, &rules);
        if let Some(hash) = &case.claim.tx_hash
            && (chain.is_none() || decision == Decision::Wait(Wait::InFlight))
        {
            seen.facilitator = self.courier.status(case, hash).await;
            decision = decide(&target.facts, &seen, &rules);
        }
        if let Some(chain) = chain
            && decision == Decision::Wait(Wait::SecondEndpoint)
        {
            chain.look(&target, 2, &mut seen.views).await;
            decision = decide(&target.facts, &seen, &rules);
        }
        decision
    }

    async fn send_again(&self, case: &Case, flight: Flight) {
        let report = match self.courier.send(case, &flight).await {
            Sent::Answered(report) => {
                let (payment, requirements) = (&case.payment, &case.requirements);
                self.witness.examine(payment, requirements, *report).await
            }
            Sent::NotNow(wait) => Report::new(flight.lease(), Word::Waiting.as_str()).again_after(wait),
            Sent::Lost => return,
        };
        self.record(flight, report).await;
    }

    /// Writes a report under the newest lease this process holds, and says what became of it.
    async fn record(&self, flight: Flight, mut report: Report) {
        let written = loop {
            let lease = flight.landing();
            report.lease_token = lease.token;
            let written = self.recorder.write(report.clone()).await;
            if matches!(written, Written::Stale { .. }) && flight.lease() != lease {
                continue;
            }
            if let Some(newer) = flight.land(lease) {
                let _ = self.ledger.release(&[newer]).await;
            }
            break written;
        };
        let (payment, outcome) = (report.id, report.outcome);
        match written {
            Written::Applied(status) if outcome == Word::Waiting.as_str() => {
                debug!(%payment, status, "looked at, nothing new");
            }
            Written::Applied(status) => {
                self.metrics.recorded(&status);
                info!(%payment, outcome, status, tx_hash = report.tx_hash, reason = report.reason, "reconciled");
            }
            Written::Stale { status, .. } => {
                self.metrics.stale.inc();
                debug!(%payment, outcome, status, "lease lost; the finding is discarded");
            }
            Written::Refused(_) => drop(self.metrics.refused.inc()),
            Written::Abandoned => debug!(%payment, outcome, "not recorded; another look will find it again"),
        }
    }

    async fn hand_back(&self, flight: Flight) {
        let lease = flight.lease();
        if let Err(error) = self.ledger.release(&[lease]).await {
            debug!(%error, "a claim could not be handed back; its lease runs out");
        }
        let _ = flight.land(lease);
    }
}

/// No endpoint: the facilitator's word is all there is.
const NO_CHAIN: Rules = Rules {
    endpoints: 0,
    ..Rules::DEFAULT
};

/// What an operator should hear of. Each look says it again, which is how a log shows that it lasts.
fn tell(case: &Case, decision: &Decision) {
    let payment = case.claim.lease.id;
    match decision {
        Decision::Wait(why @ (Wait::Disagreement | Wait::UsedNotFound)) => {
            warn!(%payment, why = why.as_str(), "the chain's answers do not settle what became of a payment");
        }
        Decision::Review { why, .. } => {
            warn!(%payment, why = why.as_str(), "a person must look at a payment");
        }
        _ => debug!(%payment, decision = word(decision), "looked at a payment"),
    }
}
