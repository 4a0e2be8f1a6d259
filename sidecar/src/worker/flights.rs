use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use uuid::Uuid;

use crate::settle::Lease;

/// Every payment this process holds a lease on.
#[derive(Default)]
pub struct Flights {
    leases: Mutex<HashMap<Lease, Held>>,
}

struct Held {
    /// Until when the lease holds, by our monotonic clock and counted from before the database was asked:
    /// never later than the database thinks.
    until: Instant,
    lost: bool,
    /// The outcome is being recorded, which ends the lease; then its absence says nothing.
    landing: bool,
}

/// One payment in flight; leaves the list when dropped.
pub struct Flight {
    lease: Lease,
    flights: Arc<Flights>,
}

impl Flights {
    /// Adds a claim.
    pub fn take_off(self: &Arc<Self>, lease: Lease, until: Instant) -> Flight {
        self.held().insert(
            lease,
            Held {
                until,
                lost: false,
                landing: false,
            },
        );
        Flight {
            lease,
            flights: self.clone(),
        }
    }

    /// Every lease that is worth a heartbeat.
    pub fn leases(&self) -> Vec<Lease> {
        self.held()
            .iter()
            .filter(|(_, held)| !held.lost)
            .map(|(lease, _)| *lease)
            .collect()
    }

    /// Payments in flight.
    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in the answer to a heartbeat for `asked`: the payments still held. Returns how many leases
    /// were found lost.
    pub fn renewed(&self, asked: &[Lease], held: &HashSet<Uuid>, until: Instant) -> usize {
        let mut leases = self.held();
        let mut lost = 0;
        for lease in asked {
            let Some(entry) = leases.get_mut(lease) else {
                continue;
            };
            if held.contains(&lease.id) {
                entry.until = until;
            } else if !entry.landing && !entry.lost {
                entry.lost = true;
                lost += 1;
            }
        }
        lost
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Lease, Held>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Whether a call may be started: the lease was not found lost, and has not run out by our own clock.
    /// The latter is how a process that was stopped for a while finds out before any heartbeat does.
    pub fn is_held(&self) -> bool {
        let now = Instant::now();
        self.flights
            .held()
            .get(&self.lease)
            .is_some_and(|held| !held.lost && now < held.until)
    }

    /// The outcome is about to be recorded.
    pub fn landing(&self) {
        if let Some(held) = self.flights.held().get_mut(&self.lease) {
            held.landing = true;
        }
    }

    /// The lease.
    pub const fn lease(&self) -> Lease {
        self.lease
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.held().remove(&self.lease);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn lease(n: u128, token: i64) -> Lease {
        Lease {
            id: Uuid::from_u128(n),
            token,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_ran_out_by_our_own_clock_is_not_held() {
        let flights = Arc::new(Flights::default());
        let flight = flights.take_off(lease(1, 1), Instant::now() + SECOND);
        assert!(flight.is_held());
        tokio::time::advance(SECOND).await;
        assert!(!flight.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_a_heartbeat_does_not_return_is_lost_for_good_and_counted_once() {
        let flights = Arc::new(Flights::default());
        let until = Instant::now() + SECOND;
        let (kept, gone) = (
            flights.take_off(lease(1, 1), until),
            flights.take_off(lease(2, 2), until),
        );
        let asked = flights.leases();
        let held = HashSet::from([kept.lease().id]);
        assert_eq!(flights.renewed(&asked, &held, until + SECOND), 1);
        assert_eq!(flights.renewed(&asked, &held, until + SECOND), 0);
        assert!(kept.is_held() && !gone.is_held());
        assert_eq!(flights.leases(), [kept.lease()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_payment_that_was_just_recorded_is_not_counted_as_lost() {
        let flights = Arc::new(Flights::default());
        let flight = flights.take_off(lease(1, 1), Instant::now() + SECOND);
        let asked = flights.leases();
        flight.landing();
        assert_eq!(flights.renewed(&asked, &HashSet::new(), Instant::now()), 0);
        drop(flight);
        assert!(flights.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_payment_claimed_anew_does_not_end_with_its_earlier_flight() {
        let flights = Arc::new(Flights::default());
        let until = Instant::now() + SECOND;
        let (earlier, later) = (
            flights.take_off(lease(1, 1), until),
            flights.take_off(lease(1, 2), until),
        );
        drop(earlier);
        assert!(later.is_held());
    }
}
