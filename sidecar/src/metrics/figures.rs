use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::Metrics;
use crate::settle::LedgerError;

/// How old figures may be before a scrape reads them anew.
const FRESH: Duration = Duration::from_secs(10);
/// And how many times as long as reading them took: a ledger with a million open payments is read more rarely,
/// so that looking never takes more than a fiftieth of the time.
const SHARE: u32 = 50;
/// Longest time that a scrape waits for them; it then shows the old ones with their age.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the whole ledger looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Open payments by status; a status without payments may be left out.
    pub open: Vec<(String, i64)>,
    /// Age of the oldest pending payment.
    pub oldest_pending: Duration,
}

/// Where figures come from.
pub trait Source: Send + Sync {
    /// Reads them: one query.
    fn figures(&self) -> BoxFuture<'_, Result<Figures, LedgerError>>;
}

/// Keeps the gauges about the whole ledger up to date while somebody looks at them: nobody looking, no query.
pub struct Gauges {
    source: Arc<dyn Source>,
    metrics: Arc<Metrics>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    read_at: Option<Instant>,
    next: Option<Instant>,
}

impl Gauges {
    /// Sets the gauges of `metrics` from `source`.
    pub fn new(source: Arc<dyn Source>, metrics: Arc<Metrics>) -> Self {
        Self {
            source,
            metrics,
            last: Mutex::default(),
        }
    }

    /// Called by each scrape.
    pub async fn refresh(&self) {
        // Scrapes that come while one is reading wait for it and find its figures fresh.
        let mut last = self.last.lock().await;
        let now = Instant::now();
        if last.next.is_none_or(|next| next <= now) {
            match timeout(PATIENCE, self.source.figures()).await {
                Ok(Ok(figures)) => {
                    self.set(&figures);
                    last.read_at = Some(Instant::now());
                }
                Ok(Err(error)) => debug!(%error, "the ledger's figures could not be read"),
                Err(_) => debug!("reading the ledger's figures takes too long"),
            }
            last.next = Some(Instant::now() + FRESH.max(now.elapsed() * SHARE));
        }
        let age = last.read_at.map_or(-1, |at| seconds(at.elapsed()));
        self.metrics.figures_age.set(age);
    }

    fn set(&self, figures: &Figures) {
        for status in super::table::OPEN {
            let found = figures.open.iter().find(|(name, _)| name == status);
            self.metrics
                .set_open(status, found.map_or(0, |(_, payments)| *payments));
        }
        self.metrics.oldest_pending.set(seconds(figures.oldest_pending));
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Health;
    use futures_util::FutureExt;
    use tokio::time::advance;

    const SECOND: Duration = Duration::from_secs(1);

    /// A ledger with one more unknown payment at each look.
    #[derive(Default)]
    struct Growing {
        looks: Mutex<i64>,
        slow: Duration,
        down: std::sync::atomic::AtomicBool,
    }

    impl Source for Growing {
        fn figures(&self) -> BoxFuture<'_, Result<Figures, LedgerError>> {
            async {
                let mut looks = self.looks.lock().await;
                *looks += 1;
                tokio::time::sleep(self.slow).await;
                if self.down.load(std::sync::atomic::Ordering::Relaxed) {
                    return Err(LedgerError::Unavailable("down".to_owned()));
                }
                Ok(Figures {
                    open: vec![("unknown".to_owned(), *looks)],
                    oldest_pending: 42 * SECOND,
                })
            }
            .boxed()
        }
    }

    fn gauges(source: Growing) -> (Gauges, Arc<Growing>, Arc<Metrics>) {
        let (source, metrics) = (Arc::new(source), Arc::new(Metrics::default()));
        (Gauges::new(source.clone(), metrics.clone()), source, metrics)
    }

    fn shows(metrics: &Metrics, line: &str) -> bool {
        metrics.render(&Health::default()).lines().any(|l| l == line)
    }

    #[tokio::test(start_paused = true)]
    async fn scrapes_share_a_query_and_time_without_scrapes_costs_none() {
        let (gauges, source, metrics) = gauges(Growing::default());
        for _ in 0..9 {
            gauges.refresh().await;
            advance(SECOND).await;
        }
        assert_eq!(*source.looks.lock().await, 1);
        assert!(shows(&metrics, "x402_open_payments{status=\"unknown\"} 1"));
        assert!(shows(&metrics, "x402_open_payments{status=\"pending\"} 0"));
        assert!(shows(&metrics, "x402_oldest_pending_seconds 42"));
        advance(3600 * SECOND).await;
        assert_eq!(*source.looks.lock().await, 1);
        gauges.refresh().await;
        assert!(shows(&metrics, "x402_open_payments{status=\"unknown\"} 2"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_ledger_is_read_more_rarely() {
        let (gauges, source, _) = gauges(Growing {
            slow: SECOND,
            ..Growing::default()
        });
        for _ in 0..40 {
            gauges.refresh().await;
            advance(SECOND).await;
        }
        assert_eq!(*source.looks.lock().await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn old_figures_are_shown_with_their_age_when_no_new_ones_can_be_had() {
        let (gauges, source, metrics) = gauges(Growing::default());
        gauges.refresh().await;
        source.down.store(true, std::sync::atomic::Ordering::Relaxed);
        advance(60 * SECOND).await;
        gauges.refresh().await;
        assert!(shows(&metrics, "x402_ledger_figures_age_seconds 60"));
        assert!(shows(&metrics, "x402_open_payments{status=\"unknown\"} 1"));
    }
}
