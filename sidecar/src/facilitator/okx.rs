use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::evm::tx_hash;
use insforge_protocol::okx::{
    Asked, Endpoint, Generation, HashStatus, Kind, NoAnswer, Settlement, VerifyAnswer, hash_status,
    refuses_timestamp, settle_body, settle_outcome, sign, status_path, supported_kinds, timestamp,
    verify_answer, verify_body,
};
use insforge_protocol::x402::{Payment, Requirements};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tracing::warn;
use uuid::Uuid;

use super::Facilitator;
use super::call::{CallError, Called, HttpCaller};
use crate::clock::Clock;
use crate::config::OkxSettings;

/// OKX's facilitator over HTTP, both generations of its API.
pub struct Okx {
    caller: HttpCaller,
    settings: OkxSettings,
    generation: Generation,
    clock: Arc<dyn Clock>,
    /// Added to our clock when requests are stamped; corrected when OKX refuses a timestamp.
    offset_ms: AtomicI64,
}

impl Okx {
    /// A client with its own connections.
    ///
    /// # Errors
    /// [`CallError`] when TLS or the HTTP client cannot be set up.
    pub fn new(settings: OkxSettings, clock: Arc<dyn Clock>) -> Result<Self, CallError> {
        let caller = HttpCaller::new(&settings.base_url, settings.connect_timeout, settings.timeout)?;
        let generation = if settings.generation == 1 {
            Generation::One
        } else {
            Generation::Two
        };
        Ok(Self {
            caller,
            settings,
            generation,
            clock,
            offset_ms: AtomicI64::new(0),
        })
    }

    /// Sends; where OKX refuses our timestamp, finds out how wrong our clock is and sends once more. What was
    /// refused for its stamp was certainly not looked at, so a second settle cannot be a second settlement.
    async fn send(&self, method: Method, path: &str, body: &str) -> Called {
        let called = self.send_once(method.clone(), path, body).await;
        if refuses_timestamp(&called.call) && self.correct_clock(&called) {
            return self.send_once(method, path, body).await;
        }
        called
    }

    /// Signs and sends. The signature covers the very text that goes out, so the body is serialised once;
    /// it is stamped and signed anew for every request.
    async fn send_once(&self, method: Method, path: &str, body: &str) -> Called {
        let stamp = timestamp(self.clock.unix_ms().saturating_add_signed(self.clock_offset_ms()));
        let signature = sign(
            self.settings.secret_key.expose(),
            &stamp,
            method.as_str(),
            path,
            body,
        );
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ok-access-key", self.settings.api_key.expose().as_str()),
            ("ok-access-sign", &signature),
            ("ok-access-timestamp", &stamp),
            ("ok-access-passphrase", self.settings.passphrase.expose()),
        ] {
            // A credential that is no header value is left out; OKX answers with the code that names it.
            if let Ok(mut value) = HeaderValue::from_str(value) {
                value.set_sensitive(true);
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.caller.send(method, path, headers, body.to_owned()).await
    }

    /// What it supports, and by how many milliseconds its clock is ahead of ours, if it told the time.
    pub async fn checkup(&self) -> (Result<Vec<Kind>, NoAnswer>, Option<i64>) {
        let path = self.generation.path(Endpoint::Supported);
        let called = self.send(Method::GET, &path, "").await;
        let offset_ms = self.offset_ms(&called);
        (supported_kinds(&called.call), offset_ms)
    }

    /// `Date` cuts off the fraction of a second, half a second is its mean.
    fn offset_ms(&self, called: &Called) -> Option<i64> {
        let ours = i128::from(self.clock.unix_ms());
        i64::try_from(i128::from(called.date_ms?) + 500 - ours).ok()
    }

    /// Our clock is wrong if OKX says so: measure by how much.
    fn correct_clock(&self, called: &Called) -> bool {
        let Some(offset) = self.offset_ms(called) else {
            return false;
        };
        warn!(
            offset_ms = offset,
            "OKX refuses our timestamp; this machine's clock is wrong, set it by NTP"
        );
        self.offset_ms.store(offset, Ordering::Relaxed);
        true
    }
}

impl Facilitator for Okx {
    fn settle<'a>(
        &'a self,
        _id: Uuid,
        payment: &'a Payment,
        requirements: &'a Requirements,
        _proven: bool,
    ) -> BoxFuture<'a, Settlement> {
        let body = settle_body(self.generation, payment, requirements, self.settings.sync_settle).to_string();
        let path = self.generation.path(Endpoint::Settle);
        let asked = Asked::of(payment);
        async move { settle_outcome(&asked, &self.send(Method::POST, &path, &body).await.call) }.boxed()
    }

    fn status<'a>(&'a self, payment: &'a Payment, hash: &'a str) -> BoxFuture<'a, Option<HashStatus>> {
        async move {
            let hash = tx_hash(hash).filter(|_| self.generation == Generation::Two)?;
            let called = self.send(Method::GET, &status_path(hash), "").await;
            Some(hash_status(&Asked::of(payment), hash, &called.call))
        }
        .boxed()
    }

    fn verify<'a>(
        &'a self,
        payment: &'a Payment,
        requirements: &'a Requirements,
    ) -> BoxFuture<'a, Option<VerifyAnswer>> {
        let body = verify_body(self.generation, payment, requirements).to_string();
        let path = self.generation.path(Endpoint::Verify);
        let asked = Asked::of(payment);
        async move {
            Some(verify_answer(
                &asked,
                &self.send(Method::POST, &path, &body).await.call,
            ))
        }
        .boxed()
    }

    fn supported(&self) -> BoxFuture<'_, Result<Vec<Kind>, NoAnswer>> {
        async {
            let path = self.generation.path(Endpoint::Supported);
            supported_kinds(&self.send(Method::GET, &path, "").await.call)
        }
        .boxed()
    }

    fn is_mock(&self) -> bool {
        false
    }

    fn clock_offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }
}
