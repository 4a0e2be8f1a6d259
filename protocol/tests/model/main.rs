//! Every run of two workers over one payment, with crashes, pauses and lost acknowledgements at every step and
//! every answer a facilitator can give. The ledger moves by the rules that the product uses: `next_status`,
//! `TRANSITIONS`, `seen_status` and `decide` themselves, not copies of them.
//!
//! Shown: never two transfers recorded for one authorization, never `failed` or `expired` while the chain has the
//! transfer, and always an end once faults stop. The same search over a ledger that does not check leases finds
//! a run that breaks this; so the search can see what fencing is for.

#![allow(clippy::expect_used, clippy::panic, reason = "a failure here fails the test")]

mod chain;
mod explore;
mod facilitator;
mod ledger;
mod task;
mod world;

use explore::{Found, explore};
use world::Model;

/// The chain can be asked, the facilitator is honest, and nobody else submits the authorization.
const PRODUCT: Model = Model {
    fenced: true,
    chain: true,
    ghosts: false,
    strangers: false,
    doubts: true,
};

fn holds(model: Model) -> usize {
    match explore(model) {
        Found::Nothing { states } => states,
        Found::Broken { rule, run } => panic!("{rule}:\n  {}", run.join("\n  ")),
    }
}

#[test]
fn two_workers_never_lose_a_payment_and_never_count_one_twice() {
    let states = holds(PRODUCT);
    assert!(states > 10_000, "only {states} states: the model lost its faults");
}

#[test]
fn a_facilitator_that_names_transactions_which_do_not_exist_changes_nothing() {
    holds(Model {
        ghosts: true,
        ..PRODUCT
    });
}

#[test]
fn a_stranger_who_submits_the_authorization_is_found_whatever_the_row_says() {
    holds(Model {
        strangers: true,
        ..PRODUCT
    });
}

#[test]
fn without_doubt_about_refusals_a_stranger_whom_the_scan_passed_in_mid_call_is_lost() {
    let careless = Model {
        strangers: true,
        doubts: false,
        ..PRODUCT
    };
    let Found::Broken { rule, run } = explore(careless) else {
        panic!("no run breaks: the model does not see what the doubt is for")
    };
    assert!(rule.contains("right end"), "{rule}: {run:#?}");
}

#[test]
fn without_a_chain_a_payment_may_stay_open_but_is_never_closed_wrongly() {
    holds(Model {
        chain: false,
        ..PRODUCT
    });
}

#[test]
fn without_fencing_the_same_search_finds_a_lost_payment() {
    for chain in [true, false] {
        let unfenced = Model {
            fenced: false,
            chain,
            ..PRODUCT
        };
        let Found::Broken { rule, run } = explore(unfenced) else {
            panic!(
                "no run breaks without fencing (chain: {chain}): the model does not see what fencing is for"
            )
        };
        assert!(rule.contains("closed as unpaid"), "{rule}: {run:#?}");
    }
}
