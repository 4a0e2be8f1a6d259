//! A delivery that is ours, until it is answered, handed back, or its lease is lost.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;
use uuid::Uuid;

use super::flights::Flight;
use crate::selling::{Answer, Book, BookError};
use crate::tasks::TaskGroup;

/// Tries to record an answer; the buyer waits for the last piece of it meanwhile.
const TRIES: u32 = 4;
/// After how long a lease is prolonged again that could not be.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a delivery is claimed for with its sale. Short, because nobody hands it back where the process dies, or the
/// buyer goes away before the sale is answered.
pub(super) const FIRST_LEASE: Duration = Duration::from_secs(10);

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

    /// One that was made with its sale: its lease is [`FIRST_LEASE`], counted from `at`, before the sale was asked for.
    pub(super) fn with_sale(self, at: Instant) -> Self {
        Self {
            extend_at: at + FIRST_LEASE / 2,
            ..self
        }
    }

    /// Prolongs the lease once half of it is over. One that is lost is noticed when the answer is recorded.
    pub(super) async fn keep(&mut self) {
        if Instant::now() >= self.extend_at {
            self.extend().await;
        }
    }

    /// Keeps the claim while something takes its time.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let keep = async {
                sleep_until(self.extend_at).await;
                self.extend().await;
            };
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = keep => {}
            }
        }
    }

    /// Prolongs the lease; whether it is known to hold.
    async fn extend(&mut self) -> bool {
        self.extend_at = Instant::now() + AGAIN;
        match self.book.extend(self.id, self.token, self.lease).await {
            Ok(held) => {
                self.extend_at = Instant::now() + self.lease / 2;
                held
            }
            Err(error) => {
                warn!(payment = %self.id, %error, "a delivery's lease could not be prolonged");
                false
            }
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

/// A claim that was made with its sale, while its payment settles. One that is not used is handed back: the buyer may
/// have gone away, and come again.
pub(super) struct Reserved {
    claim: Option<Claim>,
    tasks: TaskGroup,
}

impl Reserved {
    pub(super) const fn new(claim: Option<Claim>, tasks: TaskGroup) -> Self {
        Self { claim, tasks }
    }

    /// The claim, if there is one and it still holds.
    pub(super) async fn take(&mut self) -> Option<Claim> {
        let claim = self.claim.as_mut()?;
        let is_fresh = Instant::now() < claim.extend_at;
        if !is_fresh && !claim.extend().await {
            self.claim = None;
        }
        self.claim.take()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.tasks.spawn("hand a delivery back", claim.abandon(false));
        }
    }
}
