//! SQL: `x402.verify()`, the protocol's judgement as one row.

use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::evm;
use insforge_protocol::judge::{Domains, Judgement, Verdict, Why, judge_json};
use insforge_protocol::x402::{Network, Payment, Requirements};
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};
use serde_json::Value;

/// One row of `x402.judgement`, in its order.
type Row = (
    &'static str,
    Option<&'static str>,
    Option<String>,
    Option<&'static str>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<AnyNumeric>,
    Option<String>,
    Option<AnyNumeric>,
    Option<AnyNumeric>,
);

#[pg_schema]
mod x402 {
    use super::*;

    /// Judges a payment offline, at the time given.
    #[pg_extern(immutable, parallel_safe)]
    fn verify(
        payment: Option<JsonB>,
        requirements: Option<JsonB>,
        at: Option<TimestampWithTimeZone>,
        vouched: default!(Option<JsonB>, "NULL"),
    ) -> TableIterator<
        'static,
        (
            name!(verdict, &'static str),
            name!(reason, Option<&'static str>),
            name!(message, Option<String>),
            name!(errcode, Option<&'static str>),
            name!(payer, Option<String>),
            name!(network, Option<String>),
            name!(asset, Option<String>),
            name!(pay_to, Option<String>),
            name!(scheme, Option<String>),
            name!(value, Option<AnyNumeric>),
            name!(nonce, Option<String>),
            name!(valid_after, Option<AnyNumeric>),
            name!(valid_before, Option<AnyNumeric>),
        ),
    > {
        let (Some(payment), Some(requirements), Some(at)) = (payment, requirements, at) else {
            return TableIterator::empty();
        };
        let vouched = read_vouched(vouched.as_ref());
        let judgement = judge_json(
            &payment.0,
            &requirements.0,
            Domains::Vouched(&vouched),
            unix_seconds(at),
        );
        TableIterator::once(row(&judgement))
    }
}

/// Whole seconds since 1970, rounded down; times before 1970 count as 0, which nothing outlives.
fn unix_seconds(at: TimestampWithTimeZone) -> u64 {
    /// Microseconds from 1970 to 2000, where Postgres counts from.
    const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
    let micros = i64::from(at).saturating_add(POSTGRES_EPOCH);
    u64::try_from(micros.div_euclid(1_000_000)).unwrap_or(0)
}

/// Entries `{network, asset, name, version}`; one that cannot be read vouches for nothing.
fn read_vouched(vouched: Option<&JsonB>) -> Vec<VouchedDomain> {
    let entry = |v: &Value| {
        let text = |key: &str| v.get(key).and_then(Value::as_str);
        Some(VouchedDomain {
            network: text("network")?.parse::<Network>().ok()?,
            asset: evm::address(text("asset")?)?,
            name: text("name")?.to_owned(),
            version: text("version")?.to_owned(),
        })
    };
    vouched
        .and_then(|v| v.0.as_array())
        .map(|list| list.iter().filter_map(entry).collect())
        .unwrap_or_default()
}

fn row(judgement: &Judgement) -> Row {
    let (verdict, reason, message, errcode) = verdict(&judgement.verdict);
    let (payment, required) = (judgement.payment.as_ref(), judgement.requirements.as_ref());
    let signed = payment.map(|p: &Payment| &p.authorization);
    let number = |n: alloy_primitives::U256| AnyNumeric::try_from(n.to_string().as_str()).ok();
    (
        verdict,
        reason,
        message,
        errcode,
        signed.map(|a| evm::lower(a.from)),
        payment.map(|p| p.network.to_string()),
        required.map(|r: &Requirements| evm::lower(r.asset)),
        signed.map(|a| evm::lower(a.to)),
        payment.map(|p| p.scheme.as_str().to_owned()),
        signed.and_then(|a| number(a.value)),
        signed.map(|a| format!("{:#x}", a.nonce)),
        signed.and_then(|a| number(a.valid_after)),
        signed.and_then(|a| number(a.valid_before)),
    )
}

type Words = (
    &'static str,
    Option<&'static str>,
    Option<String>,
    Option<&'static str>,
);

fn verdict(verdict: &Verdict) -> Words {
    match verdict {
        Verdict::Valid => ("valid", None, None, None),
        Verdict::Invalid(reason) => (
            "invalid",
            Some(reason.code()),
            Some(reason.to_string()),
            Some(reason.sqlstate()),
        ),
        Verdict::Indeterminate(why) => {
            let message = match why {
                Why::ContractWallet(_) => "a contract wallet's signature can only be checked on chain",
                Why::Deferred => "a deferred payment's signature can only be checked by the facilitator",
            };
            (
                "indeterminate",
                Some("invalid_exact_evm_payload_signature"),
                Some(message.to_owned()),
                None,
            )
        }
    }
}
