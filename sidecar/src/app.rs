//! Puts the parts together and owns the order in which they stop.

mod evidence;
mod selling;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::bell::Bell;
use crate::clock::SystemClock;
use crate::config::{FacilitatorMode, FacilitatorSettings, OkxSettings, Settings};
use crate::db::{Connector, DbError, Listener, PgBucket, PgFigures, PgLedger, Pool};
use crate::facilitator::{CallError, Facilitator, Limiter, Mock, Okx};
use crate::health::Health;
use crate::http::{self, Probes};
use crate::metrics::{Gauges, Metrics};
use crate::outlook::Outlook;
use crate::selling::stock::Unsold;
use crate::selling::{Outcomes, Verifier};
use crate::shutdown::Signals;
use crate::tasks::{Service, TaskGroup};
use crate::tls::TlsError;
use crate::worker::{Core, Dispatcher, Flights, Gate, Heartbeat, Parts, Probe, Recorder};

pub(crate) use tokens::{exchange, verifier};

/// Time for recording outcomes after the grace period is over.
const FLUSH: Duration = Duration::from_secs(5);

/// Why the sidecar could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// TLS to the database.
    #[error("database.url (DATABASE_URL): {0}")]
    Tls(#[from] TlsError),
    /// The HTTP client.
    #[error(transparent)]
    Caller(#[from] CallError),
    /// The pool.
    #[error(transparent)]
    Pool(#[from] DbError),
    /// The listener's address.
    #[error(
        "http.listen (INSFORGE_SIDECAR_LISTEN): cannot listen on {address}: {cause}; free the port, name another, or write off"
    )]
    Listen {
        /// As configured.
        address: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The address of the token exchange.
    #[error(
        "tokens.listen (INSFORGE_SIDECAR_TOKENS_LISTEN): cannot listen on {address}: {cause}; free the port, name another, or write off"
    )]
    TokenListen {
        /// As configured.
        address: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A listener of the facilitator API or the gateway.
    #[error("{name}.listen: cannot listen on {address}: {cause}; free the port, name another, or write off")]
    SellingListen {
        /// Which.
        name: &'static str,
        /// As configured.
        address: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Something that cannot be sold as it is configured.
    #[error("{0}")]
    Unsold(Unsold),
    /// Signal handlers.
    #[error("signals cannot be handled: {0}")]
    Signals(std::io::Error),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// After a signal; what was in flight is recorded or left to the sweep.
    Gracefully,
    /// By a second signal.
    Forced,
    /// A part of the sidecar died.
    Broken,
}

/// Everything that runs.
pub struct App {
    settings: Settings,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    died: CancellationToken,
    stopping: CancellationToken,
    connections: TaskGroup,
    /// Connections for statements that nothing depends on being quick; made when first needed.
    work: Option<Pool>,
    bell: Arc<Bell>,
    /// Who waits here for which payment.
    outcomes: Arc<Outcomes>,
    verifier: Option<Verifier>,
    core: Option<Arc<Core>>,
    /// Claims payments. Stopped at once: what it claimed after that would only be handed back, again and again.
    dispatcher: Option<Service>,
    /// Stopped before payments in flight are waited for, in this order.
    intake: Vec<Service>,
    /// Kept running for payments in flight; stopped after them, in this order.
    support: Vec<Service>,
}

/// Runs until a signal comes or a part dies.
///
/// # Errors
/// [`StartError`]: nothing was started. A database or facilitator that cannot be reached is no such
/// error; the sidecar waits for them.
pub async fn run(settings: Settings) -> Result<Ended, StartError> {
    let mut signals = Signals::new().map_err(StartError::Signals)?;
    let app = App::build(settings).await?;
    app.start().await;
    let ended = tokio::select! {
        () = signals.next() => Ended::Gracefully,
        () = app.died.cancelled() => Ended::Broken,
    };
    tokio::select! {
        () = app.stop() => Ok(ended),
        () = signals.next() => {
            warn!(in_flight = app.in_flight(), "stopping at once; payments in flight are left to the sweep");
            Ok(Ended::Forced)
        }
    }
}

impl App {
    /// Builds every part; connects to nothing yet, except that the port for health is taken.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn build(settings: Settings) -> Result<Self, StartError> {
        let mut app = Self {
            health: Arc::default(),
            metrics: Arc::default(),
            died: CancellationToken::new(),
            stopping: CancellationToken::new(),
            connections: TaskGroup::default(),
            work: None,
            bell: Arc::default(),
            outcomes: Arc::default(),
            verifier: None,
            core: None,
            dispatcher: None,
            intake: Vec::new(),
            support: Vec::new(),
            settings,
        };
        if app.settings.settler.enabled {
            app.add_settler()?;
        } else {
            // Readiness must not wait for what nothing here needs.
            app.health.listener.succeeded();
            app.health.facilitator.succeeded();
        }
        app.add_selling().await?;
        app.add_tokens().await?;
        app.add_http().await?;
        Ok(app)
    }

    /// Starts every service.
    pub async fn start(&self) {
        for service in self.support.iter().chain(&self.intake).chain(&self.dispatcher) {
            service.start().await;
        }
        info!(
            version = env!("CARGO_PKG_VERSION"),
            worker = self.settings.settler.worker,
            database = self.settings.database.target.summary(),
            environment = ?self.settings.environment,
            "insforge-sidecar is running"
        );
    }

    /// Stops in two phases: first nothing new is started and what was not sent is handed back; then calls
    /// in flight are waited for, with their heartbeats on, and their outcomes recorded. Answers under way to buyers
    /// take their time from the calls', so that the whole ends when a service manager expects it.
    pub async fn stop(&self) {
        let until = Instant::now() + self.settings.settler.grace;
        self.stopping.cancel();
        if let Some(core) = &self.core {
            core.drain();
        }
        let claims = async {
            if let Some(dispatcher) = &self.dispatcher {
                dispatcher.stop().await;
            }
            info!(in_flight = self.in_flight(), "stopping");
        };
        let intake = async {
            for service in &self.intake {
                service.stop().await;
            }
        };
        tokio::join!(claims, intake);
        if let Some(core) = &self.core {
            let grace = until.saturating_duration_since(Instant::now());
            let left = core.finish(grace, FLUSH).await;
            if left > 0 {
                warn!(
                    left,
                    "payments could not be recorded in time; another worker will resolve them"
                );
            }
        }
        for service in &self.support {
            service.stop().await;
        }
        self.connections.abort().await;
        info!("stopped");
    }

    /// Payments being worked on.
    pub fn in_flight(&self) -> usize {
        self.core.as_ref().map_or(0, |core| core.in_flight())
    }

    fn add_settler(&mut self) -> Result<(), StartError> {
        let settings = self.settings.settler.clone();
        let bell = self.bell.clone();
        let (outlook, evidence) = (Arc::<Outlook>::default(), self.evidence()?);
        let ledger = Arc::new(self.ledger(&outlook)?);
        let facilitator = facilitator(&self.settings.facilitator)?;
        let limiter = self.limiter()?;
        self.verifier = Some(Verifier::new(facilitator.clone(), limiter.clone()));
        let gate = Arc::new(Gate::new(self.health.clone()));
        let flights = Arc::new(Flights::default());
        let recorder = Recorder::new(ledger.clone(), self.metrics.clone(), settings.batch);
        let recorder = Arc::new(recorder.telling(self.outcomes.clone()));
        let core = Core::new(Parts {
            ledger: ledger.clone(),
            facilitator: facilitator.clone(),
            limiter: limiter.clone(),
            gate: gate.clone(),
            witness: evidence.witness.clone(),
            recorder: recorder.clone(),
            flights: flights.clone(),
            metrics: self.metrics.clone(),
            concurrency: settings.concurrency,
            batch: settings.batch,
            lease: settings.lease,
        });
        self.core = Some(core.clone());
        let tools = (recorder.clone(), flights.clone());
        self.add_reconciliation(evidence, &ledger, &core, tools, outlook)?;
        let connector = Connector::new(&self.settings.database, "listener")?;
        let listener = Listener::new(
            connector,
            bell.clone(),
            self.health.clone(),
            settings.ping_interval,
        );
        let dispatcher = Dispatcher::new(core, bell, settings.poll_interval, settings.poll_without_listener);
        let probe = Probe::new(facilitator, gate, limiter.clone(), settings.poll_interval);
        let heartbeat = Heartbeat::new(ledger, flights, self.metrics.clone(), settings.lease);
        self.support
            .push(Service::of("recorder", self.died.clone(), recorder));
        self.support
            .push(Service::of("request limit", self.died.clone(), limiter.clone()));
        self.support
            .push(Service::of("heartbeat", self.died.clone(), Arc::new(heartbeat)));
        self.dispatcher = Some(Service::of("dispatcher", self.died.clone(), Arc::new(dispatcher)));
        self.intake
            .push(Service::of("listener", self.died.clone(), Arc::new(listener)));
        self.intake
            .push(Service::of("probe", self.died.clone(), Arc::new(probe)));
        Ok(())
    }

    async fn add_http(&mut self) -> Result<(), StartError> {
        let Some(address) = self.settings.http.listen else {
            return Ok(());
        };
        let listener = TcpListener::bind(address)
            .await
            .map_err(|cause| StartError::Listen {
                address: address.to_string(),
                cause,
            })?;
        info!(address = %listener.local_addr().unwrap_or(address), "serving health and metrics");
        let listener = Arc::new(listener);
        let figures = Arc::new(PgFigures::new(self.work()?));
        let probes = Probes {
            health: self.health.clone(),
            metrics: self.metrics.clone(),
            gauges: Some(Arc::new(Gauges::new(figures, self.metrics.clone()))),
            stopping: self.stopping.clone(),
        };
        let body = move |stop| http::serve(listener.clone(), probes.clone(), stop);
        self.support.push(Service::new("http", self.died.clone(), body));
        Ok(())
    }

    fn ledger(&mut self, outlook: &Arc<Outlook>) -> Result<PgLedger, StartError> {
        let (limit, lease) = (self.settings.database.query_timeout, self.settings.settler.lease);
        // A heartbeat that takes longer than a third of the lease is as good as missed.
        let heartbeat = self.pool("heartbeat", 1, limit.min(lease / 3))?;
        let worker = self.settings.settler.worker.clone();
        let work = self.work()?;
        Ok(PgLedger::unsent(work, heartbeat, worker, lease, outlook.clone()))
    }

    fn work(&mut self) -> Result<Pool, StartError> {
        if self.work.is_none() {
            let settings = &self.settings.database;
            self.work = Some(self.pool("worker", settings.pool_size, settings.query_timeout)?);
        }
        self.work
            .clone()
            .ok_or_else(|| DbError::Contract("no pool".to_owned()).into())
    }

    fn pool(&self, purpose: &str, size: usize, limit: Duration) -> Result<Pool, StartError> {
        let connector = Connector::new(&self.settings.database, purpose)?;
        let pool = Pool::new(
            connector,
            size,
            limit,
            self.health.clone(),
            self.connections.clone(),
        )?;
        Ok(pool)
    }

    /// Mock mode sends nothing that would have to be limited.
    fn limiter(&mut self) -> Result<Arc<Limiter>, StartError> {
        let settings = self.settings.facilitator.clone();
        let (rate, burst) = (settings.requests_per_second, settings.burst);
        let limiter = match &settings.mode {
            FacilitatorMode::Mock => Limiter::new(0.0, 1),
            FacilitatorMode::Okx(okx) => {
                let bucket = PgBucket::new(self.work()?, bucket_key(okx), rate, burst);
                Limiter::new(rate, burst).shared(Arc::new(bucket))
            }
        };
        Ok(Arc::new(limiter.counted(self.metrics.clone())))
    }
}

/// OKX counts requests by API key. Only a part of its hash is written down.
fn bucket_key(okx: &OkxSettings) -> String {
    let hash = Sha256::digest(okx.api_key.expose().as_bytes());
    format!(
        "okx:{}",
        hash[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    )
}

fn facilitator(settings: &FacilitatorSettings) -> Result<Arc<dyn Facilitator>, StartError> {
    Ok(match &settings.mode {
        FacilitatorMode::Okx(okx) => Arc::new(Okx::new(okx.clone(), Arc::new(SystemClock))?),
        FacilitatorMode::Mock => Arc::new(Mock),
    })
}
