//! What works and what does not, as the services last saw it.
//!
//! An outage is logged once when it begins and once when it ends, however often it is met meanwhile.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;
use tracing::{debug, info, warn};

/// Something the sidecar depends on.
pub struct Component {
    name: &'static str,
    state: Mutex<State>,
}

enum State {
    /// Not tried yet.
    Unknown,
    Up,
    Down {
        reason: String,
        since: Instant,
        failures: u64,
    },
}

impl Component {
    /// A component that has not been tried yet.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            state: Mutex::new(State::Unknown),
        }
    }

    /// Its name, as in logs, metrics and `/readyz`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// It worked.
    pub fn succeeded(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Down { since, failures, .. } = &*state {
            info!(
                component = self.name,
                seconds = since.elapsed().as_secs(),
                failures,
                "{} is back",
                self.name
            );
        }
        *state = State::Up;
    }

    /// It did not work. `reason` must hold no secret.
    pub fn failed(&self, reason: &dyn Display) {
        let reason = reason.to_string();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Down {
                reason: last,
                failures,
                ..
            } => {
                debug!(component = self.name, reason, "{} is still down", self.name);
                *failures += 1;
                *last = reason;
            }
            State::Up | State::Unknown => {
                warn!(component = self.name, reason, "{} is down", self.name);
                *state = State::Down {
                    reason,
                    since: Instant::now(),
                    failures: 1,
                };
            }
        }
    }

    /// Why it is not known to work; `None` if it works.
    pub fn fault(&self) -> Option<String> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Up => None,
            State::Unknown => Some("not tried yet".to_owned()),
            State::Down { reason, .. } => Some(reason.clone()),
        }
    }

    /// Whether it works.
    pub fn is_up(&self) -> bool {
        self.fault().is_none()
    }
}

/// The components readiness is made of.
pub struct Health {
    /// Statements succeed.
    pub database: Component,
    /// The doorbell is heard.
    pub listener: Component,
    /// The facilitator can be reached and takes our credentials.
    pub facilitator: Component,
    breaker: Mutex<&'static str>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            database: Component::new("database"),
            listener: Component::new("listener"),
            facilitator: Component::new("facilitator"),
            breaker: Mutex::new("open"),
        }
    }
}

impl Health {
    /// All components.
    pub fn components(&self) -> [&Component; 3] {
        [&self.database, &self.listener, &self.facilitator]
    }

    /// The state of the circuit breaker in front of the facilitator, in a word.
    pub fn breaker(&self) -> &'static str {
        *self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the breaker.
    pub fn set_breaker(&self, state: &'static str) {
        *self.breaker.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_ready_only_after_it_worked_once() {
        let component = Component::new("database");
        assert!(!component.is_up());
        component.succeeded();
        assert!(component.is_up());
        component.failed(&"connection refused");
        component.failed(&"timed out");
        assert_eq!(component.fault().as_deref(), Some("timed out"));
        component.succeeded();
        assert!(component.is_up());
    }
}
