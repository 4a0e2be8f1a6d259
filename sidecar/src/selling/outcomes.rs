//! Who waits for which payment. Every change that the database announces is handed to those who wait for
//! it, and remembered for a moment: a payment may settle before whoever recorded it begins to wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use insforge_protocol::ledger::Status;
use tokio::sync::watch;
use uuid::Uuid;

/// Changes remembered for those who come late. At 1,000 payments a second, two changes each, this is more
/// than a second; a waiter that misses one looks at the row anyway.
const REMEMBERED: usize = 4096;

/// A payment changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The payment.
    pub id: Uuid,
    /// The status it has now.
    pub status: Status,
    /// Its transaction, if one is known.
    pub tx_hash: Option<String>,
    /// This process has recorded it itself. Else it was heard on a channel where everybody may speak who may connect to
    /// the database: a reason to look at the row.
    pub is_ours: bool,
}

/// The switchboard.
#[derive(Default)]
pub struct Outcomes {
    state: Mutex<State>,
    heard: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Uuid, watch::Sender<Option<Change>>>,
    recent: HashMap<Uuid, Change>,
    order: VecDeque<Uuid>,
}

/// A place in the queue for one payment; leaving it is dropping it.
pub struct Ticket {
    id: Uuid,
    changes: watch::Receiver<Option<Change>>,
    outcomes: Arc<Outcomes>,
}

impl Outcomes {
    /// Hands a change to those who wait for it. What is only heard does not take the place of what was recorded.
    pub fn publish(&self, change: Change) {
        let mut state = self.lock();
        let known = state.recent.get(&change.id);
        if known.is_some_and(|known| known.is_ours && known.status == change.status) {
            return;
        }
        if let Some(waiting) = state.waiting.get(&change.id) {
            waiting.send_replace(Some(change.clone()));
        }
        let id = change.id;
        if state.recent.insert(id, change).is_none() {
            state.order.push_back(id);
        }
        if state.order.len() > REMEMBERED
            && let Some(oldest) = state.order.pop_front()
        {
            state.recent.remove(&oldest);
        }
    }

    /// Begins to wait for a payment. A change that is remembered counts as new.
    pub fn wait_for(self: &Arc<Self>, id: Uuid) -> Ticket {
        let mut state = self.lock();
        let recent = state.recent.get(&id).cloned();
        let sender = state.waiting.entry(id).or_default();
        if recent.is_some() {
            sender.send_replace(recent);
        }
        let mut changes = sender.subscribe();
        changes.mark_changed();
        Ticket {
            id,
            changes,
            outcomes: self.clone(),
        }
    }

    /// Whether changes are heard at present; without, whoever waits must look often.
    pub fn set_listening(&self, listening: bool) {
        self.heard.send_replace(listening);
    }

    /// See [`Self::set_listening`].
    pub fn is_listening(&self) -> bool {
        *self.heard.borrow()
    }

    /// Payments somebody waits for.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The next change. Never ends by itself.
    pub async fn changed(&mut self) -> Change {
        loop {
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            let change = self.changes.borrow_and_update().clone();
            if let Some(change) = change {
                return change;
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.outcomes.lock();
        let last = state
            .waiting
            .get(&self.id)
            .is_some_and(|sender| sender.receiver_count() <= 1);
        if last {
            state.waiting.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: Uuid, status: Status) -> Change {
        Change {
            id,
            status,
            tx_hash: None,
            is_ours: false,
        }
    }

    #[tokio::test]
    async fn everybody_who_waits_for_a_payment_hears_of_it_and_nobody_else() {
        let outcomes = Arc::new(Outcomes::default());
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut tickets = [outcomes.wait_for(one), outcomes.wait_for(one)];
        let mut stranger = outcomes.wait_for(other);
        outcomes.publish(change(one, Status::Settled));
        for ticket in &mut tickets {
            assert_eq!(ticket.changed().await.status, Status::Settled);
        }
        let heard = tokio::time::timeout(std::time::Duration::from_millis(10), stranger.changed()).await;
        assert!(heard.is_err());
    }

    #[tokio::test]
    async fn a_payment_that_settled_before_anybody_waited_is_not_missed() {
        let outcomes = Arc::new(Outcomes::default());
        let id = Uuid::from_u128(1);
        outcomes.publish(change(id, Status::Settling));
        outcomes.publish(change(id, Status::Settled));
        assert_eq!(outcomes.wait_for(id).changed().await.status, Status::Settled);
    }

    #[tokio::test]
    async fn what_is_heard_of_a_payment_does_not_take_the_place_of_what_was_recorded() {
        let outcomes = Arc::new(Outcomes::default());
        let id = Uuid::from_u128(1);
        let recorded = Change {
            is_ours: true,
            ..change(id, Status::Settled)
        };
        outcomes.publish(recorded.clone());
        outcomes.publish(change(id, Status::Settled));
        assert_eq!(outcomes.wait_for(id).changed().await, recorded);
        outcomes.publish(change(id, Status::Submitted));
        assert_eq!(outcomes.wait_for(id).changed().await.status, Status::Submitted);
    }

    #[test]
    fn nothing_is_kept_of_those_who_left_or_of_old_changes() {
        let outcomes = Arc::new(Outcomes::default());
        let id = Uuid::from_u128(7);
        let (first, second) = (outcomes.wait_for(id), outcomes.wait_for(id));
        drop(first);
        assert_eq!(outcomes.waiting(), 1);
        drop(second);
        assert_eq!(outcomes.waiting(), 0);
        for n in 0..10_000 {
            outcomes.publish(change(Uuid::from_u128(n), Status::Settled));
        }
        let state = outcomes.lock();
        assert_eq!((state.recent.len(), state.order.len()), (REMEMBERED, REMEMBERED));
    }
}
