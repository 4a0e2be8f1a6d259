use std::time::{Duration, Instant};

use anyhow::Result;

use super::audit::{self, Books, Seen};
use super::chance::Chance;
use super::crew::Crew;
use super::deeds;
use super::director::Director;
use super::options::Options;
use super::purchase::Purchase;
use super::report::{Report, Run, Times};
use super::shop::Shop;
use super::stage::Stage;

/// The states in which a payment ends.
const OPEN: &str = "status NOT IN ('settled', 'failed', 'expired')";
const NOT_FINAL: &str = "status = 'settled' AND finality <> 'finalized'";

/// Raises the storm, waits until it is over, and compares the books with the chain.
///
/// # Errors
/// Something that takes part does not start, or breaks in a way that was not asked for. What the storm finds wrong
/// with the payments is no error; it is in the report.
pub async fn run(options: &Options) -> Result<Report> {
    let seed = options.seed.unwrap_or_else(rand::random);
    let chance = Chance { seed };
    let drawn = (0..options.payments).map(|number| Purchase::draw(chance, number));
    let purchases = drawn.collect::<Result<Vec<_>>>()?;
    let steps = deeds::draw(options, chance);
    options.progress(&format!(
        "seed {seed}: {} payments, {} deeds",
        purchases.len(),
        steps.len()
    ));
    let stage = Stage::build(&purchases, seed).await?;
    let crew = Crew::start(stage.plans(options.sidecars)?, options.logs.clone()).await?;
    let mut director = Director::new(&stage, crew);

    let began = Instant::now();
    let shop = Shop::open(purchases, stage.standin.clone(), &stage.database.url());
    director.play(&steps, &shop, options).await?;
    let sales = shop.close().await?;
    let storm = began.elapsed();

    options.progress("the faults stop");
    let calm = Instant::now();
    director.crew.look_after()?;
    director.crew.wake_all()?;
    let faults = stage.standin.faults_given();
    stage.calm();
    let within = Duration::from_secs(options.within);
    let ended = stage.none_is(OPEN, within).await.is_ok().then(|| calm.elapsed());
    // A settled payment that is not final yet may still follow a reorganisation.
    let finalized = stage
        .none_is(NOT_FINAL, within)
        .await
        .is_ok()
        .then(|| calm.elapsed());
    director.crew.dismiss()?;

    let books = Books::read(&stage.database.client().await?).await?;
    let seen = Seen {
        sales: &sales,
        transfers: stage.standin.chain().transfers(),
        calls: stage.standin.calls().of("settle"),
        ended: &director.crew.ended,
    };
    let run = Run {
        options,
        seed,
        done: director.done.clone(),
        faults,
        deadlocks: stage.deadlocks(options.logs.as_deref())?,
        times: Times {
            storm,
            ended,
            finalized,
        },
    };
    let violations = audit::audit(&books, &seen);
    Ok(Report::new(run, &books, &seen, violations))
}
