use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::watch;
use tracing::{error, info};

use crate::health::Health;

/// Whether settling makes sense at present. Closed when the facilitator refuses our credentials: every
/// call would be refused as well, and no payment is at fault.
pub struct Gate {
    closed: watch::Sender<bool>,
    /// How often it was closed since a settlement was last answered.
    refusals: AtomicU32,
    health: Arc<Health>,
}

impl Gate {
    /// An open gate. `health` shows the facilitator's state.
    pub fn new(health: Arc<Health>) -> Self {
        Self {
            closed: watch::Sender::new(false),
            refusals: AtomicU32::new(0),
            health,
        }
    }

    /// A settlement was answered, and not with a complaint about us.
    pub fn worked(&self) {
        self.refusals.store(0, Ordering::Relaxed);
        self.reopen();
    }

    /// A question that settles nothing was answered. A key may be good for that and not for settling, so
    /// the refusals so far are not forgotten: each makes the next pause longer.
    pub fn reopen(&self) {
        self.health.facilitator.succeeded();
        if self
            .closed
            .send_if_modified(|closed| std::mem::replace(closed, false))
        {
            info!("settling goes on");
        }
    }

    /// The facilitator cannot be reached.
    pub fn unreachable(&self, reason: &dyn Display) {
        self.health.facilitator.failed(reason);
    }

    /// The facilitator refuses us: stop until an operator has put it right.
    pub fn close(&self, reason: &dyn Display) {
        self.health.facilitator.failed(reason);
        if self
            .closed
            .send_if_modified(|closed| !std::mem::replace(closed, true))
        {
            self.refusals.fetch_add(1, Ordering::Relaxed);
            error!(%reason, "the facilitator refuses us; settling is paused until it no longer does");
        }
    }

    /// How often it was closed since a settlement was last answered.
    pub fn refusals(&self) -> u32 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// Whether settling is paused.
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits while the gate is closed.
    pub async fn opened(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.closed.subscribe().wait_for(|closed| !closed).await;
    }

    /// Whether somebody should ask the facilitator how it is.
    pub fn needs_probe(&self) -> bool {
        self.is_closed() || !self.health.facilitator.is_up()
    }
}
