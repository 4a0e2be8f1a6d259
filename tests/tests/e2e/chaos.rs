//! A small storm in each run of the tests. `cargo xtask chaos` raises a large one.

use anyhow::Result;
use insforge_tests::chaos::{self, Options};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_storm_of_kills_lies_and_crashes_books_and_chain_agree() -> Result<()> {
    let storm = Options {
        payments: 60,
        sidecars: 3,
        kills: 8,
        restarts: 1,
        pauses: 1,
        cuts: 1,
        reorganisations: 1,
        seed: Some(8),
        within: 90,
        json: None,
        logs: None,
        quiet: true,
    };
    let report = chaos::run(&storm).await?;
    assert!(report.passed(), "{}", report.text());
    assert_eq!(report.done.kills, storm.kills);
    assert_eq!(report.lost + report.double, 0);
    Ok(())
}
