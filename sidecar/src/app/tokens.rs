//! The token exchange among the parts.

use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::jwt::{MAX_TOKEN_BYTES, Secret};
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::{App, StartError};
use crate::clock::SystemClock;
use crate::config::TokenSettings;
use crate::db::PgRegistrar;
use crate::metrics::Metrics;
use crate::selling::serve::{self, serve};
use crate::tasks::{Service, TaskGroup};
use crate::tls::TlsError;
use crate::tokens::{
    Endpoint, Exchange, Limits, Provider, RateLimit, Records, Refresher, Registrar, Verifier,
};

/// What a connection to the exchange may cost. The head has room for a token and what browsers send.
const SERVER: serve::Limits = serve::Limits {
    connections: 1024,
    head_timeout: Duration::from_secs(10),
    write_timeout: Duration::from_secs(30),
    head_bytes: 2 * MAX_TOKEN_BYTES,
    grace: Duration::from_secs(5),
};

/// Builds what judges tokens; nothing is fetched yet.
///
/// # Errors
/// [`TlsError`] when TLS cannot be set up.
pub(crate) fn verifier(settings: &TokenSettings, metrics: &Arc<Metrics>) -> Result<Verifier, TlsError> {
    let providers = Provider::all(&settings.providers, settings.timing, metrics)?;
    Ok(Verifier {
        providers,
        clock: Arc::new(SystemClock),
    })
}

/// Builds the exchange; nothing is fetched or recorded yet.
///
/// # Errors
/// [`TlsError`] when TLS cannot be set up.
pub(crate) fn exchange(
    settings: &TokenSettings,
    secret: Secret,
    registrar: Arc<dyn Registrar>,
    tasks: TaskGroup,
    metrics: Arc<Metrics>,
) -> Result<Exchange, TlsError> {
    Ok(Exchange {
        verifier: verifier(settings, &metrics)?,
        secret,
        ttl_s: settings.ttl_s,
        limits: Limits {
            per_address: RateLimit::new(settings.per_address),
            per_subject: RateLimit::new(settings.per_subject),
        },
        records: Records::new(registrar, tasks),
        metrics,
    })
}

impl App {
    /// Adds the exchange where providers are configured.
    pub(super) async fn add_tokens(&mut self) -> Result<(), StartError> {
        let Some(settings) = self.settings.tokens.clone() else {
            return Ok(());
        };
        // Required where providers are configured; without it there is nothing to sign with.
        let Some(secret) = settings.secret.clone() else {
            return Ok(());
        };
        let limit = self.settings.database.query_timeout;
        let pool = self.pool("exchange", 2, limit)?;
        let registrar = Arc::new(PgRegistrar::new(pool, settings.membership_ttl));
        let (tasks, metrics) = (self.connections.clone(), self.metrics.clone());
        let exchange = Arc::new(exchange(&settings, secret, registrar.clone(), tasks, metrics)?);
        for provider in &settings.providers {
            let keys = provider
                .source()
                .map_or_else(|error| error.to_string(), |source| source.describe());
            info!(
                provider = provider.name,
                preset = provider.profile.preset().name(),
                keys,
                "tokens are exchanged"
            );
        }
        let refresher = Refresher {
            providers: exchange.verifier.providers.clone(),
            registrar,
            keep: settings.timing.keep,
        };
        self.support
            .push(Service::of("keys", self.died.clone(), Arc::new(refresher)));
        match settings.listen {
            Some(address) => {
                let listener = TcpListener::bind(address).await;
                let listener = listener.map_err(|cause| StartError::TokenListen {
                    address: address.to_string(),
                    cause,
                })?;
                info!(address = %listener.local_addr().unwrap_or(address), "serving POST /token");
                self.serve_tokens(listener, exchange, settings);
            }
            None => warn!("tokens.listen is off: keys are stored for insforge.login(), nothing is exchanged"),
        }
        Ok(())
    }

    fn serve_tokens(&mut self, listener: TcpListener, exchange: Arc<Exchange>, settings: TokenSettings) {
        let endpoint = Arc::new(Endpoint {
            exchange,
            origins: settings.origins,
            proxies: settings.proxies,
        });
        let listener = Arc::new(listener);
        let body = move |stop| serve(listener.clone(), SERVER, endpoint.clone(), stop);
        self.support
            .push(Service::new("token exchange", self.died.clone(), body));
    }
}
