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

    /// One more will be due in `due`, as whoever has just put it back knows without asking. Brings what was
    /// published forward, never puts it off.
    pub fn sooner(&self, due: Duration) {
        let now = Instant::now();
        let at = now + due;
        self.due.send_if_modified(|known| {
            let sooner = known.is_none_or(|known| known <= now || at < known);
            if sooner {
                *known = Some(at);
            }
            sooner
        });
    }

    /// Follows what is published, the same value again included.
    pub fn follow(&self) -> watch::Receiver<Option<Instant>> {
        self.due.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_payment_put_back_brings_the_next_look_forward_and_never_puts_it_off() {
        let outlook = Outlook::default();
        let told = outlook.follow();
        let second = Duration::from_secs(1);
        outlook.sooner(2 * second);
        assert_eq!(
            *told.borrow(),
            Some(Instant::now() + 2 * second),
            "nothing was due"
        );
        outlook.sooner(second);
        assert_eq!(*told.borrow(), Some(Instant::now() + second), "it is due before");
        outlook.sooner(3 * second);
        assert_eq!(*told.borrow(), Some(Instant::now() + second), "it is due later");
        tokio::time::advance(2 * second).await;
        outlook.sooner(3 * second);
        assert_eq!(
            *told.borrow(),
            Some(Instant::now() + 3 * second),
            "what was due is looked at by now"
        );
    }
}
