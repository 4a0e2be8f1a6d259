//! Wall-clock time as an argument. Leases and validity windows are judged by the database's clock;
//! this one only stamps requests to OKX.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, by whoever is asked.
pub trait Clock: Send + Sync {
    /// Now.
    fn unix_ms(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
