//! The judgement on a payment, as far as it can be had without the chain.
//!
//! Valid means: whoever holds this payload can move the required amount to the payee, unless the payer's
//! balance, the nonce or the token itself stand against it. Those only the chain knows.

use alloy_primitives::U256;
use serde_json::Value;

use crate::asset::{VouchedDomain, true_domain};
use crate::evm::Domain;
use crate::evm::signature::{Signature, Wallet};
use crate::x402::{Payment, Problem, Reason, Requirements, Scheme};

/// Seconds that must be left before `validBefore`: two blocks of three seconds, as upstream facilitators ask.
pub const EXPIRY_MARGIN_SECONDS: u64 = 6;

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that can be proven offline holds.
    Valid,
    /// The payment cannot be settled as it is.
    Invalid(Reason),
    /// Everything else holds, but the signature needs the chain or the facilitator. Never to be taken as valid.
    Indeterminate(Why),
}

/// Why a signature cannot be judged offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A contract wallet must be asked (ERC-1271, ERC-6492).
    ContractWallet(Wallet),
    /// `aggr_deferred` is signed with a session key that only OKX can check.
    Deferred,
}

/// Judges `payment` against the seller's own `requirements`. `domain` is the token's true domain
/// ([`crate::asset::true_domain`]), `now` unix seconds.
pub fn judge(payment: &Payment, requirements: &Requirements, domain: &Domain, now: u64) -> Verdict {
    match check(payment, requirements, domain, now) {
        Ok(None) => Verdict::Valid,
        Ok(Some(why)) => Verdict::Indeterminate(why),
        Err(reason) => Verdict::Invalid(reason),
    }
}

/// Where the token's domain comes from.
#[derive(Debug, Clone, Copy)]
pub enum Domains<'a> {
    /// The caller knows it.
    Given(&'a Domain),
    /// The table of [`crate::asset`], and these for tokens it does not vouch for.
    Vouched(&'a [VouchedDomain]),
}

/// A judgement with what could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The payment, if it could be read.
    pub payment: Option<Payment>,
    /// The requirements, if they could be read.
    pub requirements: Option<Requirements>,
}

/// Reads both messages and judges them. The payment is read first: if both are malformed, the payment is to
/// blame.
pub fn judge_json(payment: &Value, requirements: &Value, domains: Domains<'_>, now: u64) -> Judgement {
    let payment = Payment::parse(payment);
    let requirements = Requirements::parse(requirements);
    let verdict = match (&payment, &requirements) {
        (Err(reason), _) | (Ok(_), Err(reason)) => Verdict::Invalid(reason.clone()),
        (Ok(payment), Ok(requirements)) => judge_read(payment, requirements, domains, now),
    };
    Judgement {
        verdict,
        payment: payment.ok(),
        requirements: requirements.ok(),
    }
}

fn judge_read(payment: &Payment, requirements: &Requirements, domains: Domains<'_>, now: u64) -> Verdict {
    match domains {
        Domains::Given(domain) => judge(payment, requirements, domain, now),
        Domains::Vouched(vouched) => {
            // Scheme and network come first: "unknown token" would be the wrong answer to a payment on
            // another chain.
            let domain = requirements
                .matches_chain(payment)
                .and_then(|()| true_domain(requirements.network, requirements.asset, vouched));
            domain.map_or_else(Verdict::Invalid, |domain| {
                judge(payment, requirements, &domain, now)
            })
        }
    }
}

/// `Ok(Some(_))` where the signature remains open.
fn check(
    payment: &Payment,
    requirements: &Requirements,
    domain: &Domain,
    now: u64,
) -> Result<Option<Why>, Reason> {
    let signed = &payment.authorization;
    requirements.matches_chain(payment)?;
    check_domain(requirements, domain)?;
    if signed.to != requirements.pay_to {
        return Err(Reason::Recipient);
    }
    if signed.value != requirements.amount {
        return Err(Reason::Value);
    }
    // After payee and value, so that a redirected payment is called that, whatever its copy says.
    requirements.matches_copy(payment)?;
    if signed.valid_before < U256::from(now) + U256::from(EXPIRY_MARGIN_SECONDS) {
        return Err(Reason::ValidBefore);
    }
    if signed.valid_after > U256::from(now) {
        return Err(Reason::ValidAfter);
    }
    check_signature(payment, domain)
}

fn check_domain(requirements: &Requirements, domain: &Domain) -> Result<(), Reason> {
    if requirements.extra.transfer_method() != "eip3009" {
        return Err(Reason::PayloadType);
    }
    if domain.chain_id != requirements.network.chain_id() {
        return Err(Reason::Requirements(Problem::Contradiction.of("network")));
    }
    if domain.verifying_contract != requirements.asset {
        return Err(Reason::Requirements(Problem::Contradiction.of("asset")));
    }
    let differs = |stated: &Option<String>, truth: &str| stated.as_deref().is_some_and(|text| text != truth);
    if differs(&requirements.extra.name, &domain.name) {
        return Err(Reason::TokenName(domain.name.to_string()));
    }
    if differs(&requirements.extra.version, &domain.version) {
        return Err(Reason::TokenVersion(domain.version.to_string()));
    }
    Ok(())
}

fn check_signature(payment: &Payment, domain: &Domain) -> Result<Option<Why>, Reason> {
    if payment.scheme == Scheme::AggrDeferred {
        return Ok(Some(Why::Deferred));
    }
    match Signature::parse(payment.signature.reveal())? {
        Signature::ContractWallet(wallet) => Ok(Some(Why::ContractWallet(wallet))),
        Signature::Eoa(signature) => {
            signature.verify(payment.authorization.digest(domain), payment.authorization.from)?;
            Ok(None)
        }
    }
}
