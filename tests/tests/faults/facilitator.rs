//! A facilitator that breaks, lies or is slow.

use anyhow::Result;
use insforge_tests::proxy::{Mode, Proxy};
use insforge_tests::standin::{Fault, Say};

use crate::phase::Phase;
use crate::stage::{LONG, Place, Stage};
use crate::table::row;

row! { RESET: "the connection is reset" => |phase| faulty(phase, Say::Reset);
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D e2e "reconcile_outcomes::a_request_that_was_lost_before_any_effect_is_sent_again";
    E e2e "reconcile_outcomes::a_reset_after_the_effect_ends_settled";
    F test a_reset_that_is_written_down_at_the_second_try_ends_settled;
    G word "over";
}

row! { SILENCE: "no answer within the time allowed" => |phase| faulty(phase, Say::Silence);
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D test a_timeout_before_any_effect_ends_settled;
    E e2e "reconcile_outcomes::a_settlement_that_times_out_after_the_effect_ends_settled";
    F test a_timeout_that_is_written_down_at_the_second_try_ends_settled;
    G word "over";
}

row! { BAD_GATEWAY: "502" => |phase| faulty(phase, Say::Status(502));
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D test a_bad_gateway_before_any_effect_ends_settled;
    E e2e "reconcile_outcomes::a_bad_gateway_after_the_effect_ends_settled";
    F test a_bad_gateway_that_is_written_down_at_the_second_try_ends_settled;
    G word "over";
}

row! { GATEWAY_TIMEOUT: "504" => |phase| faulty(phase, Say::Status(504));
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D test a_gateway_timeout_before_any_effect_ends_settled;
    E test a_gateway_timeout_after_the_effect_ends_settled;
    F test a_gateway_timeout_that_is_written_down_at_the_second_try_ends_settled;
    G word "over";
}

row! { GARBAGE: "200 with garbage" => |phase| faulty(phase, Say::Garbage);
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D test garbage_before_any_effect_ends_settled;
    E e2e "reconcile_outcomes::garbage_after_the_effect_ends_settled";
    F test garbage_that_is_written_down_at_the_second_try_ends_settled;
    G word "over";
}

row! { REFUSAL: "200 `success: false`" => refused;
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D e2e "faults::a_definite_refusal_fails_the_payment_with_the_words_of_okx";
    E test a_refusal_told_of_a_payment_that_was_made_never_ends_as_failed;
    F test a_refusal_of_a_payment_that_was_made_written_down_at_the_second_try_never_ends_as_failed;
    G word "over";
}

row! { SLOW: "a body too slow to be read in time" => |phase| faulty(phase, Say::Slow(3_600_000));
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D test a_slow_body_before_any_effect_ends_settled;
    E test a_slow_body_after_the_effect_ends_settled;
    F test a_slow_body_that_is_written_down_at_the_second_try_ends_settled;
    G word "over";
}

row! { LIMITED: "429 with `Retry-After`" => |phase| faulty(phase, Say::RateLimited(Some(1)));
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D e2e "faults::a_rate_limit_delays_and_nothing_else";
    E test a_rate_limit_told_of_a_payment_that_was_made_ends_settled;
    F test a_rate_limit_that_is_written_down_at_the_second_try_ends_settled;
    G word "over";
}

row! { TWICE: "the reply comes twice" => |_| told_twice();
    A word "not called yet";
    B word "not called yet";
    C word "not called yet";
    D word "there is no reply yet";
    E test a_reply_told_twice_is_not_taken_for_the_next_payments;
    F word "same as E";
    G word "over";
}

/// In D nothing happens, in E and F the payment is made; in F the connection breaks on which the worker writes
/// what it read.
fn place(place: Place, phase: Phase, say: Say) -> Place {
    let fault = match phase {
        Phase::D => Fault::before_effect(say),
        _ => Fault::after_effect(say),
    };
    place.fault(fault).set("INSFORGE_SIDECAR_OKX_TIMEOUT", "1s")
}

fn strike(stage: &Stage) {
    if stage.phase == Phase::F {
        stage.lose();
    } else {
        stage.answer();
    }
}

async fn faulty(phase: Phase, say: Say) -> Result<()> {
    let mut stage = place(Place::new().await?, phase, say).at(phase).await?;
    strike(&stage);
    stage.ends_settled().await?;
    stage.goes_on().await
}

/// A lie about money that moved is found out by the scan of incoming transfers, if not before.
async fn refused(phase: Phase) -> Result<()> {
    let say = Say::Refusal("payer_blocked".to_owned());
    let place = place(Place::new().await?, phase, say).set("INSFORGE_SIDECAR_SCAN_INTERVAL", "200ms");
    let mut stage = place.at(phase).await?;
    strike(&stage);
    let row = stage.status(&["settled", "review"]).await?;
    let chain = stage.place.scene.standin.chain();
    let transfers = chain.transfers_of(stage.signed.nonce());
    assert_eq!(transfers.len(), 1);
    assert_eq!(
        row.tx_hash,
        Some(format!("{:#x}", transfers[0].tx)),
        "with its evidence"
    );
    Ok(())
}

/// A second copy of an answer waits in the socket when the next payment's request goes out.
async fn told_twice() -> Result<()> {
    let place = Place::new().await?;
    let port = place.scene.standin.url().rsplit(':').next().map(str::parse);
    let facilitator = Proxy::start(port.expect("a port")?).await?;
    let worker = place
        .worker()?
        .set("INSFORGE_SIDECAR_CONCURRENCY", "1")
        .set("OKX_BASE_URL", &format!("http://{}", facilitator.address));
    let worker = worker.start().await?;
    facilitator.set(Mode::Twice);
    let mut scene = place.scene;
    let mut paid = Vec::new();
    for _ in 0..5 {
        paid.push(scene.pay().await?);
    }
    for (signed, id) in &paid {
        scene.watch.status(*id, &["settled"], LONG).await?;
        scene.settled(signed, *id).await?;
    }
    assert_eq!(scene.standin.chain().transfers().len(), 5);
    assert!(worker.process().ended()?.is_none());
    Ok(())
}
