//! Names that SQL and Rust share: schemas, relations and notification channels.
//!
//! The extension and the sidecar never import each other; they meet in these names. A test of the
//! extension holds them against the live catalog.

/// Schema of identity, row-level security and audit.
pub const SCHEMA_IDENTITY: &str = "insforge";
/// Schema of payments: functions and the private parts of the ledger.
pub const SCHEMA_PAYMENTS: &str = "x402";
/// The public ledger, in the installation schema.
pub const LEDGER_TABLE: &str = "x402_payments";
/// Doorbell: rung, throttled, when rows become payable. Its payload is empty.
pub const CHANNEL_PENDING: &str = "x402_pending";
/// Rung with `{id, status, network, tx_hash}` when a payment changes.
pub const CHANNEL_PAYMENTS: &str = "x402_payments";
/// The doorbell rings at most once in this many milliseconds; a listener looks again afterwards.
pub const DOORBELL_INTERVAL_MS: u64 = 20;
/// A settlement is not started when fewer than this many seconds of the authorization are left.
pub const SETTLE_MARGIN_SECONDS: u64 = 10;
