use std::collections::HashSet;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::health::Health;

/// So many different payments must fail one after the other, and none succeed, before settling is paused. One
/// payment that the facilitator chokes on is no outage, however often it is tried.
const PATIENCE: usize = 5;

/// Whether payments are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They are.
    Open,
    /// None is: the facilitator refuses us, or does not work.
    Shut(Cause),
    /// One at a time: the facilitator answers questions again; whether it settles is being tried.
    Trial {
        /// The payment that tries it, by the number of its permission.
        by: Option<u64>,
    },
}

/// Why it was shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Key, clock or configuration: nothing changes before an operator does.
    Refused,
    /// It cannot be reached or breaks.
    Broken,
}

impl State {
    /// The words in metrics.
    pub const WORDS: &[&str] = &["open", "shut", "trial"];

    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Shut(_) => "shut",
            Self::Trial { .. } => "trial",
        }
    }
}

/// Circuit breaker in front of the facilitator. Payments wait behind it instead of becoming unknown one after
/// the other, or being refused for something that is not their fault.
pub struct Gate {
    state: watch::Sender<State>,
    streak: Mutex<Streak>,
    numbers: AtomicU64,
    health: Arc<Health>,
}

#[derive(Default)]
struct Streak {
    /// Payments that failed since one was last answered.
    failed: HashSet<Uuid>,
    /// How often it was shut since then.
    shut: u32,
}

/// The permission to start payments.
pub struct Pass {
    trial: Option<Trial>,
}

/// The permission to try the facilitator with one payment. Dropping it lets another payment try.
pub struct Trial {
    gate: Arc<Gate>,
    number: u64,
}

impl Gate {
    /// An open gate. `health` shows the facilitator's state.
    pub fn new(health: Arc<Health>) -> Self {
        Self {
            state: watch::Sender::new(State::Open),
            streak: Mutex::default(),
            numbers: AtomicU64::new(0),
            health,
        }
    }

    /// Waits until payments may be started.
    pub async fn pass(self: &Arc<Self>) -> Pass {
        let mut changes = self.state.subscribe();
        loop {
            if let Some(pass) = self.try_pass() {
                return pass;
            }
            // The sender lives as long as `self`, so waiting cannot fail.
            let _ = changes.changed().await;
        }
    }

    fn try_pass(self: &Arc<Self>) -> Option<Pass> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut pass = None;
        self.state.send_if_modified(|state| match state {
            State::Open => {
                pass = Some(Pass { trial: None });
                false
            }
            State::Trial { by: by @ None } => {
                *by = Some(number);
                pass = Some(Pass {
                    trial: Some(Trial {
                        gate: self.clone(),
                        number,
                    }),
                });
                true
            }
            State::Shut(_) | State::Trial { .. } => false,
        });
        pass
    }

    /// A settlement was answered, whatever the answer, and not with a complaint about us. While it is shut
    /// that says nothing: the call is from before.
    pub fn worked(&self) {
        let opened = self.state.send_if_modified(|state| {
            let trying = matches!(state, State::Trial { by: Some(_) });
            if trying {
                self.set(state, State::Open);
            }
            trying
        });
        if self.state() == State::Open {
            *self.streak() = Streak::default();
            self.health.facilitator.succeeded();
        }
        if opened {
            info!("settling goes on");
        }
    }

    /// A question that settles nothing was answered: one payment may try. A key may be good for questions and
    /// not for settling, so what failed so far is not forgotten: each time the next pause is longer.
    pub fn answered(&self) {
        self.health.facilitator.succeeded();
        let tried = self.state.send_if_modified(|state| {
            let shut = matches!(state, State::Shut(_));
            if shut {
                self.set(state, State::Trial { by: None });
            }
            shut
        });
        if tried {
            info!("the facilitator answers again; one payment at a time is tried");
        }
    }

    /// A question that settles nothing was not answered.
    pub fn unreachable(&self, reason: &dyn Display) {
        self.health.facilitator.failed(reason);
    }

    /// A payment could not be sent, or its call broke.
    pub fn failed(&self, payment: Uuid, reason: &dyn Display) {
        let failed = {
            let mut streak = self.streak();
            streak.failed.insert(payment);
            streak.failed.len()
        };
        if failed >= PATIENCE || matches!(self.state(), State::Trial { .. }) {
            self.health.facilitator.failed(reason);
            if self.shut(Cause::Broken) {
                warn!(%reason, "the facilitator does not work; settling is paused and tried again later");
            }
        }
    }

    /// The facilitator refuses us: stop until an operator has put it right.
    pub fn close(&self, reason: &dyn Display) {
        self.health.facilitator.failed(reason);
        if self.shut(Cause::Refused) {
            error!(%reason, "the facilitator refuses us; settling is paused until it no longer does");
        }
    }

    /// Why it is shut, and how often it was since a settlement was last answered.
    pub fn shut_by(&self) -> Option<(Cause, u32)> {
        match self.state() {
            State::Shut(cause) => Some((cause, self.streak().shut)),
            State::Open | State::Trial { .. } => None,
        }
    }

    /// Whether payments are sent.
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Whether payments are sent freely.
    pub fn is_open(&self) -> bool {
        self.state() == State::Open
    }

    /// Whether somebody should ask the facilitator how it is.
    pub fn needs_probe(&self) -> bool {
        self.shut_by().is_some() || !self.health.facilitator.is_up()
    }

    fn shut(&self, cause: Cause) -> bool {
        let shut = self.state.send_if_modified(|state| {
            let was_shut = matches!(state, State::Shut(_));
            // A refusal outranks an outage: it is what an operator must see to.
            if !was_shut || cause == Cause::Refused {
                self.set(state, State::Shut(cause));
            }
            !was_shut
        });
        if shut {
            self.streak().shut += 1;
        }
        shut
    }

    fn set(&self, state: &mut State, next: State) {
        *state = next;
        self.health.set_breaker(next.as_str());
    }

    fn streak(&self) -> MutexGuard<'_, Streak> {
        self.streak.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Whether only one payment may be started with it.
    pub const fn is_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Takes the trial out, for the payment that is started.
    pub fn take_trial(&mut self) -> Option<Trial> {
        self.trial.take()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.gate.state.send_if_modified(|state| {
            let mine = *state
                == State::Trial {
                    by: Some(self.number),
                };
            if mine {
                *state = State::Trial { by: None };
            }
            mine
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Arc<Gate> {
        Arc::new(Gate::new(Arc::default()))
    }

    fn fail(gate: &Gate, payments: std::ops::Range<u128>) {
        for n in payments {
            gate.failed(Uuid::from_u128(n), &"HTTP 502");
        }
    }

    #[tokio::test]
    async fn many_payments_failing_in_a_row_shut_it_and_one_failing_often_does_not() {
        let gate = gate();
        for _ in 0..100 {
            fail(&gate, 1..2);
        }
        fail(&gate, 1..5);
        assert_eq!(gate.state(), State::Open);
        gate.worked();
        fail(&gate, 5..9);
        assert_eq!(
            gate.state(),
            State::Open,
            "an answer in between starts the count again"
        );
        fail(&gate, 9..10);
        assert_eq!(gate.shut_by(), Some((Cause::Broken, 1)));
        assert!(gate.health.facilitator.fault().is_some());
    }

    #[tokio::test]
    async fn after_a_pause_one_payment_at_a_time_is_tried_and_its_success_opens_it() {
        let gate = gate();
        gate.close(&"50111");
        assert!(gate.try_pass().is_none());
        gate.answered();
        let mut first = gate.pass().await;
        assert!(first.is_trial() && gate.try_pass().is_none());
        drop(first.take_trial());
        let second = gate.pass().await;
        assert!(
            gate.try_pass().is_none(),
            "the first ended without an answer, the second tries"
        );
        gate.worked();
        assert_eq!(gate.state(), State::Open);
        drop(second);
        assert!(gate.try_pass().is_some_and(|pass| !pass.is_trial()));
    }

    #[tokio::test]
    async fn a_trial_that_fails_shuts_it_at_once_and_each_time_counts() {
        let gate = gate();
        gate.close(&"50111");
        for times in 2..5 {
            gate.answered();
            let trial = gate.pass().await;
            fail(&gate, 7..8);
            drop(trial);
            assert_eq!(gate.shut_by(), Some((Cause::Broken, times)));
        }
        gate.close(&"50114");
        assert_eq!(gate.shut_by(), Some((Cause::Refused, 4)));
    }

    #[tokio::test]
    async fn an_answer_to_a_call_from_before_the_pause_does_not_reopen_it() {
        let gate = gate();
        gate.close(&"50111");
        gate.worked();
        assert_eq!(gate.shut_by(), Some((Cause::Refused, 1)));
        assert!(gate.health.facilitator.fault().is_some());
    }

    #[tokio::test]
    async fn an_old_trial_that_ends_late_does_not_end_a_newer_one() {
        let gate = gate();
        gate.close(&"50111");
        gate.answered();
        let old = gate.pass().await;
        gate.close(&"50111");
        gate.answered();
        let _new = gate.pass().await;
        drop(old);
        assert!(gate.try_pass().is_none());
    }
}
