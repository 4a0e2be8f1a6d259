//! SQL: what a seller asks for. Errors are raised in `sql/selling/10_challenge.sql`, which alone can raise
//! our SQLSTATEs.

use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::evm;
use insforge_protocol::x402::{
    Dialect, Network, Offer, OfferError, Price, Reason, Resource, Token, VouchedToken, domain_json,
    payment_required,
};
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};
use serde_json::Value;

/// A value, or SQLSTATE and message of the error to raise. pgrx wants it written out in a function's
/// signature.
type Outcome<T> = TableIterator<
    'static,
    (
        name!(value, Option<T>),
        name!(errcode, Option<&'static str>),
        name!(error, Option<String>),
    ),
>;

#[pg_schema]
mod x402 {
    use super::*;

    /// One entry of `accepts`, or why there is none.
    #[pg_extern(immutable, parallel_safe)]
    #[allow(
        clippy::too_many_arguments,
        reason = "one for each argument of x402.requirements()"
    )]
    fn _requirements(
        pay_to: &str,
        price: Option<AnyNumeric>,
        asset: &str,
        network: &str,
        amount: Option<AnyNumeric>,
        resource: Option<&str>,
        description: Option<&str>,
        mime_type: Option<&str>,
        max_timeout_seconds: i32,
        dialect: &str,
        vouched: Option<JsonB>,
    ) -> TableIterator<
        'static,
        (
            name!(value, Option<JsonB>),
            name!(errcode, Option<&'static str>),
            name!(error, Option<String>),
        ),
    > {
        let text = |value: Option<&str>| value.map(str::to_owned);
        let about = Resource {
            url: resource.unwrap_or_default().to_owned(),
            description: text(description),
            mime_type: text(mime_type),
        };
        let price = match (price, amount) {
            (Some(tokens), _) => Price::Tokens(tokens.normalize().to_owned()),
            (None, Some(units)) => Price::Atomic(units.normalize().to_owned()),
            (None, None) => Price::Atomic(String::new()),
        };
        let build = || {
            let token = find_token(asset, network, vouched.as_ref())?;
            let offer = Offer::new(
                token,
                pay_to,
                &price,
                u64::try_from(max_timeout_seconds).unwrap_or(0),
            )?;
            // The SQL wrapper has checked the name.
            Ok(JsonB(offer.requirements(
                Dialect::parse(dialect).unwrap_or(Dialect::V2),
                &about,
            )))
        };
        outcome(build().map_err(|e: OfferError| (e.sqlstate(), e.code(), e.to_string())))
    }

    /// The message of a 402, or why there is none.
    #[pg_extern(immutable, parallel_safe)]
    fn _payment_required(
        requirements: JsonB,
        resource: Option<&str>,
        error: &str,
        description: Option<&str>,
        mime_type: Option<&str>,
    ) -> TableIterator<
        'static,
        (
            name!(value, Option<JsonB>),
            name!(errcode, Option<&'static str>),
            name!(error, Option<String>),
        ),
    > {
        let about = Resource {
            url: resource.unwrap_or_default().to_owned(),
            description: description.map(str::to_owned),
            mime_type: mime_type.map(str::to_owned),
        };
        outcome(
            payment_required(&requirements.0, &about, error)
                .map(JsonB)
                .map_err(words),
        )
    }

    /// The EIP-712 domain of a token, or why it cannot be told.
    #[pg_extern(immutable, parallel_safe)]
    fn _token_domain(
        asset: &str,
        network: &str,
        vouched: Option<JsonB>,
    ) -> TableIterator<
        'static,
        (
            name!(value, Option<JsonB>),
            name!(errcode, Option<&'static str>),
            name!(error, Option<String>),
        ),
    > {
        let found = find_token(asset, network, vouched.as_ref());
        outcome(
            found
                .map(|token| JsonB(domain_json(&token.domain)))
                .map_err(|e| (e.sqlstate(), e.code(), e.to_string())),
        )
    }
}

fn find_token(asset: &str, network: &str, vouched: Option<&JsonB>) -> Result<Token, OfferError> {
    let unknown = |_| Reason::Network(network.chars().take(64).collect());
    let network: Network = network.parse().map_err(unknown)?;
    Token::find(network, asset, &read_vouched(vouched))
}

/// Entries `{network, asset, name, version, decimals}`; one that cannot be read vouches for nothing.
fn read_vouched(vouched: Option<&JsonB>) -> Vec<VouchedToken> {
    let entry = |v: &Value| {
        let text = |key: &str| v.get(key).and_then(Value::as_str);
        Some(VouchedToken {
            domain: VouchedDomain {
                network: text("network")?.parse().ok()?,
                asset: evm::address(text("asset")?)?,
                name: text("name")?.to_owned(),
                version: text("version")?.to_owned(),
            },
            decimals: v
                .get("decimals")
                .and_then(Value::as_u64)
                .and_then(|n| u8::try_from(n).ok()),
        })
    };
    vouched
        .and_then(|v| v.0.as_array())
        .map(|list| list.iter().filter_map(entry).collect())
        .unwrap_or_default()
}

/// SQLSTATE, word on the wire and sentence.
pub(super) type Words = (&'static str, &'static str, String);

pub(super) fn words(reason: Reason) -> Words {
    (reason.sqlstate(), reason.code(), reason.to_string())
}

pub(super) fn outcome<T>(result: Result<T, Words>) -> Outcome<T>
where
    T: pgrx::IntoDatum + 'static,
{
    TableIterator::once(match result {
        Ok(value) => (Some(value), None, None),
        Err((sqlstate, code, sentence)) => (None, Some(sqlstate), Some(format!("{code}: {sentence}"))),
    })
}
