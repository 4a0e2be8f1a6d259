use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::okx::Class;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Gate;
use crate::facilitator::{Facilitator, Limiter};
use crate::settle::backoff;
use crate::tasks::Part;

/// How often a facilitator that works is checked for being in need of a probe.
const WATCH: Duration = Duration::from_secs(1);
/// Longest delay between probes.
const CAP: Duration = Duration::from_secs(60);

/// Asks the facilitator what it supports: once at the start, so that wrong credentials show before the
/// first payment does, and while it is down or refuses us, so that settling goes on by itself.
pub struct Probe {
    facilitator: Arc<dyn Facilitator>,
    gate: Arc<Gate>,
    limiter: Arc<Limiter>,
    base: Duration,
}

impl Probe {
    /// `base` is the first delay between two probes.
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
            if failures > 0 || self.gate.is_closed() {
                let tries = failures + self.gate.refusals().saturating_sub(1);
                sleep(backoff::half_jitter(tries, self.base, CAP, rand::random())).await;
            }
            failures += 1;
            self.ask().await;
        }
    }

    async fn ask(&self) {
        while self.limiter.take(1) == 0 {
            sleep(self.limiter.wait()).await;
        }
        match self.facilitator.supported().await {
            Ok(_) => self.gate.reopen(),
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
