//! Doubles for the unit tests of this module.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::jwt::KeySet;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fetch::{Fetch, FetchError, Fetched};
use super::registrar::{Exchanged, Recorded, Registrar, RegistrarError};

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

/// A database: `bad` is refused, `revoked` is revoked, everybody else is recorded.
pub(super) struct FakeRegistrar {
    batches: Mutex<Vec<usize>>,
    pub(super) stored: Mutex<Vec<(String, Value)>>,
    broken: AtomicBool,
    gate: Arc<Semaphore>,
}

const WIDE_OPEN: u32 = 1000;

impl Default for FakeRegistrar {
    fn default() -> Self {
        FakeRegistrar {
            batches: Mutex::default(),
            stored: Mutex::default(),
            broken: AtomicBool::new(false),
            gate: Arc::new(Semaphore::new(WIDE_OPEN as usize)),
        }
    }
}

impl FakeRegistrar {
    /// Lets no statement end until the result is dropped.
    pub(super) async fn hold(&self) -> OwnedSemaphorePermit {
        self.gate.clone().acquire_many_owned(WIDE_OPEN).await.unwrap()
    }

    pub(super) fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    pub(super) fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }

    async fn pass(&self) -> Result<(), RegistrarError> {
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
            Ok(exchanges
                .iter()
                .map(|one| match one.subject.as_str() {
                    "revoked" => Recorded::Revoked,
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
