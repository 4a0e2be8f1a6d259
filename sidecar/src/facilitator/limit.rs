use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Token bucket: so many requests per second on average, so many at once after a quiet time.
pub struct Limiter {
    rate: f64,
    burst: f64,
    state: Mutex<State>,
}

struct State {
    tokens: f64,
    /// When `tokens` was true; lies ahead while paused.
    at: Instant,
}

impl Limiter {
    /// A full bucket. `rate` is requests per second, 0 is no limit.
    pub fn new(rate: f64, burst: usize) -> Self {
        let burst = f64::from(u32::try_from(burst).unwrap_or(u32::MAX));
        Self {
            rate,
            burst,
            state: Mutex::new(State {
                tokens: burst,
                at: Instant::now(),
            }),
        }
    }

    /// Takes up to `wanted` tokens and returns how many.
    pub fn take(&self, wanted: usize) -> usize {
        let mut state = self.filled();
        if state.at > Instant::now() {
            return 0;
        }
        if self.rate == 0.0 {
            return wanted;
        }
        let whole = state
            .tokens
            .floor()
            .min(f64::from(u32::try_from(wanted).unwrap_or(u32::MAX)));
        state.tokens -= whole;
        whole as usize
    }

    /// Returns tokens that were not used.
    pub fn give_back(&self, unused: usize) {
        let mut state = self.filled();
        state.tokens = (state.tokens + f64::from(u32::try_from(unused).unwrap_or(u32::MAX))).min(self.burst);
    }

    /// Lets nothing through for a while: the facilitator asked for it.
    pub fn pause(&self, pause: Duration) {
        let mut state = self.filled();
        let until = Instant::now() + pause;
        if until > state.at {
            *state = State {
                tokens: state.tokens.min(1.0),
                at: until,
            };
        }
    }

    /// Time until the next token.
    pub fn wait(&self) -> Duration {
        let state = self.filled();
        let paused = state.at.saturating_duration_since(Instant::now());
        let missing = (1.0 - state.tokens).max(0.0);
        if self.rate == 0.0 {
            paused
        } else {
            paused + Duration::from_secs_f64(missing / self.rate)
        }
    }

    fn filled(&self) -> std::sync::MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now > state.at {
            let grown = now.duration_since(state.at).as_secs_f64() * self.rate;
            *state = State {
                tokens: (state.tokens + grown).min(self.burst),
                at: now,
            };
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_then_one_a_second() {
        let limiter = Limiter::new(1.0, 3);
        assert_eq!(limiter.take(10), 3);
        assert_eq!(limiter.take(1), 0);
        assert_eq!(limiter.wait(), SECOND);
        tokio::time::advance(SECOND).await;
        assert_eq!(limiter.take(10), 1);
        tokio::time::advance(60 * SECOND).await;
        assert_eq!(limiter.take(10), 3, "a quiet minute gives no more than the burst");
    }

    #[tokio::test(start_paused = true)]
    async fn unused_tokens_can_be_given_back() {
        let limiter = Limiter::new(1.0, 3);
        let taken = limiter.take(3);
        limiter.give_back(taken);
        assert_eq!(limiter.take(3), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_even_without_a_limit() {
        let limiter = Limiter::new(0.0, 1);
        assert_eq!(limiter.take(1_000), 1_000);
        limiter.pause(5 * SECOND);
        limiter.pause(SECOND);
        assert_eq!((limiter.take(1), limiter.wait()), (0, 5 * SECOND));
        tokio::time::advance(5 * SECOND).await;
        assert_eq!(limiter.take(1_000), 1_000);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_requests_start_slowly() {
        let limiter = Limiter::new(1.0, 3);
        limiter.pause(5 * SECOND);
        tokio::time::advance(5 * SECOND).await;
        assert_eq!(limiter.take(3), 1);
    }
}
