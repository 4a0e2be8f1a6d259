use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::Gate;
use super::gate::{Pass, Trial};
use crate::facilitator::Limiter;

/// How long the dispatcher lets slots gather once all were taken: outcomes are written in batches, so
/// slots come free in batches too, and one claim for all of them is cheaper than one for each.
const GATHER: Duration = Duration::from_millis(1);

/// The right to work on one payment, held until its outcome is written.
pub struct Slot {
    _place: OwnedSemaphorePermit,
    _trial: Option<Trial>,
}

/// The right to start some payments: places among those in flight, requests within the limit, and a gate that
/// lets them through.
pub(super) struct Admission {
    places: OwnedSemaphorePermit,
    pass: Pass,
    limiter: Arc<Limiter>,
    /// Requests allowed and not used yet.
    unused: usize,
}

/// Admits payments.
pub(super) struct Admittance {
    pub(super) gate: Arc<Gate>,
    pub(super) limiter: Arc<Limiter>,
    pub(super) slots: Arc<Semaphore>,
}

impl Admittance {
    /// Waits until at least one payment may be started; admits up to `most`.
    pub(super) async fn admit(&self, most: usize) -> Admission {
        loop {
            let pass = self.gate.pass().await;
            let most = if pass.is_trial() { 1 } else { most };
            let mut places = self.places(most).await;
            let allowed = self.limiter.acquire(places.num_permits()).await;
            // It may have been shut while we waited.
            let still = pass.is_trial() || self.gate.is_open();
            match places.split(allowed).filter(|_| still) {
                Some(places) => {
                    return Admission {
                        places,
                        pass,
                        limiter: self.limiter.clone(),
                        unused: allowed,
                    };
                }
                None => self.limiter.give_back(allowed),
            }
        }
    }

    /// A place, if one is free now.
    pub(super) fn slot(&self) -> Option<Slot> {
        let place = self.slots.clone().try_acquire_owned().ok()?;
        Some(Slot {
            _place: place,
            _trial: None,
        })
    }

    async fn places(&self, most: usize) -> OwnedSemaphorePermit {
        let all_taken = self.slots.available_permits() == 0;
        // The semaphore is never closed; if it were, nothing may be started any more.
        let Ok(mut places) = self.slots.clone().acquire_owned().await else {
            return std::future::pending().await;
        };
        if all_taken {
            sleep(GATHER).await;
        }
        let more = self.slots.available_permits().min(most.saturating_sub(1));
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if let Ok(more) = self.slots.clone().try_acquire_many_owned(more) {
            places.merge(more);
        }
        places
    }
}

impl Admission {
    /// How many payments may still be started.
    pub(super) const fn count(&self) -> usize {
        self.unused
    }

    /// The slot for one more of them.
    pub(super) fn slot(&mut self) -> Option<Slot> {
        let place = self.places.split(1)?;
        self.unused = self.unused.saturating_sub(1);
        Some(Slot {
            _place: place,
            _trial: self.pass.take_trial(),
        })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.limiter.give_back(self.unused);
    }
}
