//! The table of metrics. What is not in it is not exposed, and everything in it is exposed from the first
//! scrape on: labels are a fixed set, so a series that never happened reads 0 instead of being absent.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::health::Health;

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name as exposed, without the suffixes of its kind (`_total`, `_bucket` …).
    pub name: &'static str,
    /// counter, gauge or histogram.
    pub kind: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// The label, if there is one, and every value it can have.
    pub label: Option<(&'static str, &'static [&'static str])>,
    /// What it counts.
    pub help: &'static str,
}

const OUTCOMES: &[&str] = &[
    "settled",
    "submitted",
    "accepted",
    "refused",
    "not_sent",
    "unknown",
];
const STATUSES: &[&str] = &[
    "pending",
    "settling",
    "submitted",
    "settled",
    "unknown",
    "accepted",
    "failed",
    "expired",
    "review",
];
const WAKES: &[&str] = &[
    "start", "doorbell", "again", "listener", "due", "poll", "retry", "drain",
];
const COMPONENTS: &[&str] = &["database", "listener", "facilitator"];
const DECISIONS: &[&str] = &[
    "settled",
    "submitted",
    "resend",
    "expired",
    "failed",
    "review",
    "wait",
];
const WAITS: &[&str] = &[
    "chain_down",
    "chain_silent",
    "disagreement",
    "second_endpoint",
    "not_final",
    "in_flight",
    "running_out",
    "used_not_found",
    "deferred",
    "no_chain",
    "attempts_spent",
    "closed",
];
const FINALITY: &[&str] = &["confirmed", "reorganised"];

const fn row(
    name: &'static str,
    kind: &'static str,
    unit: &'static str,
    label: Option<(&'static str, &'static [&'static str])>,
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        label,
        help,
    }
}

/// Every metric.
#[rustfmt::skip] // one row per metric reads as the table it is
pub const METRICS: &[Metric] = &[
    row("x402_claims", "counter", "payments", None, "Payments claimed"),
    row("x402_settle_calls", "counter", "calls", Some(("outcome", OUTCOMES)), "Calls of the facilitator's settle, by outcome"),
    row("x402_settle_call_seconds", "histogram", "seconds", None, "Duration of settle calls"),
    row("x402_outcomes_recorded", "counter", "payments", Some(("status", STATUSES)), "Outcomes recorded, by the status they led to"),
    row("x402_outcomes_stale", "counter", "payments", None, "Outcomes discarded because the lease was lost"),
    row("x402_outcomes_refused", "counter", "payments", None, "Outcomes that the database refused; a person must look"),
    row("x402_finish_batch_size", "histogram", "payments", None, "Outcomes recorded in one commit"),
    row("x402_leases_lost", "counter", "leases", None, "Leases lost to expiry or another worker"),
    row("x402_in_flight", "gauge", "payments", None, "Payments claimed and not yet recorded"),
    row("x402_wakeups", "counter", "wakeups", Some(("reason", WAKES)), "Looks at the queue, by why"),
    row("x402_component_up", "gauge", "boolean", Some(("component", COMPONENTS)), "Whether a component works"),
    row("x402_facilitator_clock_offset_milliseconds", "gauge", "milliseconds", None, "How far our clock was found behind the facilitator's"),
    row("x402_reconcile_decisions", "counter", "looks", Some(("decision", DECISIONS)), "Looks at open payments, by what was decided"),
    row("x402_reconcile_waits", "counter", "looks", Some(("reason", WAITS)), "Looks at open payments that decided nothing, by why"),
    row("x402_finality_changes", "counter", "payments", Some(("change", FINALITY)), "Settled payments whose finality rose, or whose block was reorganised away"),
    row("x402_scan_found", "counter", "payments", None, "Payments that the scan of incoming transfers moved"),
    row("x402_scan_next_block", "gauge", "blocks", None, "Next block to be scanned for incoming transfers, where this process scans"),
    row("x402_chain_endpoints_up", "gauge", "endpoints", None, "Chain endpoints whose last answer was one"),
    row("x402_token_domain_mismatches", "gauge", "tokens", None, "Tokens whose DOMAIN_SEPARATOR() is not the one payments are judged by; they are not settled"),
];

type Labels = [(&'static str, &'static str); 1];

/// The metrics, to be counted.
pub struct Metrics {
    registry: Registry,
    /// `x402_claims`
    pub claims: Counter,
    settle_calls: Family<Labels, Counter>,
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
    component_up: Family<Labels, Gauge>,
    /// `x402_facilitator_clock_offset_milliseconds`
    pub clock_offset: Gauge,
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
        let sizes = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
        let mut metrics = Self {
            registry: Registry::default(),
            claims: Counter::default(),
            settle_calls: Family::default(),
            settle_seconds: Histogram::new(seconds),
            recorded: Family::default(),
            stale: Counter::default(),
            refused: Counter::default(),
            finish_batch: Histogram::new(sizes),
            leases_lost: Counter::default(),
            in_flight: Gauge::default(),
            wakeups: Family::default(),
            component_up: Family::default(),
            clock_offset: Gauge::default(),
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
                "x402_settle_call_seconds" => registry.register(name, help, self.settle_seconds.clone()),
                "x402_outcomes_recorded" => registry.register(name, help, filled(&self.recorded, metric)),
                "x402_outcomes_stale" => registry.register(name, help, self.stale.clone()),
                "x402_outcomes_refused" => registry.register(name, help, self.refused.clone()),
                "x402_finish_batch_size" => registry.register(name, help, self.finish_batch.clone()),
                "x402_leases_lost" => registry.register(name, help, self.leases_lost.clone()),
                "x402_in_flight" => registry.register(name, help, self.in_flight.clone()),
                "x402_wakeups" => registry.register(name, help, filled(&self.wakeups, metric)),
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
                // A row that nothing counts; the test of this module finds it.
                _ => {}
            }
        }
    }

    /// Counts a call of settle by outcome.
    pub fn settle_call(&self, outcome: &str) {
        count(&self.settle_calls, "outcome", OUTCOMES, outcome);
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

    /// Everything in Prometheus' text form (OpenMetrics 1.0).
    pub fn render(&self, health: &Health) -> String {
        for component in health.components() {
            let up = self
                .component_up
                .get_or_create(&[("component", component.name())]);
            up.set(i64::from(component.is_up()));
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
    use insforge_protocol::evidence::Wait;
    use insforge_protocol::ledger::Status;

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
                assert!(
                    text.contains(&format!("=\"{value}\"}} 0")),
                    "{} {value}: {text}",
                    metric.name
                );
            }
        }
    }

    #[test]
    fn statuses_are_those_of_the_ledger_and_other_words_make_no_series() {
        assert_eq!(STATUSES, Status::ALL.map(Status::as_str));
        assert_eq!(WAITS, Wait::ALL.map(Wait::as_str));
        let metrics = Metrics::default();
        metrics.recorded("settled");
        metrics.recorded("made up");
        let text = metrics.render(&Health::default());
        assert!(
            text.contains("x402_outcomes_recorded_total{status=\"settled\"} 1"),
            "{text}"
        );
        assert!(!text.contains("made up"));
    }
}
