//! The table of metrics.

use std::fmt::Write;

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

pub(super) const OUTCOMES: &[&str] = &[
    "settled",
    "submitted",
    "accepted",
    "refused",
    "not_sent",
    "unknown",
];
pub(super) const STATUSES: &[&str] = &[
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
pub(super) const WAKES: &[&str] = &[
    "start", "doorbell", "again", "listener", "due", "poll", "retry", "drain",
];
pub(super) const EXCHANGES: &[&str] = &[
    "granted",
    "too_large",
    "malformed",
    "duplicate_member",
    "bad_crit",
    "alg_not_allowed",
    "unknown_kid",
    "key_alg_mismatch",
    "weak_key",
    "bad_signature",
    "wrong_token_type",
    "missing_exp",
    "bad_claim_type",
    "expired",
    "not_yet_valid",
    "iat_in_future",
    "lifetime_too_long",
    "bad_issuer",
    "bad_audience",
    "missing_sub",
    "bad_sub",
    "bad_azp",
    "session_pending",
    "machine_token",
    "unknown_issuer",
    "insforge_token",
    "revoked",
    "disabled",
    "reserved_user_id",
    "no_time_left",
    "address_limited",
    "subject_limited",
    "keys_unavailable",
    "unavailable",
    "signing",
];
pub(super) const FETCHES: &[&str] = &["ok", "failed"];
const COMPONENTS: &[&str] = &["database", "listener", "facilitator"];
pub(super) const CLASSES: &[&str] = &["none", "final", "retryable", "in_flight", "unknown", "config"];
pub(super) const BREAKER: &[&str] = &["open", "shut", "trial"];
/// Statuses of payments that somebody must still work on.
pub(super) const OPEN: &[&str] = &["pending", "settling", "submitted", "unknown", "accepted"];
pub(super) const DECISIONS: &[&str] = &[
    "settled",
    "submitted",
    "resend",
    "expired",
    "failed",
    "review",
    "wait",
];
pub(super) const WAITS: &[&str] = &[
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
pub(super) const FINALITY: &[&str] = &["confirmed", "reorganised"];

pub(super) const GATEWAY: &[&str] = &[
    "free",
    "challenge",
    "bad_request",
    "refused",
    "delivered",
    "replayed",
    "used",
    "bound_elsewhere",
    "open",
    "upstream_failed",
    "limited",
    "unavailable",
];
pub(super) const FACILITATOR: &[&str] = &[
    "valid",
    "invalid",
    "settled",
    "pending",
    "refused",
    "unavailable",
    "unauthorized",
];

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

/// Every metric: at most thirty, each with a bounded number of series.
#[rustfmt::skip] // one row per metric reads as the table it is
pub const METRICS: &[Metric] = &[
    row("x402_claims", "counter", "payments", None, "Payments taken on: claimed, or sold and sent at once"),
    row("x402_settle_calls", "counter", "calls", Some(("outcome", OUTCOMES)), "Calls of the facilitator's settle, by outcome"),
    row("x402_attempts", "counter", "calls", Some(("class", CLASSES)), "Calls of the facilitator's settle, by the class of what went wrong"),
    row("x402_settle_call_seconds", "histogram", "seconds", None, "Duration of settle calls"),
    row("x402_outcomes_recorded", "counter", "payments", Some(("status", STATUSES)), "Outcomes recorded, by the status they led to"),
    row("x402_outcomes_stale", "counter", "payments", None, "Outcomes discarded because the lease was lost"),
    row("x402_outcomes_refused", "counter", "payments", None, "Outcomes that the database refused; a person must look"),
    row("x402_finish_batch_size", "histogram", "payments", None, "Outcomes recorded in one commit"),
    row("x402_leases_lost", "counter", "leases", None, "Leases lost to expiry or another worker"),
    row("x402_in_flight", "gauge", "payments", None, "Payments claimed and not yet recorded"),
    row("x402_wakeups", "counter", "wakeups", Some(("reason", WAKES)), "Looks at the queue, by why"),
    row("x402_rate_limit_wait_seconds", "histogram", "seconds", None, "Waits for a place in the request limit"),
    row("x402_breaker_state", "gauge", "boolean", Some(("state", BREAKER)), "Whether payments are sent: freely, not, or one at a time"),
    row("x402_open_payments", "gauge", "payments", Some(("status", OPEN)), "Payments of the whole ledger that are not closed"),
    row("x402_oldest_pending_seconds", "gauge", "seconds", None, "Age of the oldest pending payment among the thousand nearest to expiry"),
    row("x402_ledger_figures_age_seconds", "gauge", "seconds", None, "Age of the figures about the whole ledger"),
    row("x402_component_up", "gauge", "boolean", Some(("component", COMPONENTS)), "Whether a component works"),
    row("x402_facilitator_clock_offset_milliseconds", "gauge", "milliseconds", None, "How far our clock was found behind the facilitator's"),
    row("insforge_token_exchanges", "counter", "tokens", Some(("result", EXCHANGES)), "Provider tokens exchanged or refused, by why"),
    row("insforge_token_exchange_seconds", "histogram", "seconds", None, "Duration of an exchange, its database commit included"),
    row("insforge_jwks_fetches", "counter", "fetches", Some(("result", FETCHES)), "Fetches of providers' keys"),
    row("x402_reconcile_decisions", "counter", "looks", Some(("decision", DECISIONS)), "Looks at open payments, by what was decided"),
    row("x402_reconcile_waits", "counter", "looks", Some(("reason", WAITS)), "Looks at open payments that decided nothing, by why"),
    row("x402_finality_changes", "counter", "payments", Some(("change", FINALITY)), "Settled payments whose finality rose, or whose block was reorganised away"),
    row("x402_scan_found", "counter", "payments", None, "Payments that the scan of incoming transfers moved"),
    row("x402_scan_next_block", "gauge", "blocks", None, "Next block to be scanned for incoming transfers, where this process scans"),
    row("x402_chain_endpoints_up", "gauge", "endpoints", None, "Chain endpoints whose last answer was one"),
    row("x402_token_domain_mismatches", "gauge", "tokens", None, "Tokens whose DOMAIN_SEPARATOR() is not the one payments are judged by; they are not settled"),
    row("x402_gateway_answers", "counter", "answers", Some(("answer", GATEWAY)), "Answers of the gateway"),
    row("x402_facilitator_answers", "counter", "answers", Some(("answer", FACILITATOR)), "Answers of the facilitator API's /verify and /settle"),
];

/// The table of metrics in `docs/operations.md`.
pub fn docs() -> String {
    let mut text = String::from("| metric | kind | unit | label | what it counts |\n|---|---|---|---|---|\n");
    for metric in METRICS {
        let name = match metric.kind {
            "counter" => format!("{}_total", metric.name),
            _ => metric.name.to_owned(),
        };
        let label = metric.label.map_or_else(String::new, |(label, values)| {
            format!("`{label}`: {}", values.join(", "))
        });
        // Writing into a String does not fail.
        let _ = writeln!(
            text,
            "| `{name}` | {} | {} | {label} | {} |",
            metric.kind, metric.unit, metric.help
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use insforge_protocol::evidence::Wait;
    use insforge_protocol::ledger::Status;
    use insforge_protocol::okx::Class;

    use super::*;
    use crate::worker::State;

    const PAGE: &str = include_str!("../../../docs/operations.md");
    const ALERTS: &str = include_str!("../../../packaging/prometheus-alerts.yml");

    #[test]
    fn the_operations_page_holds_the_table() {
        assert!(
            PAGE.contains(&docs()),
            "docs/operations.md must hold the table that `insforge-sidecar config metrics` prints:\n{}",
            docs()
        );
    }

    #[test]
    fn alerts_name_only_metrics_that_exist() {
        let names = ALERTS
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("x402_"));
        let mut count = 0;
        for name in names {
            let metric = METRICS.iter().find(|m| {
                name == m.name
                    || name
                        .strip_prefix(m.name)
                        .is_some_and(|rest| ["_total", "_sum", "_count", "_bucket"].contains(&rest))
            });
            assert!(metric.is_some(), "{name}");
            count += 1;
        }
        assert!(count > 5);
    }

    #[test]
    fn words_of_labels_are_those_of_the_ledger_and_the_worker() {
        assert_eq!(STATUSES, Status::ALL.map(Status::as_str));
        assert_eq!(WAITS, Wait::ALL.map(Wait::as_str));
        assert_eq!(BREAKER, State::WORDS);
        let classes = [
            Class::Final,
            Class::Retryable,
            Class::InFlight,
            Class::Unknown,
            Class::Config,
        ];
        assert_eq!(CLASSES[1..], classes.map(Class::as_str));
        let open = Status::ALL
            .into_iter()
            .filter(|status| !status.is_terminal() && *status != Status::Review);
        let mut open: Vec<_> = open.map(Status::as_str).collect();
        let mut listed = OPEN.to_vec();
        open.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, open);
        assert!(METRICS.len() <= 30);
    }
}
