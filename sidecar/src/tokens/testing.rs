//! Doubles for the unit tests of this module.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::jwt::{KeySet, Secret};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::exchange::{Exchange, Limits};
use super::fetch::{Fetch, FetchError, Fetched};
use super::keys::{KeyStore, Timing};
use super::provider::{Provider, ProviderSettings};
use super::records::Records;
use super::registrar::{Exchanged, Recorded, Registrar, RegistrarError};
use super::verifier::Verifier;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::tasks::TaskGroup;

pub(super) fn exchanged(user: &str) -> Exchanged {
    Exchanged {
        provider: "app".to_owned(),
        issuer: "https://app.acme.example".to_owned(),
        subject: user.to_owned(),
        user_id: user.to_owned(),
        org_id: None,
        role: None,
        permissions: Vec::new(),
        iat: Some(1),
    }
}

/// A database: `bad` is refused, `revoked` and `w:evil` are revoked, everybody else is recorded.
pub(super) struct FakeRegistrar {
    batches: Mutex<Vec<usize>>,
    pub(super) recorded: Mutex<Vec<Exchanged>>,
    pub(super) stored: Mutex<Vec<(String, Value)>>,
    broken: AtomicBool,
    entered: AtomicUsize,
    gate: Arc<Semaphore>,
}

const WIDE_OPEN: u32 = 1000;

impl Default for FakeRegistrar {
    fn default() -> Self {
        FakeRegistrar {
            batches: Mutex::default(),
            recorded: Mutex::default(),
            stored: Mutex::default(),
            broken: AtomicBool::new(false),
            entered: AtomicUsize::new(0),
            gate: Arc::new(Semaphore::new(WIDE_OPEN as usize)),
        }
    }
}

impl FakeRegistrar {
    /// Lets no statement end until the result is dropped.
    pub(super) async fn hold(&self) -> OwnedSemaphorePermit {
        self.gate.clone().acquire_many_owned(WIDE_OPEN).await.unwrap()
    }

    /// Waits until so many statements have begun.
    pub(super) async fn began(&self, count: usize) {
        while self.entered.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    pub(super) fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }

    async fn pass(&self) -> Result<(), RegistrarError> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        let _permit = self.gate.acquire().await.unwrap();
        match self.broken.load(Ordering::SeqCst) {
            true => Err(RegistrarError::Unavailable("no connection".to_owned())),
            false => Ok(()),
        }
    }
}

impl Registrar for FakeRegistrar {
    fn record<'a>(
        &'a self,
        exchanges: &'a [Exchanged],
    ) -> BoxFuture<'a, Result<Vec<Recorded>, RegistrarError>> {
        async move {
            self.pass().await?;
            if exchanges.iter().any(|one| one.user_id == "bad") {
                return Err(RegistrarError::Refused("22000".to_owned()));
            }
            self.batches.lock().unwrap().push(exchanges.len());
            self.recorded.lock().unwrap().extend_from_slice(exchanges);
            Ok(exchanges
                .iter()
                .map(|one| match one.subject.as_str() {
                    "revoked" | "w:evil" => Recorded::Revoked,
                    "disabled" => Recorded::Disabled,
                    _ => Recorded::Recorded,
                })
                .collect())
        }
        .boxed()
    }

    fn store_keys<'a>(
        &'a self,
        provider: &'a str,
        _: &'a Value,
        jwks: &'a Value,
        _: Duration,
    ) -> BoxFuture<'a, Result<bool, RegistrarError>> {
        async move {
            self.pass().await?;
            self.stored
                .lock()
                .unwrap()
                .push((provider.to_owned(), jwks.clone()));
            Ok(true)
        }
        .boxed()
    }

    fn keep_providers<'a>(&'a self, _: &'a [String]) -> BoxFuture<'a, Result<Vec<String>, RegistrarError>> {
        async move { self.pass().await.map(|()| Vec::new()) }.boxed()
    }
}

/// A provider's key server in memory.
pub(super) struct FakeFetch {
    pub(super) set: Mutex<Option<KeySet>>,
    pub(super) fetches: AtomicUsize,
    pub(super) gate: Arc<Semaphore>,
}

impl FakeFetch {
    pub(super) fn new(set: Option<KeySet>) -> Arc<FakeFetch> {
        Arc::new(FakeFetch {
            set: Mutex::new(set),
            fetches: AtomicUsize::new(0),
            gate: Arc::new(Semaphore::new(WIDE_OPEN as usize)),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    pub(super) fn publish(&self, set: Option<KeySet>) {
        *self.set.lock().unwrap() = set;
    }
}

impl Fetch for Arc<FakeFetch> {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        async move {
            let _permit = self.gate.acquire().await.unwrap();
            self.fetches.fetch_add(1, Ordering::SeqCst);
            let set = self.set.lock().unwrap().clone();
            let set = set.ok_or_else(|| FetchError::Unreachable("connection refused".to_owned()))?;
            Ok(Fetched { set, fresh_for: None })
        }
        .boxed()
    }
}

/// Tokens that a throw-away key has signed once; the keys that verify them.
pub(super) const JWKS: &str = r#"{"keys":[{"crv":"Ed25519","x":"GnsWXXuELyF8r5njobtOhAZR8VNV08eAo74SswyZQE8","kty":"OKP","kid":"k1","use":"sig","alg":"EdDSA"}]}"#;
/// `sub` alice, organisation orgA, e-mail address, no `iat`, good until 2100.
pub(super) const ALICE: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwiZW1haWwiOiJhZGFAYWNtZS5leGFtcGxlIiwiYWN0aXZlT3JnYW5pemF0aW9uSWQiOiJvcmdBIn0.I64CM42_8ymgN7sV9behgWAAW1p6WR6rGcdd-EOEylwFIaR28OclcmbcyHsaKvdUpOA95MOGQ_otkdHxiEveAg";
/// `sub` w:evil, good until 2100.
pub(super) const EVIL: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJzdWIiOiJ3OmV2aWwiLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6NDEwMjQ0NDgwMH0.p47i0tT3Yt1OPud5zgrBuRSUPtTyhIqy8j9Y_7BV-CxKsOvbdsZGu39ezxAWGVUE1lOb91i20OJl2_fvNSBBCg";
/// `sub` alice, expired in 2020.
pub(super) const OLD: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImlhdCI6MTYwMDAwMDAwMCwiZXhwIjoxNjAwMDAwOTAwfQ.ryu1Emi7845ifjQjeelo_5yYSf_Ekkl5o_imjWQCigmGKB4MVF5hq3xcgL9MCgu9WWEISvSnTrZU67sF4DL4DQ";
/// Of another issuer.
pub(super) const OTHER: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ.CTmlA5eZBMWJ39nk8Yjk4mwaFoICfkKR_Sluo9ojm1tSOmGcfaot3OXiOrYTTAyh11mW3-DLmXKZnXFrTSwvDg";
/// A moment at which the first two are good.
pub(super) const NOW: i64 = 1_800_000_000;

pub(super) struct Frozen;

impl Clock for Frozen {
    fn unix_ms(&self) -> u64 {
        NOW as u64 * 1000
    }
}

/// An exchange for one provider, `app`, whose keys are fetched.
pub(super) async fn exchange(
    registrar: &Arc<FakeRegistrar>,
    change: impl FnOnce(&mut Value, &mut Limits),
) -> Exchange {
    let mut settings = json!({"preset": "better-auth", "iss": "https://app.acme.example", "aud": "https://app.acme.example"});
    let mut limits = Limits::default();
    change(&mut settings, &mut limits);
    let other = json!({"preset": "clerk", "iss": "https://clerk.acme.example", "user_prefix": "w:"});
    let all = [("app", settings), ("other", other)]
        .map(|(name, settings)| ProviderSettings::read(name, &settings).unwrap());
    let timing = Timing {
        max_age: Duration::from_secs(600),
        cooldown: Duration::from_secs(30),
        keep: Duration::from_secs(3600),
    };
    let metrics = Arc::<Metrics>::default();
    let mut providers = Vec::new();
    for own in &all {
        let fetch = FakeFetch::new(KeySet::parse(JWKS.as_bytes()).ok());
        let keys = KeyStore::new(&own.name, Box::new(fetch), timing, metrics.clone());
        if own.name == "app" {
            keys.refresh().await.unwrap();
        }
        providers.push(Arc::new(Provider::new(own.clone(), keys, &all)));
    }
    Exchange {
        verifier: Verifier {
            providers,
            clock: Arc::new(Frozen),
        },
        secret: Secret::new("Tq3v9XcZ1pLm8RkW5yHs2BnD7fGj4VaE").unwrap(),
        ttl_s: 900,
        limits,
        records: Records::new(registrar.clone(), TaskGroup::default()),
        metrics,
    }
}
