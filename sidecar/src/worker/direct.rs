//! Payments that are sold in this process and sent at once: their intent was recorded with the sale, so that
//! there is nothing to claim.

use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::ledger::Status;

use super::{Core, Slot};
use crate::selling::{Begun, Seat, Settler};
use crate::settle::{Claim, Lease};

/// The settler, as sales see it.
pub struct Direct(pub Arc<Core>);

impl Settler for Direct {
    /// None while requests are limited or paused: then payments are sent in the order of their expiry.
    fn seats(&self, most: usize) -> Vec<Box<dyn Seat>> {
        let core = &self.0;
        let waits =
            core.draining.is_cancelled() || !core.parts.gate.is_open() || !core.parts.limiter.is_free();
        let most = if waits { 0 } else { most };
        let slots = std::iter::from_fn(|| core.admittance.slot()).take(most);
        let seat = |slot| -> Box<dyn Seat> {
            Box::new(Place {
                core: core.clone(),
                slot,
            })
        };
        slots.map(seat).collect()
    }

    fn lease(&self) -> Duration {
        self.0.parts.lease
    }
}

struct Place {
    core: Arc<Core>,
    slot: Slot,
}

impl Seat for Place {
    fn begin(self: Box<Self>, begun: Begun) {
        let Self { core, slot } = *self;
        let claim = Claim {
            lease: Lease {
                id: begun.id,
                token: begun.token,
            },
            status: Status::Pending,
            begun: true,
            attempt: 0,
            uncertain: false,
            tx_hash: None,
            payment: begun.payment,
            requirements: begun.requirements,
            created_unix: begun.at_unix,
            since_unix: begun.at_unix,
            now_unix: begun.at_unix,
            claimed_at: begun.at,
        };
        core.parts.metrics.claims.inc();
        core.payments.spawn("settle", core.clone().send(claim, slot));
    }
}
