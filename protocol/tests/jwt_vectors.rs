//! The shared test vectors: verdict, error name, mapped identity, minted role.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

mod jwt_support;

use insforge_protocol::jwt::{self, Explained, Lifetime, Outcome, Secret, TokenError, Verified};
use jwt_support::vectors::{self, Case, Expect};
use serde_json::Value;

#[test]
fn every_vector_gets_its_verdict_its_error_and_its_identity() {
    let vectors = vectors::load();
    let mut accepted = 0;
    let mut mapped = 0;
    let mut wrong = Vec::new();
    for case in &vectors.cases {
        let result = jwt::verify(&case.token, &vectors.profiles[&case.profile], case.now.unwrap());
        accepted += usize::from(result.is_ok());
        mapped += usize::from(case.mapped.is_some());
        if let Err(complaint) = compare(case, &result) {
            wrong.push(format!("{}: {complaint}", case.id));
        }
    }
    let total = vectors.cases.len();
    println!(
        "{}: {}/{total} right ({accepted} accepted, {} refused, {mapped} identities mapped)",
        vectors.path.display(),
        total - wrong.len(),
        total - accepted,
    );
    assert!(total > 0, "the vector file is empty");
    assert!(
        wrong.is_empty(),
        "{} of {total} vectors are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn compare(case: &Case, result: &Result<Verified, TokenError>) -> Result<(), String> {
    match (result, case.expect) {
        (Err(error), Expect::Reject) => match &case.error {
            Some(name) if name != error.name() => Err(format!("refused as {}, not {name}", error.name())),
            _ => Ok(()),
        },
        (Ok(verified), Expect::Accept) => compare_accepted(case, verified),
        (Err(error), Expect::Accept) => Err(format!("refused as {}", error.name())),
        (Ok(_), Expect::Reject) => Err("accepted".into()),
    }
}

fn compare_accepted(case: &Case, verified: &Verified) -> Result<(), String> {
    if let Some(sub) = &case.sub
        && *sub != verified.subject
    {
        return Err(format!("sub is {:?}, not {sub:?}", verified.subject));
    }
    if let Some(identity) = &case.mapped
        && *identity != verified.identity
    {
        return Err(format!("mapped to {:?}, not {identity:?}", verified.identity));
    }
    match &case.minted_role {
        Some(role) if minted_role(verified, case.now.unwrap()) != *role => Err("minted another role".into()),
        _ => Ok(()),
    }
}

fn minted_role(verified: &Verified, now: i64) -> Value {
    let secret = Secret::new("a secret of the tests alone, 0123456789").unwrap();
    let lifetime = Lifetime {
        ttl_s: 900,
        provider_exp: verified.expires_at,
        session_cap_s: None,
    };
    let minted = jwt::mint(&verified.identity, lifetime, now, &secret).unwrap();
    let payload = minted.token.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&jwt_support::issuer::decode(payload)).unwrap();
    payload["role"].clone()
}

#[test]
fn an_explanation_agrees_with_the_verdict_on_every_vector() {
    let vectors = vectors::load();
    for case in &vectors.cases {
        let (profile, now) = (&vectors.profiles[&case.profile], case.now.unwrap());
        let lines = jwt::explain(&case.token, profile, now);
        let failure = |line: &Explained| match line.outcome {
            Outcome::Failed(error) => Some(error),
            Outcome::Passed | Outcome::NotReached => None,
        };
        let first = lines.iter().find_map(failure);
        assert_eq!(first, jwt::verify(&case.token, profile, now).err(), "{}", case.id);
    }
}
