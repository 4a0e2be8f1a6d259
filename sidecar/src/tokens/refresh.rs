use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::provider::Provider;
use super::registrar::{Registrar, RegistrarError};
use crate::tasks::Part;

/// Pause before the database is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Keeps every provider's keys current, here and in `insforge.providers`.
pub struct Refresher {
    /// Whose keys.
    pub providers: Vec<Arc<Provider>>,
    /// Where they are stored.
    pub registrar: Arc<dyn Registrar>,
    /// How long stored keys are good for after they were fetched.
    pub keep: Duration,
}

impl Part for Refresher {
    async fn run(&self, stop: CancellationToken) {
        let providers = join_all(self.providers.iter().map(|provider| self.refresh(provider)));
        let work = async { tokio::join!(self.tidy(), providers) };
        tokio::select! {
            () = stop.cancelled() => {}
            _ = work => stop.cancelled().await,
        }
    }
}

impl Refresher {
    /// Removes what an earlier configuration has left in the database.
    async fn tidy(&self) {
        let names: Vec<_> = self
            .providers
            .iter()
            .map(|provider| provider.settings.name.clone())
            .collect();
        let mut failing = false;
        loop {
            match self.registrar.keep_providers(&names).await {
                Ok(removed) => {
                    for provider in removed {
                        info!(
                            provider,
                            "removed from insforge.providers: the configuration no longer names it"
                        );
                    }
                    return;
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        warn!(%error, "insforge.providers cannot be tidied up");
                    }
                    sleep(RETRY).await;
                }
            }
        }
    }

    async fn refresh(&self, provider: &Provider) {
        let mut store_at: Option<Instant> = None;
        let mut failing = false;
        loop {
            let store_due = async {
                match store_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep_until(provider.keys.due_at()) => {
                    // Logged, counted and tried again where it happens.
                    let _ = provider.keys.refresh().await;
                }
                () = provider.keys.changed.notified() => store_at = Some(Instant::now()),
                () = store_due => {
                    let stored = self.store(provider).await;
                    if let Err(error) = &stored && !failing {
                        warn!(provider = provider.settings.name, %error, "keys cannot be stored for insforge.login()");
                    }
                    failing = stored.is_err();
                    store_at = failing.then(|| Instant::now() + RETRY);
                }
            }
        }
    }

    async fn store(&self, provider: &Provider) -> Result<(), RegistrarError> {
        let Some(keys) = provider.keys.current() else {
            return Ok(());
        };
        let (profile, jwks) = (provider.stored_profile(), keys.set.to_json());
        let name = &provider.settings.name;
        if !self
            .registrar
            .store_keys(name, &profile, &jwks, self.keep)
            .await?
        {
            warn!(
                provider = name,
                "insforge.providers has a row of this name that its owner keeps; insforge.login() goes by that one"
            );
        }
        Ok(())
    }
}
