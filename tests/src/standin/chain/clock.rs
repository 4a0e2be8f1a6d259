use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time with an offset that a test can push, so that "five minutes later" costs no waiting.
#[derive(Debug, Default)]
pub struct ChainClock {
    offset: AtomicI64,
}

impl ChainClock {
    /// Seconds since 1970 as the chain and the facilitator see them.
    pub fn now(&self) -> u64 {
        let real = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        real.saturating_add_signed(self.offset.load(Ordering::Relaxed))
    }

    /// Moves the clock by `seconds`; it never goes back further than the last block's time.
    pub fn advance(&self, seconds: i64) {
        self.offset.fetch_add(seconds, Ordering::Relaxed);
    }
}
