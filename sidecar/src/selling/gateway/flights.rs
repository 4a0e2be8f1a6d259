//! Deliveries that this process is at. Those who want the same answer wait here instead of asking the
//! database over and over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

/// The deliveries.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Uuid, Ending>>);

/// Whoever waits for a delivery's end waits until nobody has this any more.
type Ending = Arc<watch::Sender<()>>;

/// A delivery under way; dropping it ends it.
pub(super) struct Flight {
    id: Uuid,
    ending: Ending,
    flights: Arc<Flights>,
}

impl Flights {
    /// Begins a delivery.
    pub(super) fn begin(self: &Arc<Self>, id: Uuid) -> Flight {
        let ending = Ending::default();
        self.lock().insert(id, ending.clone());
        Flight {
            id,
            ending,
            flights: self.clone(),
        }
    }

    /// Waits until the delivery ends here, or for `pause` where it is another process's.
    pub(super) async fn ended(&self, id: Uuid, pause: Duration) {
        let under_way = self.lock().get(&id).map(|ending| ending.subscribe());
        match under_way {
            Some(mut ended) => drop(ended.changed().await),
            None => tokio::time::sleep(pause).await,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Ending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // One that lost its claim ends after its successor began.
        if flights
            .get(&self.id)
            .is_some_and(|latest| Arc::ptr_eq(latest, &self.ending))
        {
            flights.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_wait_are_woken_when_the_delivery_ends() {
        let flights = Arc::new(Flights::default());
        let flight = flights.begin(Uuid::nil());
        let waiter = tokio::spawn({
            let flights = flights.clone();
            async move { flights.ended(Uuid::nil(), Duration::from_secs(3600)).await }
        });
        tokio::task::yield_now().await;
        drop(flight);
        tokio::time::timeout(Duration::from_secs(10), waiter)
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn a_delivery_that_ends_late_does_not_end_its_successor() {
        let flights = Arc::new(Flights::default());
        let old = flights.begin(Uuid::nil());
        let _new = flights.begin(Uuid::nil());
        drop(old);
        let ended = flights.ended(Uuid::nil(), Duration::ZERO);
        let waited = tokio::time::timeout(Duration::from_millis(50), ended).await;
        assert!(waited.is_err(), "the successor is still under way");
    }
}
