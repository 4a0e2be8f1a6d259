use std::net::SocketAddr;
use std::time::Duration;

use super::database::{Target, target};
use super::fault::{Fault, Faults};
use super::parse::{self, Bad};
use super::production;
use super::raw::{Given, Raw};
use super::selling::SellingSettings;
use super::table::*;
use super::tokens::TokenSettings;
use crate::chain::ChainSettings;
use crate::reconcile::ReconcileSettings;
use crate::secret::Secret;

/// Where the sidecar runs; see `INSFORGE_ENV`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Environment {
    /// Anything goes.
    #[default]
    Development,
    /// What would be dangerous with real money is refused.
    Production,
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Debug, Clone, Default)]
pub struct LogSettings {
    /// Filter in tracing's syntax.
    pub filter: String,
    /// Form of the lines.
    pub format: LogFormat,
}

/// `[database]`
#[derive(Debug, Clone, Default)]
pub struct DatabaseSettings {
    /// Where to connect and how.
    pub target: Target,
    /// Connections for work.
    pub pool_size: usize,
    /// Time for one statement.
    pub query_timeout: Duration,
}

/// `[settler]`
#[derive(Debug, Clone, Default)]
pub struct SettlerSettings {
    /// Whether this process settles.
    pub enabled: bool,
    /// Name in leases and events.
    pub worker: String,
    /// Payments in flight at once.
    pub concurrency: usize,
    /// Most payments in one statement.
    pub batch: usize,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// Longest wait between looks at an idle queue.
    pub poll_interval: Duration,
    /// The same while the listener is down.
    pub poll_without_listener: Duration,
    /// How often the listener's connection is tested, and how long an answer may take.
    pub ping_interval: Duration,
    /// How long a stop waits for calls in flight.
    pub grace: Duration,
}

/// Who settles.
#[derive(Debug, Clone)]
pub enum FacilitatorMode {
    /// OKX over HTTP.
    Okx(OkxSettings),
    /// Nobody: signatures are verified, nothing moves.
    Mock,
}

/// Credentials and place of OKX's API.
#[derive(Debug, Clone)]
pub struct OkxSettings {
    /// Sent as `OK-ACCESS-KEY`.
    pub api_key: Secret<String>,
    /// Signs requests.
    pub secret_key: Secret<String>,
    /// Sent as `OK-ACCESS-PASSPHRASE`.
    pub passphrase: Secret<String>,
    /// Scheme and host, without a slash at the end.
    pub base_url: String,
    /// 1 or 2.
    pub generation: u8,
    /// Whether OKX answers only when the transaction is confirmed.
    pub sync_settle: bool,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for a whole call.
    pub timeout: Duration,
}

/// `[okx]`
#[derive(Debug, Clone)]
pub struct FacilitatorSettings {
    /// Who settles.
    pub mode: FacilitatorMode,
    /// Requests per second; 0 is no limit.
    pub requests_per_second: f64,
    /// Requests that may go at once after a quiet time.
    pub burst: usize,
}

/// `[http]`
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpSettings {
    /// Where health and metrics are served; `None` is off.
    pub listen: Option<SocketAddr>,
}

/// Everything the sidecar runs by. Valid as a whole.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `INSFORGE_ENV`
    pub environment: Environment,
    /// `[log]`
    pub log: LogSettings,
    /// `[database]`
    pub database: DatabaseSettings,
    /// `[settler]`
    pub settler: SettlerSettings,
    /// `[okx]`
    pub facilitator: FacilitatorSettings,
    /// `[http]`
    pub http: HttpSettings,
    /// `[xlayer]` and `[chain]`
    pub chain: ChainSettings,
    /// `[reconcile]`
    pub reconcile: ReconcileSettings,
    /// The address that is paid, lower case.
    pub payment_recipient: Option<String>,
    /// Signs InsForge's tokens.
    pub jwt_secret: Option<Secret<String>>,
    /// `[tokens]`, where providers are configured.
    pub tokens: Option<TokenSettings>,
    /// `[facilitator]` and `[gateway]`
    pub selling: SellingSettings,
}

impl DatabaseSettings {
    /// The database's settings alone, for commands that need nothing else.
    ///
    /// # Errors
    /// Every fault there is among them.
    pub fn from_raw(raw: &Raw) -> Result<Self, Faults> {
        let mut reader = Reader {
            raw,
            faults: Vec::new(),
        };
        let settings = reader.database();
        if reader.faults.is_empty() {
            Ok(settings)
        } else {
            Err(Faults(reader.faults))
        }
    }
}

impl Settings {
    /// Judges what was given.
    ///
    /// # Errors
    /// Every fault there is, not only the first.
    pub fn from_raw(raw: &Raw) -> Result<Self, Faults> {
        let mut reader = Reader {
            raw,
            faults: Vec::new(),
        };
        let settings = reader.settings();
        reader.require_secret(settings.tokens.as_ref());
        let mut faults = reader.faults;
        faults.extend(production::faults(&settings));
        faults.extend(super::selling::production_faults(
            settings.environment,
            &settings.selling,
        ));
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(Faults(faults))
        }
    }
}

/// Reads options one by one and collects what is wrong. After a fault it goes on with a neutral value,
/// so that one run reports everything; the value is never used.
pub(super) struct Reader<'a> {
    pub(super) raw: &'a Raw,
    pub(super) faults: Vec<Fault>,
}

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;

impl Reader<'_> {
    pub(super) fn optional<T>(
        &mut self,
        opt: &'static Opt,
        parse: impl FnOnce(&str) -> Result<T, Bad>,
    ) -> Option<T> {
        let given = self.raw.get(opt)?;
        match parse(&given.value) {
            Ok(value) => Some(value),
            Err(bad) => {
                let shown = if opt.secret {
                    String::new()
                } else {
                    format!("{:?} ", given.value)
                };
                self.fault(opt, format!("{shown}{}", bad.fault), bad.remedy);
                None
            }
        }
    }

    pub(super) fn read<T: Default>(
        &mut self,
        opt: &'static Opt,
        parse: impl FnOnce(&str) -> Result<T, Bad>,
    ) -> T {
        self.optional(opt, parse).unwrap_or_default()
    }

    fn require<T: Default>(
        &mut self,
        opt: &'static Opt,
        parse: impl FnOnce(&str) -> Result<T, Bad>,
        remedy: &str,
    ) -> T {
        if self.raw.get(opt).is_none() {
            self.fault(opt, "is not set".to_owned(), remedy.to_owned());
        }
        self.read(opt, parse)
    }

    pub(super) fn fault(&mut self, opt: &Opt, fault: String, remedy: String) {
        self.faults.push(Fault {
            setting: opt.name(),
            fault,
            remedy,
        });
    }

    fn settings(&mut self) -> Settings {
        Settings {
            environment: self.read(&ENVIRONMENT, |v| {
                let choices = [
                    ("development", Environment::Development),
                    ("production", Environment::Production),
                ];
                parse::choice(v, &choices)
            }),
            log: LogSettings {
                filter: self.read(&LOG_LEVEL, parse::log_filter),
                format: self.read(&LOG_FORMAT, |v| {
                    parse::choice(v, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
                }),
            },
            database: self.database(),
            settler: self.settler(),
            facilitator: self.facilitator(),
            http: HttpSettings {
                listen: self.read(&HTTP_LISTEN, parse::listener),
            },
            chain: self.chain(),
            reconcile: self.reconcile(),
            payment_recipient: self.optional(&PAYMENT_RECIPIENT, parse::address),
            jwt_secret: self.optional(&JWT_SECRET, parse::text).map(Secret::new),
            tokens: self.tokens(),
            selling: {
                let recipient = self.raw.get(&PAYMENT_RECIPIENT).map(|given| given.value);
                self.selling(recipient.as_deref())
            },
        }
    }

    fn database(&mut self) -> DatabaseSettings {
        let remedy = "write postgres://user:password@host:5432/database";
        let mut target: Target = self.require(&DATABASE_URL, target, remedy);
        let connect_timeout = self.read(&DATABASE_CONNECT_TIMEOUT, |v| {
            parse::duration(v, MS(100)..=SECS(60))
        });
        if target.config.get_connect_timeout().is_none() {
            target.config.connect_timeout(connect_timeout);
        }
        DatabaseSettings {
            target,
            pool_size: self.read(&DATABASE_POOL_SIZE, |v| parse::whole(v, 1..=100)),
            query_timeout: self.read(&DATABASE_QUERY_TIMEOUT, |v| {
                parse::duration(v, MS(100)..=SECS(300))
            }),
        }
    }

    fn settler(&mut self) -> SettlerSettings {
        SettlerSettings {
            enabled: self.read(&SETTLER_ENABLED, parse::switch),
            worker: self.read(&SETTLER_WORKER, parse::text),
            concurrency: self.read(&SETTLER_CONCURRENCY, |v| parse::whole(v, 1..=10_000)),
            batch: self.read(&SETTLER_BATCH, |v| parse::whole(v, 1..=1_000)),
            lease: self.read(&SETTLER_LEASE, |v| parse::duration(v, MS(500)..=SECS(300))),
            poll_interval: self.read(&SETTLER_POLL_INTERVAL, |v| parse::duration(v, MS(100)..=SECS(60))),
            poll_without_listener: self.read(&SETTLER_POLL_WITHOUT_LISTENER, |v| {
                parse::duration(v, MS(10)..=SECS(60))
            }),
            ping_interval: self.read(&SETTLER_PING_INTERVAL, |v| parse::duration(v, MS(100)..=SECS(60))),
            grace: self.read(&SETTLER_GRACE, |v| parse::duration(v, MS(0)..=SECS(600))),
        }
    }

    fn facilitator(&mut self) -> FacilitatorSettings {
        let mock = self.read(&OKX_MOCK, parse::switch);
        let idle = |given: Given| parse::switch(&given.value).is_ok_and(|enabled| !enabled);
        let needed = !mock && !self.raw.get(&SETTLER_ENABLED).is_some_and(idle);
        let okx = self.okx(needed);
        FacilitatorSettings {
            mode: if mock {
                FacilitatorMode::Mock
            } else {
                FacilitatorMode::Okx(okx)
            },
            requests_per_second: self.read(&OKX_REQUESTS_PER_SECOND, |v| parse::decimal(v, 0.0..=100_000.0)),
            burst: self.read(&OKX_BURST, |v| parse::whole(v, 1..=10_000)),
        }
    }

    fn okx(&mut self, needed: bool) -> OkxSettings {
        let mut credential = |opt| {
            let remedy =
                "get it from the OKX Web3 developer portal, or try things out with MOCK_OKX_FACILITATOR=true";
            let value = if needed {
                self.require(opt, parse::text, remedy)
            } else {
                self.read(opt, parse::text)
            };
            Secret::new(value)
        };
        OkxSettings {
            api_key: credential(&OKX_API_KEY),
            secret_key: credential(&OKX_SECRET_KEY),
            passphrase: credential(&OKX_PASSPHRASE),
            base_url: self.read(&OKX_BASE_URL, parse::base_url),
            generation: self.read(&OKX_API_GENERATION, |v| parse::choice(v, &[("1", 1), ("2", 2)])),
            sync_settle: self.read(&OKX_SYNC_SETTLE, parse::switch),
            connect_timeout: self.read(&OKX_CONNECT_TIMEOUT, |v| parse::duration(v, MS(100)..=SECS(60))),
            timeout: self.read(&OKX_TIMEOUT, |v| parse::duration(v, MS(100)..=SECS(300))),
        }
    }
}
