//! Deliveries that this process is at. Those who want the same answer wait here instead of asking the
//! database over and over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

/// The deliveries.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Uuid, watch::Sender<()>>>);

/// A delivery under way; dropping it ends it.
pub(super) struct Flight {
    id: Uuid,
    flights: Arc<Flights>,
}

impl Flights {
    /// Begins a delivery.
    pub(super) fn begin(self: &Arc<Self>, id: Uuid) -> Flight {
        self.lock().insert(id, watch::Sender::new(()));
        Flight {
            id,
            flights: self.clone(),
        }
    }

    /// Waits until the delivery ends here, or for `pause` where it is another process's.
    pub(super) async fn ended(&self, id: Uuid, pause: Duration) {
        let under_way = self.lock().get(&id).map(watch::Sender::subscribe);
        match under_way {
            // The sender is dropped when the delivery ends.
            Some(mut ended) => drop(ended.changed().await),
            None => tokio::time::sleep(pause).await,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.id);
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
}
