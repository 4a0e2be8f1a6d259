//! The decision, row by row.

mod closed;
mod hostile;
mod negative;
mod positive;
mod receipts;
mod resend;
mod settled;

use super::fixture::*;
use super::*;
use alloy_primitives::{Address, B256, U256};

const ONE: Rules = Rules::DEFAULT;
const TWO: Rules = Rules {
    endpoints: 2,
    ..Rules::DEFAULT
};
const NONE: Rules = Rules {
    endpoints: 0,
    ..Rules::DEFAULT
};

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Settled(_) => "settled",
        Decision::Submitted { .. } => "submitted",
        Decision::Resend => "resend",
        Decision::Expired { .. } => "expired",
        Decision::Failed { .. } => "failed",
        Decision::Review { .. } => "review",
        Decision::Wait(why) => why.as_str(),
    }
}

fn decided(facts: &PaymentFacts, views: impl IntoIterator<Item = View>, rules: &Rules) -> &'static str {
    word(&decide(facts, &seen(views), rules))
}
