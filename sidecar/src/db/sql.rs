//! Every statement of the sidecar. Tables are written by the extension's functions only, which check
//! leases and moves; names are qualified, so that no `search_path` can change their meaning.

/// For statements whose commit need not wait for the disk. Settling begins with one that does
/// (`x402.claim_to_settle`, `x402.begin_settle`, or `x402.sell_many` with an intent), and with it waits for all that was
/// committed before: no money moves for a payment that a crash could take back. A delivery that a crash takes back can
/// be claimed again.
macro_rules! soon {
    ($($statement:literal),+) => {
        concat!($($statement),+, "(SELECT pg_catalog.set_config('synchronous_commit', 'off', true)) AS soon")
    };
}

/// Claims a batch: `FOR UPDATE SKIP LOCKED`, nearest expiry first, by index `x402.queue_by_expiry`. Should a
/// crash take a claim back and its token be given out again, `x402.begin_settle` still lets one of both begin.
pub(super) const CLAIM: &str = soon!(
    "
SELECT id, lease_token, status, false AS begun, attempt, uncertain, tx_hash, payment, requirements,
  now_unix, created_unix, since_unix
FROM x402.claim($1, $2, pg_catalog.make_interval(secs => $3), $4), "
);

/// Claims payments that were never sent, with the intents of those that are valid, and waits for the disk. By the same
/// index.
pub(super) const CLAIM_TO_SETTLE: &str = "
SELECT id, lease_token, 'pending' AS status, begun, attempt, uncertain, tx_hash, payment, requirements,
  now_unix, created_unix, created_unix AS since_unix
FROM x402.claim_to_settle($1, $2, pg_catalog.make_interval(secs => $3))";

/// Commits the intent before the call.
pub(super) const BEGIN: &str = "SELECT id FROM x402.begin_settle($1, $2) AS id";

/// Records outcomes, many in one commit.
pub(super) const FINISH: &str = "SELECT id, status, applied FROM x402.finish($1)";

/// Heartbeat for everything in flight.
pub(super) const EXTEND: &str =
    "SELECT id FROM x402.extend_leases($1, $2, pg_catalog.make_interval(secs => $3)) AS id";

/// Hands claims back that were not sent.
pub(super) const RELEASE: &str = "SELECT id FROM x402.release($1, $2) AS id";

/// Tokens of the request limit that sidecars share; its row is locked for this statement only.
pub(super) const TAKE_TOKENS: &str = "SELECT granted, wait_ms FROM x402.take_tokens($1, $2, $3, $4)";

/// Nobody sends for a while.
pub(super) const HOLD_TOKENS: &str = "SELECT x402.hold_tokens($1, $2)";

/// Open payments, for the metrics. Age is that of the oldest among the thousand that are claimed next, by index
/// `x402.queue_by_expiry`; the arrival is a payment's first event, by its primary key.
pub(super) const FIGURES: &str = "
SELECT q.status, pg_catalog.count(*) AS payments, CASE q.status WHEN 'pending' THEN (
  SELECT EXTRACT(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.min(arrived.at))::float8
  FROM (SELECT payment_id FROM x402.queue WHERE status = 'pending' ORDER BY valid_before LIMIT 1000) AS next,
    LATERAL (SELECT at FROM x402.events e WHERE e.payment_id = next.payment_id ORDER BY e.id LIMIT 1) AS arrived
) END AS oldest
FROM x402.queue q GROUP BY q.status";

/// How long the dispatcher may sleep.
pub(super) const NEXT_DUE: &str = "SELECT x402.next_due($1) AS ms";

/// The same for two kinds of work in one round trip.
pub(super) const NEXT_DUE_OF_BOTH: &str = "SELECT x402.next_due($1) AS ms, x402.next_due($2) AS other_ms";

/// Token domains the operator vouches for; a handful of rows.
pub(super) const VOUCHED: &str = "SELECT network, asset, name, version FROM x402.vouched_assets";

/// Settled payments whose finality can rise, by the index on those that are not finalized.
pub(super) const UNPROVEN: &str =
    "SELECT id, tx_hash, log_index, block_number, block_hash, finality, payer, pay_to,
  asset, value, nonce, scheme, valid_before, created_unix, settled_unix
FROM x402.unproven($1, $2, $3, $4, $5)";

/// Records what the chain says of settled payments.
pub(super) const CONFIRM: &str = "SELECT applied FROM x402.confirm($1)";

/// Leases the scan of a network.
pub(super) const SCAN_CLAIM: &str = "SELECT next_block, block_hash, lease_token
FROM x402.scan_claim($1, $2, pg_catalog.make_interval(secs => $3), $4)";

/// Moves it on.
pub(super) const SCAN_ADVANCE: &str =
    "SELECT x402.scan_advance($1, $2, $3, $4, pg_catalog.make_interval(secs => $5)) AS held";

/// What to look for on the chain; a handful of rows.
pub(super) const SCAN_TARGETS: &str = "SELECT asset, pay_to FROM x402.scan_targets($1)";

/// Records transfers that were found.
pub(super) const RECORD_TRANSFERS: &str =
    "SELECT id, status, applied, tx_hash, log_index FROM x402.record_transfers($1)";

/// The doorbell; the channel is `insforge_protocol::contract::CHANNEL_PENDING`.
pub(super) const LISTEN: &str = "LISTEN x402_pending";

/// What becomes of payments; the channel is `insforge_protocol::contract::CHANNEL_PAYMENTS`.
pub(super) const LISTEN_PAYMENTS: &str = "LISTEN x402_payments";

/// Records a payment, then looks at it: the row is found by the id that the first function returns.
pub(super) const SUBMIT: &str =
    soon!("SELECT sale.* FROM x402.sale(x402.submit($1, $2, $3, $4, $5, $6)) AS sale, ");

/// The same for what is delivered here.
pub(super) const SELL: &str = soon!("SELECT sale.* FROM x402.sell($1, $2, $3, $4, $5, $6, $7, $8) AS sale, ");

/// By the index on a payment's identity.
pub(super) const IS_RECORDED: &str = "SELECT x402.is_recorded($1, $2) AS done";

/// One payment by its primary key.
pub(super) const SALE: &str = "SELECT * FROM x402.sale($1) AS sale WHERE sale.id IS NOT NULL";

/// Judges without recording.
pub(super) const EXAMINE: &str = "
SELECT verdict, reason, message, payer, status, delivered_for_ms FROM x402.examine($1, $2, $3, $4, $5)";

/// Records many payments with the intents of those that are sent at once and the claims of those that are delivered
/// here, and waits for the disk.
pub(super) const SELL_MANY: &str = "
SELECT n, id, payer, network, lease_token, entered_unix, delivery_token
FROM x402.sell_many($1, $2, pg_catalog.make_interval(secs => $3))";

/// The same without intents.
pub(super) const SELL_MANY_SOON: &str = soon!(
    "
SELECT n, id, payer, network, lease_token, entered_unix, delivery_token
FROM x402.sell_many($1, $2, pg_catalog.make_interval(secs => $3)) AS entered, "
);

/// Of those who claim one delivery one gets a token. Rows are locked in the order of their ids, as by all who
/// lock several.
pub(super) const CLAIM_DELIVERIES: &str = soon!(
    "
SELECT given.n, claimed.token, state, status, busy_ms, answer_status, answer_headers, answer_body
FROM (SELECT * FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($3), pg_catalog.unnest($4))
        WITH ORDINALITY AS one (id, seconds, settled_only, n) ORDER BY id, n) AS given,
  LATERAL x402.claim_delivery(given.id, $2, pg_catalog.make_interval(secs => given.seconds), given.settled_only)
    AS claimed, "
);

/// Heartbeat of a delivery that takes its time.
pub(super) const EXTEND_DELIVERY: &str =
    soon!("SELECT x402.extend_delivery($1, $2, pg_catalog.make_interval(secs => $3)) AS done FROM ");

/// Records answers. Durations are cast as a whole: a subquery for them takes a third of the statement's time to plan.
pub(super) const ANSWER_DELIVERIES: &str = soon!(
    "
SELECT held.payment_id, held.token
FROM x402.answer_deliveries($1, $2, $3, $4, $5, $6::pg_catalog.interval[], $7) AS held, "
);

/// Lets a held payment be settled.
pub(super) const SETTLE_NOW: &str = soon!("SELECT x402.settle_now($1) AS done FROM ");

/// The answer goes out.
pub(super) const MARK_DELIVERED: &str = soon!("SELECT x402.mark_delivered($1) AS done FROM ");

/// Hands a delivery back.
pub(super) const ABANDON_DELIVERY: &str = soon!("SELECT x402.abandon_delivery($1, $2, $3) AS done FROM ");

/// Forgets old answers, a thousand at a time, by index `x402.deliveries_kept`.
pub(super) const PURGE_ANSWERS: &str = "SELECT x402.purge_answers() AS purged";

/// Tokens the operator vouches for; a handful of rows.
pub(super) const VOUCHED_TOKENS: &str =
    "SELECT network, asset, name, version, decimals FROM x402.vouched_assets";

/// Records what tokens show, many in one commit; memberships and revocations by their primary keys.
pub(super) const RECORD_EXCHANGES: &str = "
SELECT outcome FROM insforge.record_exchanges($1, pg_catalog.make_interval(secs => $2)) ORDER BY n";

/// A provider and its keys, for `insforge.login()`.
pub(super) const STORE_KEYS: &str =
    "SELECT insforge.store_keys($1, $2, $3, pg_catalog.make_interval(secs => $4)) AS stored";

/// Removes providers that are no longer configured.
pub(super) const KEEP_PROVIDERS: &str = "SELECT name FROM insforge.keep_providers($1) AS name";

#[cfg(test)]
mod tests {
    use insforge_protocol::contract::{CHANNEL_PAYMENTS, CHANNEL_PENDING};

    #[test]
    fn the_doorbell_is_the_one_of_the_contract() {
        assert_eq!(super::LISTEN, format!("LISTEN {CHANNEL_PENDING}"));
        assert_eq!(super::LISTEN_PAYMENTS, format!("LISTEN {CHANNEL_PAYMENTS}"));
    }
}
