//! Statements of operators. What they filter by is of closed forms (statuses, addresses, numbers) and stands in
//! the text itself: COPY takes no parameters.

use std::fmt::Write;

use insforge_protocol::ledger::Status;

use super::desk::Filter;

/// Times are shown in UTC.
pub(super) const IN_UTC: &str = "SET TimeZone = 'UTC'; SET search_path = pg_catalog";

/// The ledger lives in the extension's schema.
pub(super) const LEDGER: &str = "
SELECT format('%I.x402_payments', n.nspname) AS ledger
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'insforge_integrations'";

/// A payment's events as sentences.
pub(super) const EXPLAIN: &str = "
SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS.MS') AS at, sentence, evidence FROM x402.explain($1)";

pub(super) const RETRY: &str = "SELECT x402.retry($1, $2, $3) AS status";
pub(super) const CANCEL: &str = "SELECT x402.cancel($1, $2, $3) AS status";
pub(super) const WRITE_OFF: &str = "SELECT x402.write_off($1, $2, $3) AS status";
pub(super) const ACCEPT: &str = "SELECT x402.accept($1, $2, $3) AS status";

/// Sums as text: they outgrow 53 bits.
pub(super) const STATS: &str = "
SELECT jsonb_build_object('status', s.status, 'network', s.network, 'asset', s.asset, 'mock', s.mock,
  'payments', s.payments, 'value', s.value::text, 'oldest', s.oldest) AS row FROM x402.stats() AS s";

/// Columns of an exported payment, in this order.
const COLUMNS: &str = "p.id, p.status, p.created_at, p.settled_at, p.delivered_at, p.network, p.asset, p.scheme, \
    p.value::text AS value, p.payer_address AS payer, p.pay_to, p.nonce, p.endpoint AS resource, p.tx_hash, \
    p.log_index, p.block_number, p.block_hash, p.finality, p.error_reason AS reason, p.mock";

/// Payments that fit, without an order.
pub(super) fn payments(ledger: &str, filter: &Filter) -> String {
    format!(
        "SELECT (SELECT to_jsonb(shown) FROM (SELECT {COLUMNS}) AS shown) AS row, \
         floor(extract(epoch FROM now() - p.created_at))::bigint AS age FROM {ledger} AS p {}",
        conditions(filter)
    )
}

/// The same as CSV, oldest first.
pub(super) fn copy_csv(ledger: &str, filter: &Filter) -> String {
    format!(
        "COPY (SELECT {COLUMNS} FROM {ledger} AS p {} ORDER BY p.created_at, p.id) TO STDOUT (FORMAT csv, HEADER)",
        conditions(filter)
    )
}

/// One payment, with what the queue holds about it.
pub(super) fn payment(ledger: &str) -> String {
    format!(
        "SELECT to_jsonb(shown) AS row FROM (SELECT {COLUMNS}, (SELECT jsonb_build_object('due_at', q.due_at, \
         'attempts', q.attempts, 'uncertain', q.uncertain, 'worker', q.leased_by, 'leased_until', q.leased_until, \
         'valid_before', to_timestamp(least(q.valid_before, 253402300799)::float8)) \
         FROM x402.queue q WHERE q.payment_id = p.id) AS queue FROM {ledger} AS p WHERE p.id = $1) AS shown"
    )
}

fn conditions(filter: &Filter) -> String {
    let mut text = String::from("WHERE true");
    if !filter.statuses.is_empty() {
        let statuses: Vec<_> = filter
            .statuses
            .iter()
            .map(|s| format!("'{}'", s.as_str()))
            .collect();
        let statuses = statuses.join(", ");
        let _ = write!(text, " AND p.status IN ({statuses})");
        // The queue is short where the ledger is long.
        if filter.statuses.iter().all(|status| is_queued(*status)) {
            text.push_str(" AND p.id IN (SELECT q.payment_id FROM x402.queue q)");
        }
    }
    if let Some(age) = filter.older_than {
        let seconds = age.as_secs();
        let _ = write!(
            text,
            " AND p.created_at <= now() - make_interval(secs => {seconds})"
        );
    }
    if let Some(payer) = filter.payer {
        let _ = write!(text, " AND p.payer_address = '{payer:#x}'");
    }
    text
}

fn is_queued(status: Status) -> bool {
    !status.is_terminal() && status != Status::Review
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insforge_protocol::evm;

    use super::*;

    #[test]
    fn a_filter_becomes_conditions_that_an_index_can_answer() {
        let filter = Filter {
            statuses: vec![Status::Unknown, Status::Pending],
            older_than: Some(Duration::from_secs(3600)),
            payer: evm::address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        };
        assert_eq!(
            conditions(&filter),
            "WHERE true AND p.status IN ('unknown', 'pending') AND p.id IN (SELECT q.payment_id FROM x402.queue q) \
             AND p.created_at <= now() - make_interval(secs => 3600) \
             AND p.payer_address = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'"
        );
        assert_eq!(conditions(&Filter::default()), "WHERE true");
        let closed = Filter {
            statuses: vec![Status::Settled],
            ..Filter::default()
        };
        assert!(!conditions(&closed).contains("queue"));
    }
}
