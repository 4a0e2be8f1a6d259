use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::tokens::Tokens;
use crate::metrics::Metrics;
use crate::settle::Bucket;
use crate::tasks::Part;

/// How long tokens of the shared bucket that were not used are kept: the next payment usually comes soon, and
/// takes them without asking the database. Short, because they are not held back by a pause that another process
/// was asked for.
const LINGER: Duration = Duration::from_millis(250);
/// How long the shared bucket may take to answer before this process goes by its own.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest pause that a facilitator's `Retry-After` can demand.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Waiters come apart by up to this share of their wait, or they would all ask at the same moment.
const SPREAD: f64 = 0.2;

/// So many requests per second on average, so many at once after a quiet time: for this process, or for all
/// that share a database.
pub struct Limiter {
    rate: f64,
    burst: usize,
    state: Mutex<State>,
    shared: Option<Arc<dyn Bucket>>,
    kept: Notify,
    metrics: Option<Arc<Metrics>>,
}

struct State {
    /// This process's own bucket; with a shared one, used only while that one cannot be asked.
    own: Tokens,
    /// Taken from the shared bucket and not used yet.
    unused: usize,
    /// Nothing goes before this.
    paused_until: Instant,
    /// Whether the shared bucket could be asked last time.
    alone: bool,
}

impl Limiter {
    /// A full bucket. `rate` is requests per second, 0 is no limit.
    pub fn new(rate: f64, burst: usize) -> Self {
        let now = Instant::now();
        Self {
            rate,
            burst,
            state: Mutex::new(State {
                own: Tokens::full(rate, burst, now),
                unused: 0,
                paused_until: now,
                alone: false,
            }),
            shared: None,
            kept: Notify::new(),
            metrics: None,
        }
    }

    /// The same, counted in a bucket that others share. Without a limit there is nothing to share.
    #[must_use]
    pub fn shared(self, bucket: Arc<dyn Bucket>) -> Self {
        Self {
            shared: (self.rate > 0.0).then_some(bucket),
            ..self
        }
    }

    /// The same, with waits counted.
    #[must_use]
    pub fn counted(self, metrics: Arc<Metrics>) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }

    /// Whether there is a limit at all.
    pub fn is_limited(&self) -> bool {
        self.rate > 0.0
    }

    /// Whether any number of requests may be sent now.
    pub fn is_free(&self) -> bool {
        !self.is_limited() && self.state().paused_until <= Instant::now()
    }

    /// Waits until at least one request may be sent; returns how many may, up to `wanted`.
    pub async fn acquire(&self, wanted: usize) -> usize {
        let asked = Instant::now();
        loop {
            match self.try_acquire(wanted).await {
                Ok(granted) => {
                    self.waited(asked.elapsed());
                    return granted;
                }
                Err(wait) => sleep(wait).await,
            }
        }
    }

    /// Waits until one request may be sent, but no longer than `patience`.
    ///
    /// # Errors
    /// The time that it would have taken.
    pub async fn acquire_one_within(&self, patience: Duration) -> Result<(), Duration> {
        let until = Instant::now() + patience;
        loop {
            match self.try_acquire(1).await {
                Ok(_) => return Ok(()),
                Err(wait) if Instant::now() + wait > until => return Err(wait),
                Err(wait) => sleep(wait).await,
            }
        }
    }

    /// Returns tokens that were not used.
    pub fn give_back(&self, unused: usize) {
        if unused == 0 || !self.is_limited() {
            return;
        }
        let mut state = self.state();
        if self.shared.is_some() && !state.alone {
            state.unused += unused;
            self.kept.notify_one();
        } else {
            state.own.put_back(unused);
        }
    }

    /// Lets nothing through for a while: the facilitator asked for it. Others that share the bucket are held
    /// back as well.
    pub async fn pause(&self, pause: Duration) {
        let pause = pause.min(LONGEST_PAUSE);
        {
            let mut state = self.state();
            let until = state.paused_until.max(Instant::now() + pause);
            state.paused_until = until;
            state.unused = 0;
            state.own.pause(until);
        }
        if let Some(bucket) = &self.shared {
            // Whoever cannot be told finds out by a 429 of its own.
            let _ = timeout(PATIENCE, bucket.hold(pause)).await;
        }
    }

    /// Up to `wanted` tokens, or the time until it makes sense to ask again.
    async fn try_acquire(&self, wanted: usize) -> Result<usize, Duration> {
        {
            let mut state = self.state();
            let now = Instant::now();
            if state.paused_until > now {
                return Err(state.paused_until - now);
            }
            if !self.is_limited() {
                return Ok(wanted);
            }
            if state.unused > 0 {
                let granted = wanted.min(state.unused);
                state.unused -= granted;
                return Ok(granted);
            }
        }
        let wanted = wanted.min(self.burst);
        let Some(bucket) = &self.shared else {
            return self.state().own.take(wanted, Instant::now());
        };
        match timeout(PATIENCE, bucket.take(wanted)).await {
            Ok(Ok(granted)) => {
                self.state().alone = false;
                if granted.tokens > 0 {
                    Ok(granted.tokens)
                } else {
                    Err(granted.wait.mul_f64(1.0 + SPREAD * rand::random::<f64>()))
                }
            }
            Ok(Err(error)) => self.go_alone(wanted, &error.to_string()),
            Err(_) => self.go_alone(wanted, "no answer"),
        }
    }

    /// A database that cannot be asked must not stop what needs no database, such as the probe of the
    /// facilitator; and it stops claims by itself.
    fn go_alone(&self, wanted: usize, why: &str) -> Result<usize, Duration> {
        let mut state = self.state();
        if !std::mem::replace(&mut state.alone, true) {
            warn!(
                why,
                "the shared request limit cannot be asked; this process keeps to it by itself"
            );
        }
        state.own.take(wanted, Instant::now())
    }

    fn waited(&self, wait: Duration) {
        if let Some(metrics) = self.metrics.as_ref().filter(|_| self.is_limited()) {
            metrics.rate_limit_wait.observe(wait.as_secs_f64());
        }
    }

    /// Puts what is left of the shared bucket's tokens back into it.
    async fn put_back(&self) {
        let unused = std::mem::take(&mut self.state().unused);
        if let Some(bucket) = self.shared.as_ref().filter(|_| unused > 0) {
            // Lost tokens only mean fewer requests.
            let _ = timeout(PATIENCE, bucket.give_back(unused)).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part for Limiter {
    /// Gives unused tokens back to the bucket that is shared: a moment after they were left over, and when
    /// stopped.
    async fn run(&self, stop: CancellationToken) {
        let returning = async {
            loop {
                self.kept.notified().await;
                sleep(LINGER).await;
                self.put_back().await;
            }
        };
        let _: Option<std::convert::Infallible> = stop.run_until_cancelled(returning).await;
        self.put_back().await;
    }
}
