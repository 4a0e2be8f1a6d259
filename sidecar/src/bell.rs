//! How the listener reaches the dispatcher.

use tokio::sync::{Notify, watch};

/// Rung when payments become payable. Rings coalesce: what counts is that somebody rang since the last
/// look. Also says whether anybody is listening for rings at all.
pub struct Bell {
    rung: Notify,
    listening: watch::Sender<bool>,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            rung: Notify::new(),
            listening: watch::Sender::new(false),
        }
    }
}

impl Bell {
    /// Somebody rang.
    pub fn ring(&self) {
        self.rung.notify_one();
    }

    /// Waits for a ring, including one that came since the last wait.
    pub async fn rung(&self) {
        self.rung.notified().await;
    }

    /// Whether rings are heard from now on.
    pub fn set_listening(&self, listening: bool) {
        self.listening
            .send_if_modified(|was| std::mem::replace(was, listening) != listening);
    }

    /// Follows [`Bell::set_listening`].
    pub fn listening(&self) -> watch::Receiver<bool> {
        self.listening.subscribe()
    }
}
