use std::time::Duration;

/// How payments are reconciled.
#[derive(Debug, Clone)]
pub struct ReconcileSettings {
    /// Payments looked at at once in this process.
    pub concurrency: usize,
    /// Most payments in one statement.
    pub batch: usize,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// Longest wait between looks at an idle queue, where nobody else tells what is due.
    pub poll: Duration,
    /// How long a named transaction may be missing before the same payment is sent again.
    pub patience: Duration,
    /// Most intents to settle one payment.
    pub attempts: u32,
    /// How often settled payments are rechecked until they are final.
    pub finality_interval: Duration,
    /// How often incoming transfers are looked for.
    pub scan_interval: Duration,
}

impl Default for ReconcileSettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            batch: 100,
            lease: Duration::from_secs(8),
            poll: Duration::from_secs(8),
            patience: Duration::from_secs(30),
            attempts: 20,
            finality_interval: Duration::from_secs(15),
            scan_interval: Duration::from_secs(15),
        }
    }
}
