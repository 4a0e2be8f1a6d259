//! A delivery that is ours, until it is answered, handed back, or its lease is lost.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;
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
    /// The answer is being recorded: from here on that tells whether the claim was lost.
    is_ending: AtomicBool,
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
            is_ending: AtomicBool::new(false),
            _flight: flight,
        }
    }

    /// Does what the claim is for, and prolongs it by the clock meanwhile. `None`: it was lost, and the work was dropped
    /// where it stood, because somebody else may be at it.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.lost() => {
                warn!(payment = %self.id, "a delivery was lost to somebody else");
                None
            }
        }
    }

    /// Prolongs the claim at every half of its lease, until it is somebody else's.
    async fn lost(&self) {
        loop {
            sleep(self.lease / 2).await;
            if self.is_ending() {
                return pending().await;
            }
            match self.book.extend(self.id, self.token, self.lease).await {
                Ok(false) if !self.is_ending() => return,
                Ok(_) => {}
                Err(error) => {
                    warn!(payment = %self.id, %error, "a delivery's lease could not be prolonged");
                }
            }
        }
    }

    fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// Records the answer; false if the claim was lost, or the ledger cannot be asked: then the answer must
    /// not go out, because somebody else may give it.
    pub(super) async fn answer(&self, answer: &Answer) -> bool {
        self.is_ending.store(true, Ordering::Relaxed);
        for attempt in 1..=TRIES {
            match self.book.answer(self.id, self.token, answer).await {
                Ok(true) => return true,
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

    /// Hands the delivery back. Should the ledger not hear of it, the lease runs out by itself.
    pub(super) async fn abandon(&self, interrupted: bool) {
        if let Err(error) = self.book.abandon(self.id, self.token, interrupted).await {
            warn!(payment = %self.id, %error, "a delivery could not be handed back");
        }
    }
}
