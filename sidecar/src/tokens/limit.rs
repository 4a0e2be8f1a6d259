use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Most callers remembered at once. Those who have been quiet are forgotten first, which changes nothing
/// for them; only more active callers than this share one fate.
const MAX_CALLERS: usize = 50_000;

/// So many per minute for each caller, some of them at once: the generic cell rate algorithm, which keeps
/// one moment per caller.
pub struct RateLimit<K> {
    spacing: Duration,
    /// How far the kept moment may run ahead of the clock.
    ahead: Duration,
    callers: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> RateLimit<K> {
    /// `per_minute` for each caller, of which a sixth, but at least ten, may come at once. `None` is no
    /// limit.
    pub fn new(per_minute: u32) -> Option<RateLimit<K>> {
        let per_minute = NonZeroU32::new(per_minute)?;
        let spacing = Duration::from_secs(60) / per_minute.get();
        let burst = (per_minute.get() / 6).max(10);
        Some(RateLimit {
            spacing,
            ahead: spacing * (burst - 1),
            callers: Mutex::default(),
        })
    }

    /// Counts one; when refused, the time after which the next will be let in.
    ///
    /// # Errors
    /// The time to wait.
    pub fn admit(&self, caller: K) -> Result<(), Duration> {
        let now = Instant::now();
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MAX_CALLERS && !callers.contains_key(&caller) {
            callers.retain(|_, next| *next > now);
            if callers.len() >= MAX_CALLERS {
                return Err(self.spacing);
            }
        }
        let next = callers.entry(caller).or_insert(now);
        let lead = next.saturating_duration_since(now);
        if lead > self.ahead {
            return Err(lead - self.ahead);
        }
        *next = (*next).max(now) + self.spacing;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_one_at_a_time() {
        let limit = RateLimit::new(60).unwrap();
        for _ in 0..10 {
            assert_eq!(limit.admit("a"), Ok(()));
        }
        assert_eq!(limit.admit("a"), Err(Duration::from_secs(1)));
        assert_eq!(limit.admit("b"), Ok(()), "others are not affected");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limit.admit("a"), Ok(()));
        assert!(limit.admit("a").is_err());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((0..20).filter(|_| limit.admit("a").is_ok()).count(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_callers_does_not_grow_the_memory() {
        let limit = RateLimit::new(6000).unwrap();
        for caller in 0..MAX_CALLERS {
            assert_eq!(limit.admit(caller), Ok(()));
        }
        assert!(limit.admit(MAX_CALLERS).is_err());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limit.admit(MAX_CALLERS), Ok(()));
        assert_eq!(limit.callers.lock().unwrap().len(), 1);
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(RateLimit::<u8>::new(0).is_none());
    }
}
