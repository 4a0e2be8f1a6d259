//! What the token tests share: the vector file, and issuers that sign with keys made on the spot.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support: what fails here fails a test"
)]
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod issuer;
pub(crate) mod vectors;

/// The time of every test: 2027-01-15T08:00:00Z.
pub(crate) const NOW: i64 = 1_800_000_000;
