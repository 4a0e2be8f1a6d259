use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Result;

use crate::bench::facilitator::Facilitator;
use crate::standin::StandIn;

/// Who is called.
pub(super) enum Target {
    /// Says yes to everything.
    Fast(Facilitator),
    /// The stand-in of the tests: checks the request's signature and the payment's, and keeps a chain.
    Strict(StandIn, Arc<AtomicU64>),
}

impl Target {
    pub(super) async fn fast(delay: Duration) -> Result<Target> {
        Ok(Target::Fast(Facilitator::start(delay).await?))
    }

    pub(super) async fn strict() -> Result<Target> {
        let standin = StandIn::start().await?;
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        standin.on_settle(move |_| {
            counted.fetch_add(1, Relaxed);
            std::future::ready(())
        });
        Ok(Target::Strict(standin, count))
    }

    pub(super) fn url(&self) -> String {
        match self {
            Target::Fast(facilitator) => facilitator.url(),
            Target::Strict(standin, _) => standin.url(),
        }
    }

    /// Payments seen so far.
    pub(super) fn settled(&self) -> u64 {
        match self {
            Target::Fast(facilitator) => facilitator.settled(),
            Target::Strict(_, count) => count.load(Relaxed),
        }
    }
}
