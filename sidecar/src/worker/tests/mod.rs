//! The settler over a ledger and a facilitator in memory, with the clock standing still.

mod breaker;
mod direct;
mod dispatch;
mod fake;
mod fake_facilitator;
mod lease;
mod recorder;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use tokio_util::sync::CancellationToken;

use self::fake::{FakeLedger, LEASE};
use self::fake_facilitator::FakeFacilitator;
use super::*;
use crate::bell::Bell;
use crate::facilitator::Limiter;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::settle::{Believer, Witness};
use crate::tasks::{Part, TaskGroup};

const NOW: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_secs(8);

/// A settler over fakes.
struct Settler {
    ledger: Arc<FakeLedger>,
    facilitator: Arc<FakeFacilitator>,
    bell: Arc<Bell>,
    core: Arc<Core>,
    limiter: Arc<Limiter>,
    gate: Arc<Gate>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    stop: CancellationToken,
    recording: CancellationToken,
    dispatching: TaskGroup,
}

struct Limits {
    concurrency: usize,
    batch: usize,
    rate: f64,
    burst: usize,
}

const WIDE: Limits = Limits {
    concurrency: 64,
    batch: 100,
    rate: 0.0,
    burst: 1,
};

impl Settler {
    fn start(ledger: Arc<FakeLedger>, facilitator: Arc<FakeFacilitator>, limits: Limits) -> Self {
        Self::watched(ledger, facilitator, limits, Arc::new(Believer))
    }

    /// One that a witness looks after.
    fn watched(
        ledger: Arc<FakeLedger>,
        facilitator: Arc<FakeFacilitator>,
        limits: Limits,
        witness: Arc<dyn Witness>,
    ) -> Self {
        let health = Arc::new(Health::default());
        let (metrics, bell, flights) = (
            Arc::new(Metrics::default()),
            Arc::new(Bell::default()),
            Arc::default(),
        );
        let gate = Arc::new(Gate::new(health.clone()));
        let limiter = Arc::new(Limiter::new(limits.rate, limits.burst).counted(metrics.clone()));
        let recorder = Arc::new(Recorder::new(ledger.clone(), metrics.clone(), limits.batch));
        let heartbeat = Heartbeat::new(ledger.clone(), Arc::clone(&flights), metrics.clone(), LEASE);
        let probe = Probe::new(facilitator.clone(), gate.clone(), limiter.clone(), SECOND);
        let core = Core::new(Parts {
            witness,
            ledger: ledger.clone(),
            facilitator: facilitator.clone(),
            limiter: limiter.clone(),
            gate: gate.clone(),
            recorder: recorder.clone(),
            flights,
            metrics: metrics.clone(),
            concurrency: limits.concurrency,
            batch: limits.batch,
            lease: LEASE,
        });
        let dispatcher = Dispatcher::new(core.clone(), bell.clone(), POLL, SECOND / 5);
        let (stop, recording) = (CancellationToken::new(), CancellationToken::new());
        let (d, h, p, r) = (stop.clone(), recording.clone(), stop.clone(), recording.clone());
        let dispatching = TaskGroup::default();
        dispatching.spawn("dispatcher", async move { dispatcher.run(d).await });
        tokio::spawn(async move { heartbeat.run(h).await });
        tokio::spawn(async move { probe.run(p).await });
        tokio::spawn(async move { recorder.run(r).await });
        bell.set_listening(true);
        Self {
            ledger,
            facilitator,
            bell,
            core,
            limiter,
            gate,
            metrics,
            health,
            stop,
            recording,
            dispatching,
        }
    }

    /// Stops as the application does.
    async fn stop(&self, grace: Duration) -> usize {
        self.core.drain();
        self.stop.cancel();
        assert!(
            self.dispatching.wait(2 * SECOND).await,
            "the dispatcher stops soon"
        );
        let left = self.core.finish(grace, 5 * SECOND).await;
        self.recording.cancel();
        left
    }

    async fn all_settled(&self) {
        let done = |books: &fake::Books| books.rows.values().all(|row| row.status == Status::Settled);
        self.ledger.until("everything is settled", done).await;
    }

    fn metric(&self, line: &str) -> bool {
        self.metrics.render(&self.health).lines().any(|l| l == line)
    }
}

fn with(count: u128) -> Arc<FakeLedger> {
    let ledger = Arc::new(FakeLedger::default());
    for n in 1..=count {
        ledger.add(n, NOW);
    }
    ledger
}
