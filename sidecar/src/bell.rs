//! How the listener reaches those who want to know of new payments.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// How long after a ring payments may still come that rang nobody: the bell's interval, and generous time for
/// their commit.
const ECHO: Duration = Duration::from_secs(1);

/// Rung when payments become payable. Rings coalesce: what counts is that somebody rang since the last
/// look. Also says whether anybody is listening for rings at all.
pub struct Bell {
    rung: Notify,
    last: Mutex<Option<Instant>>,
    listening: watch::Sender<bool>,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            rung: Notify::new(),
            last: Mutex::default(),
            listening: watch::Sender::new(false),
        }
    }
}

impl Bell {
    /// Somebody rang.
    pub fn ring(&self) {
        self.remember();
        self.rung.notify_one();
    }

    /// Waits for a ring, including one that came since the last wait.
    pub async fn rung(&self) {
        self.rung.notified().await;
    }

    /// Whether rings are heard from now on. What rang before was not heard.
    pub fn set_listening(&self, listening: bool) {
        self.remember();
        self.listening
            .send_if_modified(|was| std::mem::replace(was, listening) != listening);
    }

    /// Follows [`Bell::set_listening`].
    pub fn listening(&self) -> watch::Receiver<bool> {
        self.listening.subscribe()
    }

    /// Whether there may be payments that somebody has not seen who looked at this time. Unlike
    /// [`Bell::rung`] it takes no ring away from anybody.
    pub fn is_news_since(&self, looked: Instant) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        !*self.listening.borrow() || last.is_some_and(|rung| looked < rung + ECHO)
    }

    fn remember(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_seen_well_after_the_last_ring_is_not_looked_at_again() {
        let bell = Bell::default();
        let start = Instant::now();
        assert!(bell.is_news_since(start), "nobody listens");
        bell.set_listening(true);
        assert!(bell.is_news_since(start), "it may have rung before");
        tokio::time::advance(ECHO).await;
        let looked = Instant::now();
        assert!(!bell.is_news_since(looked));
        bell.ring();
        assert!(bell.is_news_since(looked));
        assert!(
            bell.is_news_since(Instant::now()),
            "some who come now ring nobody"
        );
        tokio::time::advance(ECHO).await;
        assert!(!bell.is_news_since(Instant::now()));
        bell.set_listening(false);
        assert!(bell.is_news_since(Instant::now()));
    }
}
