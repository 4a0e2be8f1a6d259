//! How whoever polls the queue spares another the poll.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// When the payments that somebody else works on are due, as last read from the database. The settler asks for
/// its own and the reconciler's in one statement, so that an idle sidecar costs the database one query a poll.
pub struct Outlook {
    due: watch::Sender<Option<Instant>>,
}

impl Default for Outlook {
    fn default() -> Self {
        Self {
            due: watch::Sender::new(None),
        }
    }
}

impl Outlook {
    /// The next one is due in `due`; `None`: nothing waits.
    pub fn publish(&self, due: Option<Duration>) {
        self.due.send_replace(due.map(|due| Instant::now() + due));
    }

    /// Follows what is published, the same value again included.
    pub fn follow(&self) -> watch::Receiver<Option<Instant>> {
        self.due.subscribe()
    }
}
