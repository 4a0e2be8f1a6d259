//! A delivery that is ours, until it is answered, handed back, or its lease is lost.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;
use uuid::Uuid;

use super::flights::Flight;
use crate::selling::{Answer, Book, BookError};
use crate::tasks::TaskGroup;

/// Tries to record an answer; the buyer waits for the last piece of it meanwhile.
const TRIES: u32 = 4;
/// How long a claim holds unless it is prolonged. Short: where its process dies, the next one waits as long.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// After how long a lease is prolonged again that could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// A claimed delivery. It is handed back when it is dropped before it was answered.
pub(super) struct Claim {
    book: Arc<dyn Book>,
    id: Uuid,
    token: i64,
    state: Mutex<State>,
    tasks: TaskGroup,
    /// Those who wait for the same answer in this process are woken when the claim ends.
    flight: Option<Flight>,
}

struct State {
    /// It is kept by the clock. Else it is being answered or handed back, which tells whether it was lost, or it was lost.
    held: bool,
    extend_at: Instant,
}

impl Claim {
    /// The claim of this delivery under this token, which was asked for not before `at`, for [`LEASE`].
    pub(super) fn new(
        book: Arc<dyn Book>,
        (id, token): (Uuid, i64),
        at: Instant,
        tasks: TaskGroup,
        flight: Flight,
    ) -> Self {
        let state = State {
            held: true,
            extend_at: at + LEASE / 2,
        };
        Self {
            book,
            id,
            token,
            state: Mutex::new(state),
            tasks,
            flight: Some(flight),
        }
    }

    /// Does what the claim is for, and prolongs it by the clock meanwhile. `None`: somebody else has it, and the work was
    /// dropped where it stood.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        // A process that was stopped for long asks before it does anything.
        let is_overdue = Instant::now() >= self.state().extend_at;
        let done = if is_overdue && !self.prolong().await {
            None
        } else {
            tokio::select! {
                biased;
                done = work => Some(done),
                () = self.lost() => None,
            }
        };
        if done.is_none() {
            warn!(payment = %self.id, "a delivery was lost to somebody else");
        }
        done
    }

    /// Prolongs the claim each time that half of its lease is over, until it is somebody else's.
    async fn lost(&self) {
        loop {
            let extend_at = self.state().extend_at;
            sleep_until(extend_at).await;
            if !self.state().held {
                return pending().await;
            }
            if !self.prolong().await {
                return;
            }
        }
    }

    /// Prolongs the claim; false if it was lost.
    async fn prolong(&self) -> bool {
        let now = Instant::now();
        match self.book.extend(self.id, self.token, LEASE).await {
            Ok(true) => self.state().extend_at = now + LEASE / 2,
            Ok(false) => return !self.end(),
            Err(error) => {
                warn!(payment = %self.id, %error, "a delivery's lease could not be prolonged");
                self.state().extend_at = Instant::now() + AGAIN;
            }
        }
        true
    }

    /// Records the answer; false if the claim was lost, or the ledger cannot be asked: then the answer must
    /// not go out, because somebody else may give it.
    pub(super) async fn answer(&self, answer: &Answer) -> bool {
        self.end();
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

    /// Hands the delivery back.
    pub(super) async fn abandon(&self, interrupted: bool) {
        self.end();
        hand_back(self.book.clone(), self.id, self.token, interrupted).await;
    }

    /// Ends the keeping; whether it was still kept.
    fn end(&self) -> bool {
        std::mem::take(&mut self.state().held)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.end() {
            let flight = self.flight.take();
            let back = hand_back(self.book.clone(), self.id, self.token, false);
            self.tasks.spawn("hand a delivery back", async move {
                back.await;
                drop(flight);
            });
        }
    }
}

/// Should the ledger not hear of it, the lease runs out by itself.
async fn hand_back(book: Arc<dyn Book>, id: Uuid, token: i64, interrupted: bool) {
    if let Err(error) = book.abandon(id, token, interrupted).await {
        warn!(payment = %id, %error, "a delivery could not be handed back");
    }
}
