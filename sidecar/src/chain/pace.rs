use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Spreads calls evenly: each waits for a place of its own.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// So many calls per second; 0 is no limit.
    pub(super) fn new(per_second: f64) -> Self {
        let gap = if per_second > 0.0 {
            Duration::from_secs_f64(1.0 / per_second)
        } else {
            Duration::ZERO
        };
        Self {
            gap,
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for the next place.
    pub(super) async fn wait(&self) {
        let place = {
            let mut next = self.next.lock().await;
            let place = (*next).max(Instant::now());
            *next = place + self.gap;
            place
        };
        sleep_until(place).await;
    }

    /// Gives out no place for a while: the provider asked for it.
    pub(super) async fn pause(&self, pause: Duration) {
        let mut next = self.next.lock().await;
        *next = (*next).max(Instant::now() + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_spread_evenly_and_a_pause_holds_all_of_them() {
        let pace = Pace::new(10.0);
        let started = Instant::now();
        for _ in 0..5 {
            pace.wait().await;
        }
        assert_eq!(started.elapsed(), Duration::from_millis(400));
        pace.pause(Duration::from_secs(2)).await;
        pace.wait().await;
        assert!(started.elapsed() >= Duration::from_millis(2_400));
    }
}
