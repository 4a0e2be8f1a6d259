//! What must hold whatever endpoints say.

use alloy_primitives::B256;
use proptest::prelude::*;

use super::fixture::*;
use super::*;
use crate::ledger::Status;

/// A receipt that says something about the payment, or pretends to.
fn any_receipt() -> impl Strategy<Value = Receipt> {
    let other = B256::repeat_byte(0xcd);
    (0_u64..400, 0_u8..7).prop_map(move |(height, kind)| match kind {
        0 | 1 => paying(height),
        2 => receipt(other, height, paying(height).logs),
        3 => reverted(height),
        4 => receipt(TX, height, vec![canceled(TOKEN, PAYER, NONCE, 0)]),
        5 => receipt(TX, height, vec![used(TOKEN, PAYER, NONCE, 0)]),
        _ => receipt(TX, height, vec![transfer(TOKEN, PAYER, PAYEE, VALUE, 0)]),
    })
}

fn any_sighting() -> impl Strategy<Value = Sighting> {
    (any_receipt(), prop::bool::weighted(0.8)).prop_map(|(receipt, canonical)| {
        let mut sighting = sighting(receipt);
        if !canonical {
            sighting.block.hash = B256::repeat_byte(0xee);
        }
        sighting
    })
}

/// An endpoint that says anything at all.
fn any_view(name: &'static str) -> impl Strategy<Value = View> {
    let named = prop_oneof![
        Just(Named::NotAsked),
        Just(Named::Absent),
        any_sighting().prop_map(Named::Mined)
    ];
    let reading = (any::<bool>(), 0_u64..400).prop_map(|(used, number)| FinalReading { used, number });
    let state = (any::<Option<bool>>(), prop::option::of(reading));
    let found = prop::collection::vec(any_sighting(), 0..2);
    (0_u64..400, named, state, found, any::<bool>()).prop_map(
        move |(latest, named, (used, final_reading), by_nonce, has_tags)| {
            let mut view = view(name, latest);
            if !has_tags {
                view.heads = Heads::new(block(latest), None, None).unwrap();
            }
            View {
                named,
                used,
                final_reading,
                by_nonce,
                ..view
            }
        },
    )
}

fn any_facts() -> impl Strategy<Value = PaymentFacts> {
    let status = prop::sample::select(&Status::ALL[..]);
    let recorded = (prop::option::of(0_u64..400), 0_usize..4).prop_map(|(block_number, finality)| {
        use Finality::{Finalized, Latest, None, Safe};
        Recorded {
            block_number,
            finality: [None, Latest, Safe, Finalized][finality],
        }
    });
    (status, 0_u64..400, any::<bool>(), 0_u32..25, recorded).prop_map(
        |(status, now, has_hash, attempts, recorded)| PaymentFacts {
            tx_hash: has_hash.then_some(TX),
            attempts,
            recorded,
            ..facts(status, now)
        },
    )
}

fn any_rules() -> impl Strategy<Value = Rules> {
    (1_usize..4, 1_usize..3, 0_usize..3).prop_map(|(endpoints, proving, depth)| Rules {
        endpoints,
        proving,
        settle_at: [Finality::Latest, Finality::Safe, Finality::Finalized][depth],
        ..Rules::DEFAULT
    })
}

/// Whether an endpoint shows the payment made, in a block it has.
fn shows_payment(view: &View) -> bool {
    let named = match &view.named {
        Named::Mined(sighting) => vec![sighting],
        Named::NotAsked | Named::Absent => vec![],
    };
    named.into_iter().chain(&view.by_nonce).any(|one| {
        let logs = &one.receipt.logs;
        one.block == block(one.receipt.block_number)
            && one.receipt.block_number <= view.heads.latest().number
            && one.receipt.succeeded
            && logs.len() == 2
            && logs[0].topics[0] == AUTHORIZATION_USED
            && logs[1].topics[0] == TRANSFER
    })
}

/// An endpoint that tells the truth of a chain in which the transfer is in the block of height `paid`.
fn honest(name: &str, latest: u64, paid: u64) -> View {
    let view = view(name, latest);
    let number = view.heads.finalized().unwrap().number;
    let seen = latest >= paid;
    View {
        named: if seen {
            Named::Mined(sighting(paying(paid)))
        } else {
            Named::Absent
        },
        used: Some(seen),
        final_reading: Some(FinalReading {
            used: number >= paid,
            number,
        }),
        ..view
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn money_counts_only_where_an_endpoint_shows_it(
        facts in any_facts(), a in any_view("a"), b in any_view("b"), rules in any_rules(),
    ) {
        let shown = shows_payment(&a) || shows_payment(&b);
        if let Decision::Settled(_) | Decision::Review { why: Oddity::LateMoney, .. } =
            decide(&facts, &seen([a, b]), &rules)
        {
            prop_assert!(shown);
        }
    }

    #[test]
    fn a_payment_expires_only_on_final_readings_and_against_no_sign_of_use(
        facts in any_facts(), a in any_view("a"), b in any_view("b"), rules in any_rules(),
    ) {
        let views = [a, b];
        if let Decision::Expired { .. } = decide(&facts, &seen(views.clone()), &rules) {
            let proving = views.iter().filter(|view| {
                let last = view.heads.finalized();
                let reading = view.final_reading.map_or((true, 0), |r| (r.used, r.number));
                last.is_some_and(|last| last.number >= END && !reading.0 && reading.1 >= last.number)
            });
            prop_assert!(proving.count() >= rules.disproving());
            prop_assert!(facts.now >= GENESIS + END);
            prop_assert!(!views.iter().any(|view| view.used == Some(true) || shows_payment(view)));
            prop_assert!(!matches!(facts.status, Status::Accepted | Status::Settled));
        }
    }

    #[test]
    fn no_lie_of_one_endpoint_closes_a_payment_that_the_other_sees_paid(
        status in prop::sample::select(&[Status::Submitted, Status::Unknown, Status::Accepted][..]),
        now in 0_u64..600, liar in any_view("liar"), paid in 0_u64..END, ahead in 0_u64..200,
    ) {
        let latest = paid + ahead;
        let rules = Rules { endpoints: 2, ..Rules::DEFAULT };
        for views in [[liar.clone(), honest("honest", latest, paid)], [honest("honest", latest, paid), liar]] {
            let decision = decide(&named(status, now), &seen(views), &rules);
            prop_assert!(
                !matches!(decision, Decision::Expired { .. } | Decision::Failed { .. } | Decision::Resend),
                "{decision:?}"
            );
        }
    }

    #[test]
    fn honest_endpoints_never_contradict_each_other(
        status in prop::sample::select(&[Status::Submitted, Status::Unknown][..]),
        heights in (0_u64..400, 0_u64..400), paid in 0_u64..600, now in 0_u64..600,
    ) {
        let views = [honest("a", heights.0, paid), honest("b", heights.1, paid)];
        let rules = Rules { endpoints: 2, ..Rules::DEFAULT };
        let decision = decide(&named(status, now), &seen(views), &rules);
        prop_assert_ne!(&decision, &Decision::Wait(Wait::Disagreement));
        let settled = matches!(decision, Decision::Settled(_));
        prop_assert_eq!(settled, heights.0.max(heights.1) >= paid, "{:?}", decision);
    }

    #[test]
    fn the_order_in_which_endpoints_are_asked_decides_nothing(
        facts in any_facts(), a in any_view("a"), b in any_view("b"), rules in any_rules(),
    ) {
        let one = decide(&facts, &seen([a.clone(), b.clone()]), &rules);
        let other = decide(&facts, &seen([b, a]), &rules);
        prop_assert_eq!(std::mem::discriminant(&one), std::mem::discriminant(&other));
        if let (Decision::Wait(one), Decision::Wait(other)) = (one, other) {
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn payments_of_one_batch_never_share_a_transfer(
        kinds in prop::collection::vec((0_u8..3, 0_u8..4), 0..24),
    ) {
        let logs = kinds.iter().zip(0_u64..).map(|((kind, nonce), index)| match kind {
            0 => used(TOKEN, PAYER, B256::repeat_byte(*nonce), index),
            _ => transfer(TOKEN, PAYER, PAYEE, VALUE, index),
        });
        let batch = receipt(TX, 50, logs.collect());
        let mut taken: Vec<_> = (0_u8..4)
            .filter_map(|nonce| {
                let facts = PaymentFacts { nonce: B256::repeat_byte(nonce), ..facts(Status::Unknown, 60) };
                match trace(&batch, &facts) {
                    Trace::Paid { used_index, log_index } => Some((used_index, log_index)),
                    _ => None,
                }
            })
            .collect();
        prop_assert!(taken.iter().all(|(used_at, paid_at)| used_at < paid_at));
        taken.sort_by_key(|(_, paid_at)| *paid_at);
        prop_assert!(taken.windows(2).all(|pair| pair[0].1 != pair[1].1));
    }
}
