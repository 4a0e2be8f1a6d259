//! Who may work on a payment, when, and in which order.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::Template;
use insforge_tests::ledger;
use uuid::Uuid;

use crate::rls_support::Sandbox;

/// A payment whose authorization lives for so many seconds.
async fn pays(sandbox: &Sandbox, seconds: u64) -> Result<Uuid> {
    let offer = Offer {
        max_timeout_seconds: seconds,
        ..Offer::usdg()
    };
    let signed = Buyer::new().pay(&offer);
    let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
    ledger::submit(&sandbox.client, &payment, &requirements, "/report").await
}

/// Every function that claims payments which were never sent.
const CLAIMS: [&str; 2] = ["claim", "claim_to_settle"];

/// Payments that a claim of so many returns, with their tokens.
async fn claim_by(function: &str, sandbox: &Sandbox, worker: &str, batch: u32) -> Result<Vec<Vec<String>>> {
    let sql = format!("SELECT id, lease_token FROM x402.{function}('{worker}', {batch}, '1 min')");
    sandbox.rows(&sql).await
}

async fn claim(sandbox: &Sandbox, worker: &str, batch: u32) -> Result<Vec<Vec<String>>> {
    claim_by("claim", sandbox, worker, batch).await
}

#[tokio::test]
async fn the_payment_that_runs_out_first_is_claimed_first() -> Result<()> {
    for function in CLAIMS {
        let sandbox = Sandbox::of(Template::Extension).await?;
        let (last, first, second) = (
            pays(&sandbox, 900).await?,
            pays(&sandbox, 300).await?,
            pays(&sandbox, 600).await?,
        );
        for expected in [first, second, last] {
            assert_eq!(
                claim_by(function, &sandbox, "worker", 1).await?[0][0],
                expected.to_string()
            );
        }
        assert!(claim_by(function, &sandbox, "worker", 1).await?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_started_in_its_last_ten_seconds_and_what_ran_out_is_found() -> Result<()> {
    for function in CLAIMS {
        let sandbox = Sandbox::of(Template::Extension).await?;
        let id = pays(&sandbox, 900).await?.to_string();
        let ends_in = |seconds: i32| {
            format!(
                "UPDATE x402.queue SET valid_before = floor(extract(epoch FROM clock_timestamp())) + {seconds}"
            )
        };
        // Long enough for a machine that is busy, short enough to be too late.
        sandbox.run(&ends_in(9)).await?;
        assert!(claim_by(function, &sandbox, "worker", 1).await?.is_empty());
        let due: i64 = sandbox.one("SELECT x402.next_due()").await?.parse()?;
        assert!((0..=9_000).contains(&due), "{due} ms");
        sandbox.run(&ends_in(-1)).await?;
        assert_eq!(claim_by(function, &sandbox, "worker", 1).await?[0][0], id);
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_that_was_replaced_changes_nothing_by_any_function() -> Result<()> {
    let sandbox = Sandbox::of(Template::Extension).await?;
    pays(&sandbox, 900).await?;
    let old = claim(&sandbox, "old", 1).await?.remove(0);
    sandbox
        .run("UPDATE x402.queue SET leased_until = clock_timestamp() - interval '1 ms'")
        .await?;
    let (id, stale) = (&old[0], &old[1]);
    let expired = format!("SELECT x402.extend_leases(ARRAY['{id}'::uuid], ARRAY[{stale}::bigint], '1 min')");
    assert!(
        sandbox.rows(&expired).await?.is_empty(),
        "an expired lease is not revived"
    );
    let new = claim(&sandbox, "new", 1).await?.remove(0);
    assert_eq!(&new[0], id);
    let before = sandbox.rows("SELECT * FROM x402.queue").await?;
    for function in ["begin_settle", "release"] {
        let sql = format!("SELECT x402.{function}(ARRAY['{id}'::uuid], ARRAY[{stale}::bigint])");
        assert!(sandbox.rows(&sql).await?.is_empty(), "{function}");
    }
    assert!(sandbox.rows(&expired).await?.is_empty());
    let finish = format!(
        "SELECT status, applied FROM x402.finish('[{{\"id\": \"{id}\", \"lease_token\": {stale}, \"outcome\": \"refused\",
           \"class\": \"final\", \"reason\": \"late\"}}]')"
    );
    assert_eq!(sandbox.rows(&finish).await?, [["pending", "f"]]);
    assert_eq!(sandbox.rows("SELECT * FROM x402.queue").await?, before);
    let noted = "SELECT evidence ->> 'action' FROM x402.events ORDER BY id DESC LIMIT 1";
    assert_eq!(sandbox.one(noted).await?, "outcome after the lease was lost");
    Ok(())
}

#[tokio::test]
async fn two_workers_who_claim_at_once_never_share_a_payment() -> Result<()> {
    for function in CLAIMS {
        let sandbox = Sandbox::of(Template::Extension).await?;
        for _ in 0..4 {
            pays(&sandbox, 900).await?;
        }
        let other = sandbox.db.client().await?;
        other.batch_execute("BEGIN").await?;
        let claimed = format!("SELECT id::text FROM x402.{function}('other', 2, '1 min')");
        let theirs: Vec<String> = other
            .query(&claimed, &[])
            .await?
            .iter()
            .map(|row| row.get(0))
            .collect();
        // The other one's claim is not committed yet, and nobody waits for it.
        let ours = claim_by(function, &sandbox, "worker", 4).await?;
        assert_eq!((theirs.len(), ours.len()), (2, 2));
        assert!(ours.iter().all(|one| !theirs.contains(&one[0])));
        other.batch_execute("ROLLBACK").await?;
        assert_eq!(
            claim_by(function, &sandbox, "worker", 4).await?.len(),
            2,
            "handed back by the rollback"
        );
    }
    Ok(())
}
