use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::standin::{SettleSeen, StandIn};

/// The calls of `/settle` as they arrive: what the storm goes by.
pub(super) struct Pulse {
    calls: watch::Sender<u64>,
    newest: Mutex<Option<SettleSeen>>,
    trap: Mutex<Option<oneshot::Sender<Held>>>,
}

/// A call that waits at the facilitator until this value is dropped.
pub(super) struct Held {
    pub(super) seen: SettleSeen,
    _until: oneshot::Sender<()>,
}

impl Pulse {
    pub(super) fn of(standin: &StandIn) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse {
            calls: watch::Sender::new(0),
            newest: Mutex::default(),
            trap: Mutex::default(),
        });
        let felt = pulse.clone();
        standin.on_settle(move |seen| {
            let pulse = felt.clone();
            async move { pulse.beat(seen).await }
        });
        pulse
    }

    async fn beat(&self, seen: SettleSeen) {
        *self.newest.lock() = Some(seen.clone());
        self.calls.send_modify(|calls| *calls += 1);
        let trap = self.trap.lock().take();
        let (until, dropped) = oneshot::channel();
        if let Some(trap) = trap
            && trap.send(Held { seen, _until: until }).is_ok()
        {
            // An error is what is waited for: the sender is dropped, never used.
            let _ = dropped.await;
        }
    }

    /// Calls so far.
    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.calls.subscribe()
    }

    /// The newest call.
    pub(super) fn newest(&self) -> Option<SettleSeen> {
        self.newest.lock().clone()
    }

    /// Holds the next call, if one comes within this time.
    pub(super) async fn hold(&self, within: Duration) -> Option<Held> {
        let (trap, caught) = oneshot::channel();
        *self.trap.lock() = Some(trap);
        let held = timeout(within, caught).await;
        drop(self.trap.lock().take());
        held.ok()?.ok()
    }
}
