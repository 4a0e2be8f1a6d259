//! Judges every case of `vectors/eip3009.json`, or of the file named by `EIP3009_VECTORS`.

#![allow(clippy::expect_used, reason = "a file of another form fails the test")]

mod support;

use insforge_protocol::asset::true_domain;
use insforge_protocol::evm::signature::Signature;
use insforge_protocol::evm::{Authorization, Domain};
use insforge_protocol::judge::{Domains, Verdict, judge_json};
use insforge_protocol::x402::{Network, Payment};
use serde_json::{Value, json};
use support::{domain, own_vectors, text, vectors};

#[test]
fn every_eip3009_vector_gets_its_verdict() {
    let file = vectors("EIP3009_VECTORS", "eip3009.json");
    let cases = file["cases"].as_array().expect("the file has `cases`");
    let failures: Vec<String> = cases.iter().flat_map(judge_case).collect();
    assert!(
        failures.is_empty(),
        "{} wrong:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("judged {} EIP-3009 cases, each as v1 and as v2", cases.len());
}

/// What is wrong with our judgement of a case; nothing, if it is right.
fn judge_case(case: &Value) -> Vec<String> {
    let name = format!("case {} ({})", text(case, "id"), text(case, "description"));
    let domain = domain(&case["domain"]);
    let mut wrong: Vec<String> = [("v1", payment_v1(case)), ("v2", payment_v2(case))]
        .iter()
        .filter_map(|(shape, payment)| wrong_verdict(case, payment, &domain).map(|w| format!("{shape}: {w}")))
        .collect();
    if let Ok(payment) = Payment::parse(&payment_v1(case)) {
        wrong.extend(wrong_hashes(case, &payment.authorization, &domain));
        wrong.extend(wrong_signature(case, &payment, &domain));
    }
    wrong.into_iter().map(|what| format!("{name}: {what}")).collect()
}

fn payment_v1(case: &Value) -> Value {
    json!({
        "x402Version": 1,
        "scheme": case["required"]["scheme"],
        "network": case["required"]["network"],
        "payload": { "signature": case["signature"], "authorization": case["message"] },
    })
}

fn payment_v2(case: &Value) -> Value {
    json!({
        "x402Version": 2,
        "accepted": case["required"],
        "payload": { "signature": case["signature"], "authorization": case["message"] },
    })
}

fn wrong_verdict(case: &Value, payment: &Value, domain: &Domain) -> Option<String> {
    let now = case["now"].as_u64().expect("`now` is unix seconds");
    let verdict = judge_json(payment, &case["required"], Domains::Given(domain), now).verdict;
    let (word, code) = match &verdict {
        Verdict::Valid => ("valid", None),
        Verdict::Invalid(reason) => ("invalid", Some(reason.code())),
        Verdict::Indeterminate(_) => ("indeterminate", None),
    };
    let expected = (text(case, "verdict"), case["invalidReason"].as_str());
    ((word, code) != expected).then(|| format!("judged {word} {code:?}, expected {expected:?}"))
}

fn wrong_hashes(case: &Value, message: &Authorization, domain: &Domain) -> Vec<String> {
    let ours = [
        ("domainSeparator", domain.separator()),
        ("structHash", message.struct_hash()),
        ("digest", message.digest(domain)),
    ];
    let differs = |(member, hash): &(&str, _)| {
        case[member]
            .as_str()
            .is_some_and(|given| !given.eq_ignore_ascii_case(&format!("{hash:#x}")))
    };
    ours.iter()
        .filter(|pair| differs(pair))
        .map(|(member, hash)| format!("{member} is {hash:#x}"))
        .collect()
}

/// A case's `recovered` is what a permissive recovery gives, so it is compared where ours recovers at all.
fn wrong_signature(case: &Value, payment: &Payment, domain: &Domain) -> Option<String> {
    let Ok(Signature::Eoa(signature)) = Signature::parse(payment.signature.reveal()) else {
        return None;
    };
    let recovered = signature.recover(payment.authorization.digest(domain)).ok();
    let expected = case["recovered"]
        .as_str()
        .map(|text| text.parse().expect("`recovered` is an address"));
    if recovered != expected {
        return Some(format!("recovered {recovered:?}, expected {expected:?}"));
    }
    let normalised = case["normalizedSignature"].as_str()?;
    (signature.to_hex() != normalised.to_lowercase()).then(|| format!("normalised as {}", signature.to_hex()))
}

#[test]
fn the_table_knows_the_true_domain_of_every_case() {
    let file = own_vectors("eip3009.json");
    for case in file["cases"].as_array().expect("the file has `cases`") {
        let domain = domain(&case["domain"]);
        let ours = true_domain(Network::new(domain.chain_id), domain.verifying_contract, &[]);
        assert_eq!(ours, Ok(domain), "case {}", text(case, "id"));
    }
}
