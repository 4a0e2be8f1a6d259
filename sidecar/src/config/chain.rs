//! `[xlayer]`, `[chain]` and `[reconcile]`: where evidence comes from and what is done with it.

use std::time::Duration;

use insforge_protocol::evidence::Finality;

use super::parse;
use super::settings::Reader;
use super::table::*;
use crate::chain::ChainSettings;
use crate::reconcile::ReconcileSettings;
use crate::secret::Secret;

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;

impl Reader<'_> {
    pub(super) fn chain(&mut self) -> ChainSettings {
        let depths = [
            ("latest", Some(Finality::Latest)),
            ("safe", Some(Finality::Safe)),
            ("finalized", Some(Finality::Finalized)),
        ];
        let settle_at = self.read(&CHAIN_SETTLE_AT, |v| parse::choice(v, &depths));
        let final_depth = self.optional(&CHAIN_FINAL_DEPTH, |v| parse::whole(v, 1..=1_000_000));
        ChainSettings {
            endpoints: Secret::new(self.read(&XLAYER_RPC_URLS, parse::http_urls)),
            timeout: self.read(&CHAIN_TIMEOUT, |v| parse::duration(v, MS(100)..=SECS(60))),
            requests_per_second: self
                .read(&CHAIN_REQUESTS_PER_SECOND, |v| parse::decimal(v, 0.0..=100_000.0)),
            log_range: self.read(&CHAIN_LOG_RANGE, |v| parse::whole(v, 1..=1_000_000)) as u64,
            settle_at: settle_at.unwrap_or(Finality::Latest),
            proving: self.read(&CHAIN_PROVING_ENDPOINTS, |v| parse::whole(v, 1..=5)),
            final_depth: final_depth.map(|depth| depth as u64),
            ..ChainSettings::default()
        }
    }

    pub(super) fn reconcile(&mut self) -> ReconcileSettings {
        let attempts = self.read(&RECONCILE_ATTEMPTS, |v| parse::whole(v, 1..=1_000));
        ReconcileSettings {
            concurrency: self.read(&RECONCILE_CONCURRENCY, |v| parse::whole(v, 1..=1_000)),
            patience: self.read(&RECONCILE_PATIENCE, |v| parse::duration(v, SECS(1)..=SECS(3600))),
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            finality_interval: self.read(&RECONCILE_FINALITY_INTERVAL, |v| {
                parse::duration(v, MS(100)..=SECS(3600))
            }),
            scan_interval: self.read(&RECONCILE_SCAN_INTERVAL, |v| {
                parse::duration(v, MS(100)..=SECS(3600))
            }),
            // Batch, lease and poll are the settler's.
            ..ReconcileSettings::default()
        }
    }
}
