//! A facilitator in memory that acts as scripted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::evm::tx_hash;
use insforge_protocol::okx::{Class, HashStatus, Kind, NoAnswer, NotSentCause, Outcome, Settlement};
use insforge_protocol::x402::{Payment, Requirements};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::facilitator::Facilitator;

/// What the facilitator does on its next call.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Settle,
    Refuse,
    Unreachable,
    Limited(Duration),
    BadKey,
    /// The key is good for questions but not for settling.
    NoPermission,
    /// The call breaks after it was sent: HTTP 502.
    Break,
    /// Never answers.
    Hang,
}

/// Acts as scripted, then settles everything.
#[derive(Default)]
pub(super) struct FakeFacilitator {
    pub(super) script: Mutex<VecDeque<Act>>,
    /// When each call came, and for which payment.
    pub(super) calls: Mutex<Vec<(Instant, Uuid)>>,
    pub(super) refuses_us: Mutex<bool>,
    /// Questions that settle nothing are not answered either.
    pub(super) silent: Mutex<bool>,
    /// Time a call takes.
    pub(super) latency: Mutex<Duration>,
}

impl FakeFacilitator {
    pub(super) fn scripted(acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(acts.into_iter().collect()),
            ..Self::default()
        })
    }

    pub(super) fn called(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    async fn act(&self, id: Uuid) -> Settlement {
        self.calls.lock().unwrap().push((Instant::now(), id));
        let act = self.script.lock().unwrap().pop_front().unwrap_or(Act::Settle);
        let latency = *self.latency.lock().unwrap();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let not_sent = |cause, retry_after| Outcome::NotSent { cause, retry_after };
        let outcome = match act {
            Act::Settle => Outcome::Settled {
                tx_hash: tx_hash(&format!("0x{:064x}", id.as_u128())).unwrap(),
            },
            Act::Refuse => Outcome::Refused { class: Class::Final },
            Act::Unreachable => not_sent(NotSentCause::Unreachable, None),
            Act::Limited(pause) => not_sent(NotSentCause::RateLimited, Some(pause)),
            Act::BadKey => {
                *self.refuses_us.lock().unwrap() = true;
                not_sent(NotSentCause::Credentials, None)
            }
            Act::Break => Outcome::Unknown {
                tx_hash: None,
                class: Class::Retryable,
            },
            Act::NoPermission => not_sent(NotSentCause::Credentials, None),
            Act::Hang => std::future::pending().await,
        };
        Settlement {
            outcome,
            reason: None,
            evidence: json!({}),
        }
    }
}

impl Facilitator for FakeFacilitator {
    fn settle<'a>(
        &'a self,
        id: Uuid,
        _: &'a Payment,
        _: &'a Requirements,
        _: bool,
    ) -> BoxFuture<'a, Settlement> {
        self.act(id).boxed()
    }

    fn status<'a>(&'a self, _: &'a Payment, _: &'a str) -> BoxFuture<'a, Option<HashStatus>> {
        std::future::ready(None).boxed()
    }

    fn supported(&self) -> BoxFuture<'_, Result<Vec<Kind>, NoAnswer>> {
        let no_answer = |class, reason: &str| NoAnswer {
            class,
            reason: reason.to_owned(),
            retry_after: None,
        };
        let answer = if *self.refuses_us.lock().unwrap() {
            Err(no_answer(Class::Config, "bad key"))
        } else if *self.silent.lock().unwrap() {
            Err(no_answer(Class::Retryable, "HTTP 502"))
        } else {
            Ok(Vec::new())
        };
        std::future::ready(answer).boxed()
    }

    fn is_mock(&self) -> bool {
        false
    }
}
