use std::time::Duration;

use insforge_protocol::evidence::Finality;
use reqwest::Url;

use crate::secret::Secret;

/// How a chain is asked and how much its word counts.
#[derive(Debug, Clone)]
pub struct ChainSettings {
    /// Endpoints, the preferred first. Secret because providers put keys into the path.
    pub endpoints: Secret<Vec<Url>>,
    /// Time for one call.
    pub timeout: Duration,
    /// Calls per second to one endpoint; 0 is no limit.
    pub requests_per_second: f64,
    /// Blocks asked for in one search of logs; less is asked for where a provider allows less.
    pub log_range: u64,
    /// How long the chain's heads are used again: blocks come every second, and many payments are looked at together.
    pub heads_age: Duration,
    /// How settled a block must be before its transfer settles a payment.
    pub settle_at: Finality,
    /// Endpoints that must agree before a payment counts as settled.
    pub proving: usize,
    /// For chains without the tag `finalized`: blocks after which one counts as final.
    pub final_depth: Option<u64>,
}

impl Default for ChainSettings {
    fn default() -> Self {
        Self {
            endpoints: Secret::default(),
            timeout: Duration::from_secs(10),
            requests_per_second: 20.0,
            log_range: 5_000,
            heads_age: Duration::from_millis(500),
            settle_at: Finality::Latest,
            proving: 1,
            final_depth: None,
        }
    }
}
