use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use insforge_protocol::asset::VouchedDomain;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::admit::Admittance;
use super::{Flights, Gate, Recorder};
use crate::facilitator::{Facilitator, Limiter};
use crate::metrics::Metrics;
use crate::settle::{Ledger, Witness};
use crate::tasks::TaskGroup;

/// What the settler is made of.
pub struct Parts {
    /// The database.
    pub ledger: Arc<dyn Ledger>,
    /// Who settles.
    pub facilitator: Arc<dyn Facilitator>,
    /// Requests that may go out.
    pub limiter: Arc<Limiter>,
    /// Whether settling makes sense.
    pub gate: Arc<Gate>,
    /// Checks what the facilitator says before a payment is settled.
    pub witness: Arc<dyn Witness>,
    /// Writes outcomes.
    pub recorder: Arc<Recorder>,
    /// Leases held.
    pub flights: Arc<Flights>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Payments in flight at once.
    pub concurrency: usize,
    /// Most payments in one statement.
    pub batch: usize,
    /// How long a claim holds.
    pub lease: Duration,
}

/// The settler's shared state; dispatcher and payments in flight work on it.
pub struct Core {
    pub(super) parts: Parts,
    pub(super) admittance: Admittance,
    /// Payments in flight.
    pub(super) payments: TaskGroup,
    /// Set when nothing new may be started: claims are handed back.
    pub(super) draining: CancellationToken,
    /// Set when calls in flight are cut off: their outcome is unknown.
    pub(super) cut: CancellationToken,
    vouched: Mutex<Arc<Vec<VouchedDomain>>>,
}

impl Core {
    /// Puts the parts together; nothing runs yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            admittance: Admittance {
                gate: parts.gate.clone(),
                limiter: parts.limiter.clone(),
                slots: Arc::new(Semaphore::new(parts.concurrency)),
            },
            parts,
            payments: TaskGroup::default(),
            draining: CancellationToken::new(),
            cut: CancellationToken::new(),
            vouched: Mutex::default(),
        })
    }

    /// First phase of a stop: nothing new is started, what was claimed but not sent is handed back.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Waits for calls in flight; after `grace` they are cut off and recorded as unknown, for which
    /// `flush` is left. Returns the number of payments that were left over even then; the database finds
    /// them by their leases.
    pub async fn finish(&self, grace: Duration, flush: Duration) -> usize {
        if !self.payments.wait(grace).await {
            self.cut.cancel();
            self.payments.wait(flush).await;
        }
        let left = self.payments.len();
        self.payments.abort().await;
        left
    }

    /// The tasks that a stop waits for.
    pub fn tasks(&self) -> TaskGroup {
        self.payments.clone()
    }

    /// Payments being worked on.
    pub fn in_flight(&self) -> usize {
        self.payments.len()
    }

    /// Token domains the operator vouches for, as last read.
    pub(super) fn vouched(&self) -> Arc<Vec<VouchedDomain>> {
        self.vouched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads them again: they change when an operator changes them, which is met as an unknown token.
    pub(super) async fn refresh_vouched(&self) -> Arc<Vec<VouchedDomain>> {
        if let Ok(vouched) = self.parts.ledger.vouched().await {
            *self.vouched.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(vouched);
        }
        self.vouched()
    }
}
