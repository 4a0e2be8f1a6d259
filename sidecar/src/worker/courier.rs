use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::okx::{Class, HashStatus};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::gate::Cause;
use super::launch::no_intent;
use super::{Core, Flight};
use crate::reconcile::{Case, Courier, Sent};
use crate::settle::{Decision, Report};

/// How long a payment waits to be admitted before it gives its place to others that are due.
const ADMITTANCE: Duration = Duration::from_secs(2);
/// When it is looked at again after that.
const NOT_ADMITTED: Duration = Duration::from_secs(5);
/// When one is looked at again that must not be sent at present.
const OBJECTION: Duration = Duration::from_secs(30);
/// The same because this worker stops: it goes on reconciling while answers under way are finished, and would take it
/// again at once.
const STOPPING: Duration = Duration::from_secs(1);
/// How long a question about a transaction may wait for its turn.
const QUESTION: Duration = Duration::from_millis(500);

impl Core {
    /// Sends a payment again: through the gate and within the limit like any other, intent first.
    async fn resend(&self, case: &Case, flight: &Flight) -> Sent {
        let asked = Instant::now();
        let Ok(mut admission) = timeout(ADMITTANCE, self.admittance.admit(1)).await else {
            return Sent::NotNow(NOT_ADMITTED);
        };
        let Decision::Settle(order) = self.judge(&case.claim).await else {
            return Sent::NotNow(OBJECTION);
        };
        if self.draining.is_cancelled() {
            return Sent::NotNow(STOPPING);
        }
        let lease = flight.lease();
        match self.parts.ledger.begin(&[lease]).await {
            Ok(begun) if begun.contains(&lease.id) => {}
            Ok(_) => return Sent::Lost,
            // The intent may or may not be committed, but nothing was sent: that much can be recorded.
            Err(error) => {
                debug!(%error, "an intent could not be committed");
                return Sent::Answered(Box::new(no_intent(flight.lease())));
            }
        }
        if !flight.is_held() {
            let why = "the lease ran out before the call";
            let report = Report::new(lease, "not_sent").because(why, Class::Retryable);
            return Sent::Answered(Box::new(report.again_after(Duration::ZERO)));
        }
        debug!(payment = %lease.id, waited = ?asked.elapsed(), "sending a payment again");
        let _slot = admission.slot();
        Sent::Answered(Box::new(self.call(lease, &order, case.claim.attempt).await))
    }

    async fn ask(&self, case: &Case, hash: &str) -> Option<HashStatus> {
        // Whoever refuses us answers no question either.
        let refused = matches!(self.parts.gate.shut_by(), Some((Cause::Refused, _)));
        if refused || self.parts.limiter.acquire_one_within(QUESTION).await.is_err() {
            return None;
        }
        let asked = self.parts.facilitator.status(&case.payment, hash);
        let status = self.cut.run_until_cancelled(asked).await??;
        if let HashStatus::NoAnswer(none) = &status
            && none.class == Class::Config
        {
            self.parts.gate.close(&none.reason);
        }
        Some(status)
    }
}

impl Courier for Core {
    fn status<'a>(&'a self, case: &'a Case, hash: &'a str) -> BoxFuture<'a, Option<HashStatus>> {
        self.ask(case, hash).boxed()
    }

    fn send<'a>(&'a self, case: &'a Case, flight: &'a Flight) -> BoxFuture<'a, Sent> {
        self.resend(case, flight).boxed()
    }

    fn is_mock(&self) -> bool {
        self.parts.facilitator.is_mock()
    }
}
