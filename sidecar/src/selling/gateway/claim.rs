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
/// How long a claim holds unless it is prolonged, at half of it. The other half is for a statement that is not answered,
/// and for the next one; where its process dies, the next one waits as long.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// How long a delivery is claimed for with its sale. About as long as the payment itself is leased: should the process
/// die, another one settles and delivers then.
pub(super) const SALE_LEASE: Duration = Duration::from_secs(10);
/// After how long a lease is prolonged again that could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// A claimed delivery. It is handed back when it is dropped before it was answered.
pub(super) struct Claim {
    book: Arc<dyn Book>,
    id: Uuid,
    token: i64,
    state: Mutex<State>,
    tasks: TaskGroup,
}

struct State {
    /// False once it is being answered, was handed back, or was lost.
    is_kept: bool,
    extend_at: Instant,
    /// Those who wait for the same answer in this process are woken when this is dropped.
    flight: Option<Flight>,
}

/// Whose a claim is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ours,
    /// Somebody else took it over.
    Lost,
    /// The ledger could not be asked.
    Unknown,
}

impl Claim {
    /// The claim of this delivery under this token, which is to be prolonged at `extend_at`.
    pub(super) fn new(
        book: Arc<dyn Book>,
        (id, token): (Uuid, i64),
        extend_at: Instant,
        tasks: TaskGroup,
        flight: Flight,
    ) -> Self {
        let state = State {
            is_kept: true,
            extend_at,
            flight: Some(flight),
        };
        Self {
            book,
            id,
            token,
            state: Mutex::new(state),
            tasks,
        }
    }

    /// Whether it is certainly ours. Nobody prolonged it while its payment settled, nor while its process was stopped: the
    /// ledger is asked once half of the lease is over.
    pub(super) async fn is_ours(&self) -> bool {
        let is_fresh = Instant::now() < self.state().extend_at;
        is_fresh || self.prolong().await == Standing::Ours
    }

    /// Does what the claim is for, and prolongs it by the clock meanwhile. `None`: somebody else has it, and the work was
    /// dropped where it stood.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.lost() => None,
        }
    }

    /// Prolongs the claim each time that half of its lease is over, until it is somebody else's.
    async fn lost(&self) {
        loop {
            let extend_at = self.state().extend_at;
            sleep_until(extend_at).await;
            if !self.state().is_kept {
                return pending().await;
            }
            if self.prolong().await == Standing::Lost {
                return;
            }
        }
    }

    async fn prolong(&self) -> Standing {
        let now = Instant::now();
        match self.book.extend(self.id, self.token, LEASE).await {
            Ok(true) => {
                self.state().extend_at = now + LEASE / 2;
                Standing::Ours
            }
            Ok(false) if self.end() => {
                warn!(payment = %self.id, "a delivery was lost to somebody else");
                Standing::Lost
            }
            // It was answered or handed back meanwhile.
            Ok(false) => Standing::Unknown,
            Err(error) => {
                warn!(payment = %self.id, %error, "a delivery's lease could not be prolonged");
                self.state().extend_at = Instant::now() + AGAIN;
                Standing::Unknown
            }
        }
    }

    /// Records the answer; false if the claim was lost, or the ledger cannot be asked: then the answer must
    /// not go out, because somebody else may give it.
    pub(super) async fn answer(&self, answer: &Answer) -> bool {
        self.end();
        for attempt in 1..=TRIES {
            match self.book.answer(self.id, self.token, answer).await {
                Ok(true) => {
                    let flight = self.state().flight.take();
                    drop(flight);
                    return true;
                }
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
        std::mem::take(&mut self.state().is_kept)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.end() {
            let flight = self.state().flight.take();
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
