use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::table::{
    BREAKER, CLASSES, DECISIONS, EXCHANGES, FACILITATOR, FETCHES, FINALITY, GATEWAY, METRICS, Metric, OPEN,
    OUTCOMES, STATUSES, WAITS, WAKES,
};
use crate::health::Health;

type Labels = [(&'static str, &'static str); 1];

/// The metrics, to be counted.
pub struct Metrics {
    registry: Registry,
    /// `x402_claims`
    pub claims: Counter,
    settle_calls: Family<Labels, Counter>,
    attempts: Family<Labels, Counter>,
    gateway_answers: Family<Labels, Counter>,
    facilitator_answers: Family<Labels, Counter>,
    /// `x402_settle_call_seconds`
    pub settle_seconds: Histogram,
    recorded: Family<Labels, Counter>,
    /// `x402_outcomes_stale`
    pub stale: Counter,
    /// `x402_outcomes_refused`
    pub refused: Counter,
    /// `x402_finish_batch_size`
    pub finish_batch: Histogram,
    /// `x402_leases_lost`
    pub leases_lost: Counter,
    /// `x402_in_flight`
    pub in_flight: Gauge,
    wakeups: Family<Labels, Counter>,
    /// `x402_rate_limit_wait_seconds`
    pub rate_limit_wait: Histogram,
    breaker: Family<Labels, Gauge>,
    open: Family<Labels, Gauge>,
    /// `x402_oldest_pending_seconds`
    pub oldest_pending: Gauge,
    /// `x402_ledger_figures_age_seconds`
    pub figures_age: Gauge,
    component_up: Family<Labels, Gauge>,
    /// `x402_facilitator_clock_offset_milliseconds`
    pub clock_offset: Gauge,
    exchanges: Family<Labels, Counter>,
    /// `insforge_token_exchange_seconds`
    pub exchange_seconds: Histogram,
    jwks_fetches: Family<Labels, Counter>,
    decisions: Family<Labels, Counter>,
    waits: Family<Labels, Counter>,
    finality: Family<Labels, Counter>,
    /// `x402_scan_found`
    pub scan_found: Counter,
    /// `x402_scan_next_block`
    pub scan_next_block: Gauge,
    /// `x402_chain_endpoints_up`
    pub chain_endpoints_up: Gauge,
    /// `x402_token_domain_mismatches`
    pub domain_mismatches: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = [
            0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        ];
        let brief = [
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0, 10.0,
        ];
        let sizes = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
        let mut metrics = Self {
            registry: Registry::default(),
            claims: Counter::default(),
            settle_calls: Family::default(),
            attempts: Family::default(),
            gateway_answers: Family::default(),
            facilitator_answers: Family::default(),
            settle_seconds: Histogram::new(seconds),
            recorded: Family::default(),
            stale: Counter::default(),
            refused: Counter::default(),
            finish_batch: Histogram::new(sizes),
            leases_lost: Counter::default(),
            in_flight: Gauge::default(),
            wakeups: Family::default(),
            rate_limit_wait: Histogram::new(seconds),
            breaker: Family::default(),
            open: Family::default(),
            oldest_pending: Gauge::default(),
            figures_age: Gauge::default(),
            component_up: Family::default(),
            clock_offset: Gauge::default(),
            exchanges: Family::default(),
            exchange_seconds: Histogram::new(brief),
            jwks_fetches: Family::default(),
            decisions: Family::default(),
            waits: Family::default(),
            finality: Family::default(),
            scan_found: Counter::default(),
            scan_next_block: Gauge::default(),
            chain_endpoints_up: Gauge::default(),
            domain_mismatches: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        for metric in METRICS {
            let (name, help) = (metric.name, metric.help);
            let registry = &mut self.registry;
            match name {
                "x402_claims" => registry.register(name, help, self.claims.clone()),
                "x402_settle_calls" => registry.register(name, help, filled(&self.settle_calls, metric)),
                "x402_attempts" => registry.register(name, help, filled(&self.attempts, metric)),
                "x402_gateway_answers" => {
                    registry.register(name, help, filled(&self.gateway_answers, metric))
                }
                "x402_facilitator_answers" => {
                    registry.register(name, help, filled(&self.facilitator_answers, metric))
                }
                "x402_settle_call_seconds" => registry.register(name, help, self.settle_seconds.clone()),
                "x402_outcomes_recorded" => registry.register(name, help, filled(&self.recorded, metric)),
                "x402_outcomes_stale" => registry.register(name, help, self.stale.clone()),
                "x402_outcomes_refused" => registry.register(name, help, self.refused.clone()),
                "x402_finish_batch_size" => registry.register(name, help, self.finish_batch.clone()),
                "x402_leases_lost" => registry.register(name, help, self.leases_lost.clone()),
                "x402_in_flight" => registry.register(name, help, self.in_flight.clone()),
                "x402_wakeups" => registry.register(name, help, filled(&self.wakeups, metric)),
                "x402_rate_limit_wait_seconds" => registry.register(name, help, self.rate_limit_wait.clone()),
                "x402_breaker_state" => registry.register(name, help, filled(&self.breaker, metric)),
                "x402_open_payments" => registry.register(name, help, filled(&self.open, metric)),
                "x402_oldest_pending_seconds" => registry.register(name, help, self.oldest_pending.clone()),
                "x402_ledger_figures_age_seconds" => registry.register(name, help, self.figures_age.clone()),
                "x402_component_up" => registry.register(name, help, filled(&self.component_up, metric)),
                "x402_facilitator_clock_offset_milliseconds" => {
                    registry.register(name, help, self.clock_offset.clone());
                }
                "x402_reconcile_decisions" => registry.register(name, help, filled(&self.decisions, metric)),
                "x402_reconcile_waits" => registry.register(name, help, filled(&self.waits, metric)),
                "x402_finality_changes" => registry.register(name, help, filled(&self.finality, metric)),
                "x402_scan_found" => registry.register(name, help, self.scan_found.clone()),
                "x402_scan_next_block" => registry.register(name, help, self.scan_next_block.clone()),
                "x402_chain_endpoints_up" => registry.register(name, help, self.chain_endpoints_up.clone()),
                "x402_token_domain_mismatches" => {
                    registry.register(name, help, self.domain_mismatches.clone());
                }
                "insforge_token_exchanges" => registry.register(name, help, filled(&self.exchanges, metric)),
                "insforge_token_exchange_seconds" => {
                    registry.register(name, help, self.exchange_seconds.clone());
                }
                "insforge_jwks_fetches" => registry.register(name, help, filled(&self.jwks_fetches, metric)),
                // A row that nothing counts; the test of this module finds it.
                _ => {}
            }
        }
    }

    /// Counts a call of settle by outcome.
    pub fn settle_call(&self, outcome: &str) {
        count(&self.settle_calls, "outcome", OUTCOMES, outcome);
    }

    /// Counts a call of settle by the class of what went wrong; `none` if nothing did.
    pub fn attempt(&self, class: &str) {
        count(&self.attempts, "class", CLASSES, class);
    }

    /// Sets how many payments of the whole ledger are in a status.
    pub fn set_open(&self, status: &str, payments: i64) {
        if let Some(word) = OPEN.iter().find(|known| **known == status) {
            self.open.get_or_create(&[("status", *word)]).set(payments);
        }
    }

    /// Counts a recorded outcome by the status it led to.
    pub fn recorded(&self, status: &str) {
        count(&self.recorded, "status", STATUSES, status);
    }

    /// Counts a look at the queue by its reason.
    pub fn wakeup(&self, reason: &str) {
        count(&self.wakeups, "reason", WAKES, reason);
    }

    /// Counts a look at an open payment by what was decided.
    pub fn decided(&self, decision: &str) {
        count(&self.decisions, "decision", DECISIONS, decision);
    }

    /// Counts a look at an open payment that decided nothing, by why.
    pub fn waited(&self, reason: &str) {
        count(&self.waits, "reason", WAITS, reason);
    }

    /// Counts a settled payment whose finality rose (`confirmed`) or was lost (`reorganised`).
    pub fn finality(&self, change: &str) {
        count(&self.finality, "change", FINALITY, change);
    }

    /// Counts an answer of the gateway.
    pub fn gateway_answer(&self, answer: &str) {
        count(&self.gateway_answers, "answer", GATEWAY, answer);
    }

    /// Counts an answer of the facilitator API.
    pub fn facilitator_answer(&self, answer: &str) {
        count(&self.facilitator_answers, "answer", FACILITATOR, answer);
    }

    /// Counts a token that was exchanged, or refused and why.
    pub fn token_exchange(&self, result: &str) {
        count(&self.exchanges, "result", EXCHANGES, result);
    }

    /// Counts a fetch of a provider's keys.
    pub fn jwks_fetch(&self, result: &str) {
        count(&self.jwks_fetches, "result", FETCHES, result);
    }

    /// Everything in Prometheus' text form (OpenMetrics 1.0).
    pub fn render(&self, health: &Health) -> String {
        for component in health.components() {
            let up = self
                .component_up
                .get_or_create(&[("component", component.name())]);
            up.set(i64::from(component.is_up()));
        }
        for state in BREAKER {
            let is = health.breaker() == *state;
            self.breaker
                .get_or_create(&[("state", *state)])
                .set(i64::from(is));
        }
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A word that is not in the table would make the number of series unbounded, so it is not counted.
fn count(family: &Family<Labels, Counter>, label: &'static str, known: &'static [&str], word: &str) {
    if let Some(word) = known.iter().find(|known| **known == word) {
        family.get_or_create(&[(label, *word)]).inc();
    }
}

fn filled<M>(family: &Family<Labels, M>, metric: &Metric) -> Family<Labels, M>
where
    M: Default + Clone,
{
    if let Some((label, values)) = metric.label {
        for value in values {
            let _ = family.get_or_create(&[(label, *value)]);
        }
    }
    family.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use insforge_protocol::jwt::TokenError;

    #[test]
    fn the_endpoint_lists_exactly_the_table() {
        let text = Metrics::default().render(&Health::default());
        let listed: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|line| line.split_once(' ').unwrap())
            .collect();
        let table: Vec<_> = METRICS.iter().map(|metric| (metric.name, metric.kind)).collect();
        assert_eq!(listed, table);
    }

    #[test]
    fn every_series_is_there_before_anything_happens() {
        let text = Metrics::default().render(&Health::default());
        for metric in METRICS {
            for value in metric.label.map_or(&[][..], |(_, values)| values) {
                let series = text
                    .lines()
                    .find(|line| line.starts_with(metric.name) && line.contains(&format!("=\"{value}\"}} ")));
                assert!(series.is_some(), "{} {value}: {text}", metric.name);
            }
        }
    }

    #[test]
    fn every_reason_a_token_can_fail_for_is_counted() {
        for error in TokenError::ALL {
            assert!(EXCHANGES.contains(&error.name()), "{}", error.name());
        }
    }

    #[test]
    fn words_that_are_not_in_the_table_make_no_series() {
        let metrics = Metrics::default();
        metrics.recorded("settled");
        metrics.recorded("made up");
        metrics.attempt("made up");
        metrics.set_open("made up", 7);
        let text = metrics.render(&Health::default());
        assert!(
            text.contains("x402_outcomes_recorded_total{status=\"settled\"} 1"),
            "{text}"
        );
        assert!(!text.contains("made up"));
    }
}
