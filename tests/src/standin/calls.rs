use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use alloy_primitives::{Address, B256};
use anyhow::{Result, bail};
use parking_lot::Mutex;
use tokio::sync::watch;

/// One call that reached the stand-in.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it was read, wall clock.
    pub at: SystemTime,
    /// When it was read, for latencies within one process.
    pub instant: Instant,
    /// When it was signed, by the clock of whoever sent it.
    pub signed_at: Option<SystemTime>,
    /// `supported`, `verify`, `settle`, `status` or `rpc/NAME`.
    pub target: String,
    /// Nonce of the payment, where there is one that could be read.
    pub nonce: Option<B256>,
    /// Payer, likewise.
    pub payer: Option<Address>,
    /// JSON-RPC method.
    pub method: Option<String>,
    /// What was answered in the end, in a word or two; `None` while the call is under way.
    pub answer: Option<String>,
}

/// Every call so far, in order of arrival.
#[derive(Debug)]
pub struct CallLog {
    calls: Mutex<Vec<Call>>,
    counts: Mutex<HashMap<(String, Option<B256>), u64>>,
    changed: watch::Sender<usize>,
}

impl Default for CallLog {
    fn default() -> CallLog {
        CallLog {
            calls: Mutex::default(),
            counts: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }
}

impl CallLog {
    pub(super) fn begin(&self, call: Call) -> usize {
        *self
            .counts
            .lock()
            .entry((call.target.clone(), call.nonce))
            .or_default() += 1;
        let mut calls = self.calls.lock();
        calls.push(call);
        let count = calls.len();
        drop(calls);
        self.changed.send_modify(|version| *version += 1);
        count - 1
    }

    pub(super) fn end(&self, at: usize, answer: String) {
        if let Some(call) = self.calls.lock().get_mut(at) {
            call.answer = Some(answer);
        }
        self.changed.send_modify(|version| *version += 1);
    }

    /// A copy of all calls.
    pub fn all(&self) -> Vec<Call> {
        self.calls.lock().clone()
    }

    /// Forgets the calls so far.
    pub fn clear(&self) {
        self.calls.lock().clear();
        self.counts.lock().clear();
    }

    /// Calls of `target`.
    pub fn of(&self, target: &str) -> Vec<Call> {
        self.all()
            .into_iter()
            .filter(|call| call.target == target)
            .collect()
    }

    /// Calls of `/settle` for one payment.
    pub fn settles_of(&self, nonce: B256) -> Vec<Call> {
        self.of("settle")
            .into_iter()
            .filter(|call| call.nonce == Some(nonce))
            .collect()
    }

    /// Which call of `target` for this nonce the newest one is, counted from 1.
    pub(super) fn count(&self, target: &str, nonce: Option<B256>) -> u64 {
        let counts = self.counts.lock();
        counts
            .get(&(target.to_owned(), nonce))
            .copied()
            .unwrap_or_default()
    }

    /// Waits until `condition` holds for the calls so far; woken by each new call and each answer.
    ///
    /// # Errors
    /// It does not hold within `deadline`; the calls so far are part of the message.
    pub async fn wait(
        &self,
        deadline: Duration,
        what: &str,
        condition: impl Fn(&[Call]) -> bool,
    ) -> Result<()> {
        let mut changes = self.changed.subscribe();
        let met = async {
            while !condition(&self.calls.lock()) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(deadline, met).await.is_err() {
            let brief = |c: Call| format!("{} {:?} -> {:?}", c.target, c.nonce, c.answer);
            let seen: Vec<String> = self.all().into_iter().map(brief).collect();
            bail!("not within {deadline:?}: {what}; the stand-in saw {seen:#?}");
        }
        Ok(())
    }
}
