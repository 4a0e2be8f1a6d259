use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::okx::Class;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Gate;
use super::gate::Cause;
use crate::facilitator::{Facilitator, Limiter};
use crate::settle::backoff;
use crate::tasks::Part;

/// How often a facilitator that works is checked for being in need of a probe.
const WATCH: Duration = Duration::from_secs(1);
/// Longest delay between probes of a facilitator that refuses us.
const REFUSED_CAP: Duration = Duration::from_secs(60);
/// First delay between probes of one that is down.
const BROKEN_BASE: Duration = Duration::from_millis(500);
/// Longest such delay.
const BROKEN_CAP: Duration = Duration::from_secs(10);

/// Asks the facilitator what it supports: once at the start, so that wrong credentials show before the
/// first payment does, and while it is down or refuses us, so that settling goes on by itself.
pub struct Probe {
    facilitator: Arc<dyn Facilitator>,
    gate: Arc<Gate>,
    limiter: Arc<Limiter>,
    base: Duration,
}

impl Probe {
    /// `base` is the first delay between two probes of a facilitator that refuses us.
    pub fn new(
        facilitator: Arc<dyn Facilitator>,
        gate: Arc<Gate>,
        limiter: Arc<Limiter>,
        base: Duration,
    ) -> Self {
        Self {
            facilitator,
            gate,
            limiter,
            base,
        }
    }

    async fn watch(&self) {
        let mut failures = 0;
        loop {
            if !self.gate.needs_probe() {
                failures = 0;
                sleep(WATCH.min(self.base)).await;
                continue;
            }
            // The first question of all is asked at once; a refusal is given time to be put right.
            let shut = self.gate.shut_by();
            if failures > 0 || shut.is_some() {
                sleep(self.delay(failures, shut)).await;
            }
            failures += 1;
            self.ask().await;
        }
    }

    fn delay(&self, failures: u32, shut: Option<(Cause, u32)>) -> Duration {
        let tries = failures + shut.map_or(0, |(_, times)| times.saturating_sub(1));
        let (base, cap) = match shut {
            Some((Cause::Refused, _)) => (self.base, REFUSED_CAP),
            Some((Cause::Broken, _)) | None => (BROKEN_BASE.min(self.base), BROKEN_CAP),
        };
        backoff::half_jitter(tries, base, cap, rand::random())
    }

    async fn ask(&self) {
        self.limiter.acquire(1).await;
        match self.facilitator.supported().await {
            Ok(_) => self.gate.answered(),
            Err(none) if none.class == Class::Config => self.gate.close(&none.reason),
            Err(none) => self.gate.unreachable(&none.reason),
        }
    }
}

impl Part for Probe {
    /// Runs until stopped.
    async fn run(&self, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.watch()).await;
    }
}
