use std::time::Duration;

use tokio::time::Instant;

/// A token bucket in this process.
pub(super) struct Tokens {
    rate: f64,
    burst: f64,
    tokens: f64,
    /// When `tokens` was true; lies ahead while paused.
    at: Instant,
}

impl Tokens {
    /// A full bucket that gains `rate` tokens a second up to `burst`.
    pub(super) fn full(rate: f64, burst: usize, now: Instant) -> Self {
        let burst = number(burst);
        Self {
            rate,
            burst,
            tokens: burst,
            at: now,
        }
    }

    /// Up to `wanted` tokens, or the time until the next.
    pub(super) fn take(&mut self, wanted: usize, now: Instant) -> Result<usize, Duration> {
        if self.at > now {
            return Err(self.at - now + self.missing());
        }
        let grown = (now - self.at).as_secs_f64() * self.rate;
        (self.tokens, self.at) = ((self.tokens + grown).min(self.burst), now);
        let granted = self.tokens.floor().min(number(wanted));
        if granted < 1.0 {
            return Err(self.missing());
        }
        self.tokens -= granted;
        Ok(granted as usize)
    }

    /// Time in which the first token fills.
    fn missing(&self) -> Duration {
        Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.rate)
    }

    /// Returns tokens that were not used.
    pub(super) fn put_back(&mut self, unused: usize) {
        self.tokens = (self.tokens + number(unused)).min(self.burst);
    }

    /// Keeps one token at most and gains none until `until`: after a pause requests start slowly.
    pub(super) fn pause(&mut self, until: Instant) {
        self.tokens = self.tokens.min(1.0);
        self.at = self.at.max(until);
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
