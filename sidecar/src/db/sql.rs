//! Every statement of the sidecar. Tables are written by the extension's functions only, which check
//! leases and moves; names are qualified, so that no `search_path` can change their meaning.

/// Claims a batch: `FOR UPDATE SKIP LOCKED`, nearest expiry first, by index `x402.queue_by_expiry`.
pub(super) const CLAIM: &str = "
SELECT id, lease_token, status, attempt, uncertain, tx_hash, payment, requirements, now_unix
FROM x402.claim($1, $2, pg_catalog.make_interval(secs => $3), $4)";

/// Commits the intent before the call.
pub(super) const BEGIN: &str = "SELECT id FROM x402.begin_settle($1, $2) AS id";

/// Records outcomes, many in one commit.
pub(super) const FINISH: &str = "SELECT id, status, applied FROM x402.finish($1)";

/// Heartbeat for everything in flight.
pub(super) const EXTEND: &str =
    "SELECT id FROM x402.extend_leases($1, $2, pg_catalog.make_interval(secs => $3)) AS id";

/// Hands claims back that were not sent.
pub(super) const RELEASE: &str = "SELECT id FROM x402.release($1, $2) AS id";

/// How long the dispatcher may sleep.
pub(super) const NEXT_DUE: &str = "SELECT x402.next_due($1) AS ms";

/// Token domains the operator vouches for; a handful of rows.
pub(super) const VOUCHED: &str = "SELECT network, asset, name, version FROM x402.vouched_assets";

/// The doorbell; the channel is `insforge_protocol::contract::CHANNEL_PENDING`.
pub(super) const LISTEN: &str = "LISTEN x402_pending";

#[cfg(test)]
mod tests {
    use insforge_protocol::contract::CHANNEL_PENDING;

    #[test]
    fn the_doorbell_is_the_one_of_the_contract() {
        assert_eq!(super::LISTEN, format!("LISTEN {CHANNEL_PENDING}"));
    }
}
