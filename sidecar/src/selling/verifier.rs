use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::okx::{Class, NoAnswer, VerifyAnswer};
use insforge_protocol::x402::{Payment, Requirements};
use tokio::time::{Instant, sleep};

use crate::facilitator::{Facilitator, Limiter};

/// Longest wait for a place in the request limit; the buyer is waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the facilitator about signatures that cannot be checked offline, within the limit that settlements
/// share.
#[derive(Clone)]
pub struct Verifier {
    facilitator: Arc<dyn Facilitator>,
    limiter: Arc<Limiter>,
}

impl Verifier {
    /// Asks `facilitator`, through `limiter`.
    pub fn new(facilitator: Arc<dyn Facilitator>, limiter: Arc<Limiter>) -> Self {
        Self { facilitator, limiter }
    }

    /// The facilitator's verdict; `None` where it cannot be asked at all.
    pub async fn ask(&self, payment: &Payment, requirements: &Requirements) -> Option<VerifyAnswer> {
        if self.facilitator.is_mock() {
            return None;
        }
        let until = Instant::now() + PATIENCE;
        while self.limiter.take(1) == 0 {
            let wait = self.limiter.wait().max(Duration::from_millis(1));
            if Instant::now() + wait > until {
                return Some(VerifyAnswer::NoAnswer(NoAnswer {
                    class: Class::Retryable,
                    reason: "the request limit is used up".to_owned(),
                    retry_after: Some(wait),
                }));
            }
            sleep(wait).await;
        }
        self.facilitator.verify(payment, requirements).await
    }
}
