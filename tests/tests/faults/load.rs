//! Many submitters, long transactions, long queues.

use anyhow::Result;

use crate::stage::{LONG, Place};
use crate::table::row;

row! { DUPLICATES: "64 submitters of one payment, three workers" => |_| pinned();
    A e2e "concurrency::sixty_four_submitters_over_three_sidecars_make_one_row_and_one_settle";
    B word "one row by then";
    C word "one row by then";
    D word "one row by then";
    E word "one row by then";
    F word "one row by then";
    G word "one row by then";
}

row! { HORIZON: "a long transaction pins the horizon" => |_| pinned();
    A test payments_are_settled_while_a_long_transaction_pins_the_horizon;
    B word "same as A";
    C word "same as A";
    D word "same as A";
    E word "same as A";
    F word "same as A";
    G word "same as A";
}

row! { BACKLOG: "a million pending payments" => |_| pinned();
    A word "measured: `cargo xtask bench settle`";
    B word "same as A";
    C word "same as A";
    D word "same as A";
    E word "same as A";
    F word "same as A";
    G word "same as A";
}

/// Nothing that a settled payment leaves behind can be cleaned up, in wave after wave.
async fn pinned() -> Result<()> {
    let place = Place::new().await?;
    let worker = place.worker()?.start().await?;
    let mut scene = place.scene;
    let reader = scene.database.client().await?;
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM x402_payments")
        .await?;
    for _ in 0..4 {
        let mut wave = Vec::new();
        for _ in 0..50 {
            wave.push(scene.pay().await?);
        }
        for (signed, id) in &wave {
            scene.watch.status(*id, &["settled"], LONG).await?;
            assert_eq!(scene.standin.calls().settles_of(signed.nonce()).len(), 1);
        }
    }
    let seen: i64 = reader
        .query_one("SELECT count(*) FROM x402_payments", &[])
        .await?
        .get(0);
    assert_eq!(seen, 0, "the reader's snapshot is as old as ever");
    assert_eq!(scene.standin.chain().transfers().len(), 200);
    assert!(worker.process().ended()?.is_none());
    Ok(())
}
