use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use insforge_protocol::jwt::Keys;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::Instant;
use tracing::{info, warn};

use super::fetch::{Fetch, FetchError};
use crate::metrics::Metrics;

/// How old keys may get.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A key that is gone from the provider's set stops verifying within this time.
    pub max_age: Duration,
    /// Least time between two fetches that unknown `kid`s ask for.
    pub cooldown: Duration,
    /// How long the last good set is used while fetching fails.
    pub keep: Duration,
}

/// Shortest pause after a failure; it doubles up to the cool-down.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// One provider's keys: the last good set, refreshed in the background and, at most once per cool-down,
/// when a token names a key that is not in it.
pub struct KeyStore {
    name: String,
    fetcher: Box<dyn Fetch>,
    timing: Timing,
    state: Mutex<State>,
    fetching: AsyncMutex<()>,
    /// Rung when a new set has come.
    pub(super) changed: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<Keys>>,
    fetched_at: Option<Instant>,
    attempted_at: Option<Instant>,
    fresh_for: Option<Duration>,
    failures: u32,
}

impl KeyStore {
    /// A store without keys; the first come with the first refresh.
    pub fn new(name: &str, fetcher: Box<dyn Fetch>, timing: Timing, metrics: Arc<Metrics>) -> KeyStore {
        KeyStore {
            name: name.to_owned(),
            fetcher,
            timing,
            state: Mutex::default(),
            fetching: AsyncMutex::default(),
            changed: Notify::new(),
            metrics,
        }
    }

    /// The keys, unless none ever came or the last are too old to go by.
    pub fn current(&self) -> Option<Arc<Keys>> {
        let state = self.state();
        let is_kept = state.fetched_at.is_some_and(|at| at.elapsed() < self.timing.keep);
        state.keys.clone().filter(|_| is_kept)
    }

    /// Fetches, unless a fetch is under way, which is then waited for.
    ///
    /// # Errors
    /// [`FetchError`] if this call fetched and failed.
    pub async fn refresh(&self) -> Result<(), FetchError> {
        self.fetch_unless(|state, asked| state.attempted_at.is_some_and(|at| at >= asked))
            .await
    }

    /// For a token whose key is not in the set: as [`KeyStore::refresh`], but nothing within the cool-down
    /// after the last fetch. Whoever makes tokens up must not make us knock at the provider's door.
    pub async fn refresh_for_unknown_kid(&self) {
        let cooldown = self.timing.cooldown;
        // What came of it is seen by looking at the keys again.
        let _ = self
            .fetch_unless(|state, asked| {
                state
                    .attempted_at
                    .is_some_and(|at| at >= asked || at.elapsed() < cooldown)
            })
            .await;
    }

    /// When the next background refresh is due.
    pub(super) fn due_at(&self) -> Instant {
        let state = self.state();
        let Some(attempted) = state.attempted_at else {
            return Instant::now();
        };
        if state.failures > 0 {
            let pause = FIRST_RETRY.saturating_mul(1 << state.failures.min(16).saturating_sub(1));
            return attempted + pause.min(self.timing.cooldown);
        }
        // Half the age leaves time for a second try. The provider's word counts only to come sooner.
        let usual = self.timing.max_age / 2;
        let pause = state
            .fresh_for
            .map_or(usual, |fresh| fresh.clamp(usual.min(self.timing.cooldown), usual));
        attempted + pause
    }

    async fn fetch_unless(&self, settled: impl Fn(&State, Instant) -> bool) -> Result<(), FetchError> {
        let asked = Instant::now();
        let _flight = self.fetching.lock().await;
        if settled(&self.state(), asked) {
            return Ok(());
        }
        let fetched = self.fetcher.fetch().await;
        let mut state = self.state();
        state.attempted_at = Some(Instant::now());
        self.metrics
            .jwks_fetch(if fetched.is_ok() { "ok" } else { "failed" });
        match fetched {
            Ok(fetched) => {
                if state.failures > 0 || state.keys.is_none() {
                    info!(
                        provider = self.name,
                        keys = fetched.set.keys().len(),
                        "the provider's keys are here"
                    );
                }
                for skipped in fetched.set.skipped().iter().filter(|_| state.keys.is_none()) {
                    warn!(provider = self.name, kid = ?skipped.kid, reason = %skipped.reason, "a key cannot be used");
                }
                state.keys = Some(Arc::new(Keys::from_set(fetched.set)));
                state.fetched_at = state.attempted_at;
                state.fresh_for = fetched.fresh_for;
                state.failures = 0;
                drop(state);
                self.changed.notify_one();
                Ok(())
            }
            Err(error) => {
                // Once for each outage; the metric counts the rest.
                if state.failures == 0 {
                    let has_keys = state.keys.is_some();
                    warn!(provider = self.name, %error, has_keys, "the provider's keys cannot be fetched");
                }
                state.failures = state.failures.saturating_add(1);
                Err(error)
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
