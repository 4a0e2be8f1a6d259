//! An identity provider on this machine: keys of its own, tokens in any shape, a key server that can be
//! slow, wrong or down, and counts who asks.

mod key;
mod server;

pub use key::SigningKey;
pub use server::{Answer, KeyServer};

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
