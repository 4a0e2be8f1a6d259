use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Named gates that hold a call until a test opens them; an opened gate stays open.
#[derive(Debug, Default)]
pub(super) struct Gates {
    open: Mutex<HashSet<String>>,
    changed: Notify,
}

impl Gates {
    pub(super) fn open(&self, name: &str) {
        self.open.lock().insert(name.to_owned());
        self.changed.notify_waiters();
    }

    pub(super) async fn pass(&self, name: &str) {
        loop {
            let changed = self.changed.notified();
            if self.open.lock().contains(name) {
                return;
            }
            changed.await;
        }
    }
}
