//! A delivery that is ours, until it is answered, handed back, or its lease is lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;
use uuid::Uuid;

use super::flights::Flight;
use crate::selling::{Answer, Book, BookError};

/// Tries to record an answer; the buyer waits for the last piece of it meanwhile.
const TRIES: u32 = 4;

/// A claimed delivery.
pub(super) struct Claim {
    book: Arc<dyn Book>,
    id: Uuid,
    token: i64,
    lease: Duration,
    extend_at: Instant,
    /// Those who wait for the same answer in this process are woken when the claim is dropped.
    _flight: Flight,
}

impl Claim {
    pub(super) fn new(book: Arc<dyn Book>, id: Uuid, token: i64, lease: Duration, flight: Flight) -> Self {
        Self {
            book,
            id,
            token,
            lease,
            extend_at: Instant::now() + lease / 2,
            _flight: flight,
        }
    }

    /// Prolongs the lease once half of it is over. One that is lost is noticed when the answer is recorded.
    pub(super) async fn keep(&mut self) {
        if Instant::now() < self.extend_at {
            return;
        }
        self.extend_at = Instant::now() + self.lease / 2;
        if let Err(error) = self.book.extend(self.id, self.token, self.lease).await {
            warn!(payment = %self.id, %error, "a delivery's lease could not be prolonged");
        }
    }

    /// Records the answer; false if the claim was lost, or the ledger cannot be asked: then the answer must
    /// not go out, because somebody else may give it.
    pub(super) async fn answer(&self, answer: &Answer) -> bool {
        for attempt in 1..=TRIES {
            match self.book.answer(self.id, self.token, answer).await {
                Ok(true) => return true,
                // The first try may have been recorded and only its acknowledgement lost.
                Ok(false) if attempt > 1 => return self.is_answered().await,
                Ok(false) => {
                    warn!(payment = %self.id, "a delivery was lost to somebody else");
                    return false;
                }
                Err(error) => {
                    warn!(payment = %self.id, %error, "an answer could not be recorded");
                    let pause = Duration::from_millis(50) * attempt * attempt;
                    if attempt < TRIES && !matches!(error, BookError::Refused { .. }) {
                        sleep(pause).await;
                    }
                }
            }
        }
        false
    }

    async fn is_answered(&self) -> bool {
        let sale = self.book.sale(self.id).await;
        matches!(sale, Ok(Some(sale)) if sale.delivery == crate::selling::Delivery::Answered)
    }

    /// Hands the delivery back. Should the ledger not hear of it, the lease runs out by itself.
    pub(super) async fn abandon(self, interrupted: bool) {
        if let Err(error) = self.book.abandon(self.id, self.token, interrupted).await {
            warn!(payment = %self.id, %error, "a delivery could not be handed back");
        }
    }
}
