use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use uuid::Uuid;

use crate::settle::Lease;

/// Every payment this process works on, with the lease it holds on it.
#[derive(Default)]
pub struct Flights {
    leases: Mutex<HashMap<Uuid, Held>>,
    numbers: AtomicU64,
}

struct Held {
    /// Tells this flight from an earlier one of the same payment that is just being dropped.
    number: u64,
    token: i64,
    /// Until when the lease holds, by our monotonic clock and counted from before the database was asked:
    /// never later than the database thinks.
    until: Instant,
    lost: bool,
    /// The outcome is being recorded, which ends the lease; then its absence says nothing.
    landing: bool,
}

/// One payment in flight; leaves the list when it lands or is dropped.
pub struct Flight {
    id: Uuid,
    number: u64,
    flights: Arc<Flights>,
}

impl Flights {
    /// Adds a claim. `None`: this process is working on the payment already, and its flight goes on under
    /// the new lease. That happens when the database was away for longer than the lease; starting the
    /// payment again would throw away the answer to a call that may have paid.
    pub fn take_off(self: &Arc<Self>, lease: Lease, until: Instant) -> Option<Flight> {
        let mut leases = self.held();
        if let Some(flying) = leases.get_mut(&lease.id) {
            // The answer to an earlier claim came late: another one has taken its place.
            if lease.token < flying.token {
                return None;
            }
            (flying.token, flying.until, flying.lost) = (lease.token, until, false);
            return None;
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        leases.insert(
            lease.id,
            Held {
                number,
                token: lease.token,
                until,
                lost: false,
                landing: false,
            },
        );
        Some(Flight {
            id: lease.id,
            number,
            flights: self.clone(),
        })
    }

    /// Every lease that is worth a heartbeat.
    pub fn leases(&self) -> Vec<Lease> {
        let leases = self.held();
        let live = leases.iter().filter(|(_, held)| !held.lost);
        live.map(|(id, held)| Lease {
            id: *id,
            token: held.token,
        })
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
            let Some(entry) = leases
                .get_mut(&lease.id)
                .filter(|entry| entry.token == lease.token)
            else {
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

    fn held(&self) -> MutexGuard<'_, HashMap<Uuid, Held>> {
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
            .get(&self.id)
            .is_some_and(|held| !held.lost && now < held.until)
    }

    /// The outcome is about to be recorded under the lease returned.
    pub fn landing(&self) -> Lease {
        let mut leases = self.flights.held();
        let token = leases.get_mut(&self.id).map_or(0, |held| {
            held.landing = true;
            held.token
        });
        Lease { id: self.id, token }
    }

    /// The lease as it is now.
    pub fn lease(&self) -> Lease {
        let token = self.flights.held().get(&self.id).map_or(0, |held| held.token);
        Lease { id: self.id, token }
    }

    /// Ends the flight. Returns a lease that came after `recorded`: it must be handed back, because
    /// nobody works under it any more.
    pub fn land(self, recorded: Lease) -> Option<Lease> {
        self.leave()
            .map(|token| Lease { id: self.id, token })
            .filter(|last| *last != recorded)
    }

    fn leave(&self) -> Option<i64> {
        let mut leases = self.flights.held();
        leases.get(&self.id).filter(|held| held.number == self.number)?;
        leases.remove(&self.id).map(|held| held.token)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.leave();
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

    fn fly(flights: &Arc<Flights>, lease: Lease) -> Flight {
        flights.take_off(lease, Instant::now() + SECOND).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_ran_out_by_our_own_clock_is_not_held() {
        let flights = Arc::default();
        let flight = fly(&flights, lease(1, 1));
        assert!(flight.is_held());
        tokio::time::advance(SECOND).await;
        assert!(!flight.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_a_heartbeat_does_not_return_is_lost_and_counted_once() {
        let flights = Arc::default();
        let (kept, gone) = (fly(&flights, lease(1, 1)), fly(&flights, lease(2, 2)));
        let asked = flights.leases();
        let held = HashSet::from([kept.lease().id]);
        let until = Instant::now() + SECOND;
        assert_eq!(flights.renewed(&asked, &held, until), 1);
        assert_eq!(flights.renewed(&asked, &held, until), 0);
        assert!(kept.is_held() && !gone.is_held());
        assert_eq!(flights.leases(), [kept.lease()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_payment_that_was_just_recorded_is_not_counted_as_lost() {
        let flights = Arc::default();
        let flight = fly(&flights, lease(1, 1));
        let asked = flights.leases();
        flight.landing();
        assert_eq!(flights.renewed(&asked, &HashSet::new(), Instant::now()), 0);
        drop(flight);
        assert!(flights.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_payment_claimed_anew_goes_on_under_the_new_lease() {
        let flights = Arc::default();
        let flight = fly(&flights, lease(1, 1));
        let asked = flights.leases();
        tokio::time::advance(2 * SECOND).await;
        assert!(flights.take_off(lease(1, 2), Instant::now() + SECOND).is_none());
        assert_eq!(
            flights.renewed(&asked, &HashSet::new(), Instant::now()),
            0,
            "the old lease is no news"
        );
        assert!(flight.is_held());
        assert_eq!(flight.landing(), lease(1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_whose_answer_comes_late_does_not_end_the_newer_one() {
        let flights = Arc::default();
        let flight = fly(&flights, lease(1, 2));
        assert!(flights.take_off(lease(1, 1), Instant::now() + SECOND).is_none());
        assert_eq!(flight.landing(), lease(1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_comes_after_the_outcome_was_recorded_is_to_be_handed_back() {
        let flights = Arc::default();
        let flight = fly(&flights, lease(1, 1));
        let recorded = flight.landing();
        assert!(flights.take_off(lease(1, 2), Instant::now() + SECOND).is_none());
        assert_eq!(flight.land(recorded), Some(lease(1, 2)));
        assert!(flights.is_empty());
        let other = fly(&flights, lease(2, 3));
        assert_eq!(other.land(lease(2, 3)), None);
    }
}
