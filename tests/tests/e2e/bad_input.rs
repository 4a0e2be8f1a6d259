//! What is wrong with a payment is said in the payment's own terms, and never reaches the facilitator.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer, Signed};
use insforge_tests::ledger::{self, Refused};
use serde_json::{Value, json};

use crate::scene::Scene;

/// One defect each: name, SQLSTATE, reason, payment, requirements.
type Case = (&'static str, &'static str, &'static str, Value, Value);

fn good() -> (Buyer, Offer, Signed) {
    let (buyer, offer) = (Buyer::new(), Offer::usdg());
    let signed = buyer.pay(&offer);
    (buyer, offer, signed)
}

/// A payment with one member replaced.
fn altered(pointer: &str, value: Value) -> (Value, Value) {
    let (_, _, signed) = good();
    let mut payment = signed.payment(Form::V2);
    *payment.pointer_mut(pointer).expect(pointer) = value;
    (payment, signed.requirements(Form::V2))
}

/// The seller's offer with one member replaced, in the buyer's copy too.
fn offered(member: &str, value: Value) -> (Value, Value) {
    let (_, _, signed) = good();
    let (mut payment, mut requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
    payment["accepted"][member] = value.clone();
    requirements[member] = value;
    (payment, requirements)
}

/// The seller's own price replaced.
fn priced(amount: Value) -> (Value, Value) {
    let (_, _, signed) = good();
    let mut requirements = signed.requirements(Form::V2);
    requirements["amount"] = amount;
    (signed.payment(Form::V2), requirements)
}

fn spoilt(spoil: impl FnOnce(&Buyer, &Offer, Signed) -> Signed) -> (Value, Value) {
    let (buyer, offer, signed) = good();
    let signed = spoil(&buyer, &offer, signed);
    (signed.payment(Form::V2), signed.requirements(Form::V2))
}

fn shape_cases() -> Vec<Case> {
    let case = |name, state, reason, (payment, requirements): (Value, Value)| {
        (name, state, reason, payment, requirements)
    };
    let value = "/payload/authorization/value";
    let too_big = format!("1{}", "0".repeat(78));
    vec![
        case(
            "another version",
            "X4001",
            "invalid_x402_version",
            altered("/x402Version", json!(3)),
        ),
        case(
            "no object",
            "X4002",
            "invalid_payload",
            altered("", json!("payment")),
        ),
        case(
            "value as a float",
            "X4002",
            "invalid_payload",
            altered(value, json!(1.5)),
        ),
        case(
            "value as an object",
            "X4002",
            "invalid_payload",
            altered(value, json!({"basic": "1"})),
        ),
        case(
            "negative value",
            "X4002",
            "invalid_payload",
            altered(value, json!("-1")),
        ),
        case(
            "value above uint256",
            "X4002",
            "invalid_payload",
            altered(value, json!(too_big)),
        ),
        case(
            "short nonce",
            "X4002",
            "invalid_payload",
            altered("/payload/authorization/nonce", json!("0x01")),
        ),
        case(
            "price as a float",
            "X4003",
            "invalid_payment_requirements",
            priced(json!("0.01")),
        ),
        case(
            "price as an object",
            "X4003",
            "invalid_payment_requirements",
            priced(json!({"basic": "1"})),
        ),
        case(
            "unknown scheme",
            "X4005",
            "unsupported_scheme",
            offered("scheme", json!("barter")),
        ),
        case(
            "unknown network",
            "X4007",
            "invalid_network",
            offered("network", json!("moon")),
        ),
        case(
            "unknown asset",
            "X4009",
            "invalid_exact_evm_missing_eip712_domain",
            offered("asset", json!("0x00000000000000000000000000000000000000aa")),
        ),
    ]
}

fn signature_cases() -> Vec<Case> {
    let signature = "invalid_exact_evm_payload_signature";
    let case = |name, state, reason, (payment, requirements): (Value, Value)| {
        (name, state, reason, payment, requirements)
    };
    let thief = |buyer: &Buyer, offer: &Offer| {
        let theirs = Offer {
            pay_to: buyer.address,
            ..offer.clone()
        };
        buyer.pay_otherwise(offer, &theirs)
    };
    vec![
        case(
            "another payee",
            "X4013",
            "invalid_exact_evm_payload_recipient_mismatch",
            spoilt(|buyer, offer, _| thief(buyer, offer)),
        ),
        case(
            "another amount",
            "X4014",
            "invalid_exact_evm_payload_authorization_value_mismatch",
            spoilt(|buyer, offer, _| buyer.pay_otherwise(offer, &offer.clone().priced(1))),
        ),
        case(
            "expired",
            "X4016",
            "invalid_exact_evm_payload_authorization_valid_before",
            spoilt(|buyer, offer, _| buyer.pay_expired(offer)),
        ),
        case(
            "not yet valid",
            "X4017",
            "invalid_exact_evm_payload_authorization_valid_after",
            spoilt(|buyer, offer, _| buyer.pay_too_early(offer)),
        ),
        case(
            "high s",
            "X4018",
            signature,
            spoilt(|_, _, signed| signed.with_high_s()),
        ),
        case(
            "compact signature",
            "X4018",
            signature,
            spoilt(|_, _, signed| signed.compact()),
        ),
        case(
            "another signer",
            "X4018",
            signature,
            spoilt(|_, _, signed| signed.claimed_by(&Buyer::new())),
        ),
        case(
            "another domain",
            "X4018",
            signature,
            spoilt(|buyer, offer, _| {
                buyer.pay_otherwise(
                    offer,
                    &Offer {
                        domain: Offer::usdt0().domain,
                        ..offer.clone()
                    },
                )
            }),
        ),
    ]
}

async fn refusal(scene: &Scene, payment: &Value, requirements: &Value) -> Option<Refused> {
    let resource = "https://api.example.com/report";
    let submitted = ledger::submit(scene.watch.client(), payment, requirements, resource).await;
    submitted
        .err()
        .map(|error| error.downcast().expect("the database answers"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_defect_has_its_own_error_and_leaves_no_trace() -> Result<()> {
    let scene = Scene::new().await?;
    let _sidecar = scene.sidecar().await?;
    for (name, sqlstate, reason, payment, requirements) in shape_cases().into_iter().chain(signature_cases())
    {
        let refused = refusal(&scene, &payment, &requirements).await;
        let refused = refused.unwrap_or_else(|| panic!("{name}: taken"));
        assert_eq!(
            (refused.sqlstate.as_str(), refused.reason.as_str()),
            (sqlstate, reason),
            "{name}: {refused}"
        );
    }
    let sql = "SELECT (SELECT count(*) FROM x402_payments), (SELECT count(*) FROM x402.queue)";
    let counts = scene.watch.client().query_one(sql, &[]).await?;
    assert_eq!((counts.get::<_, i64>(0), counts.get::<_, i64>(1)), (0, 0));
    assert!(scene.standin.calls().of("settle").is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_pays_for_one_resource_and_for_one_authorization() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar().await?;
    let (buyer, offer, signed) = good();
    let id = scene.submit(&signed).await?;
    scene.settled(&signed, id).await?;
    let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
    let client = scene.watch.client();
    let elsewhere = ledger::submit(client, &payment, &requirements, "https://api.example.com/other").await;
    let refused: Refused = elsewhere.unwrap_err().downcast()?;
    assert_eq!(
        (refused.sqlstate.as_str(), refused.reason.as_str()),
        ("X4019", "duplicate_settlement")
    );

    let dearer = offer.clone().priced(20_000);
    let again = buyer.sign(
        &dearer,
        insforge_protocol::evm::Authorization {
            value: dearer.amount,
            ..signed.auth
        },
    );
    let reused = refusal(&scene, &again.payment(Form::V2), &again.requirements(Form::V2)).await;
    assert_eq!(reused.map(|refused| refused.sqlstate).as_deref(), Some("X4019"));
    assert_eq!(scene.standin.calls().of("settle").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_cannot_be_read_says_why() -> Result<()> {
    let scene = Scene::new().await?;
    let oversized = "A".repeat(17 * 1024);
    let cases = [
        ("oversized", oversized.as_str(), "X4H01"),
        ("empty", "", "X4H02"),
        ("raw JSON", r#"{"x402Version":2}"#, "X4H03"),
        ("not base64", "!!!!", "X4H04"),
        ("not UTF-8", "/////w==", "X4H05"),
        ("not JSON", "bm90IGpzb24=", "X4H06"),
    ];
    for (name, header, sqlstate) in cases {
        let decoded = scene
            .watch
            .client()
            .query_one("SELECT x402.decode_header($1)", &[&header])
            .await;
        let error = decoded.expect_err(name);
        assert_eq!(
            error.code().map(|code| code.code()),
            Some(sqlstate),
            "{name}: {error}"
        );
    }
    Ok(())
}
