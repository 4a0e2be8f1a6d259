//! Judges every domain of `vectors/domain_separators.json`, or of the file named by `DOMAIN_VECTORS`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

mod support;

use insforge_protocol::asset::{ASSETS, Standing, asset};
use insforge_protocol::x402::Network;
use serde_json::Value;
use support::{domain, own_vectors, text, vectors};

#[test]
fn every_domain_vector_hashes_to_its_separator() {
    let file = vectors("DOMAIN_VECTORS", "domain_separators.json");
    let entries = file["domains"].as_array().expect("the file has `domains`");
    let failures: Vec<String> = entries.iter().filter_map(wrong_separator).collect();
    assert!(
        failures.is_empty(),
        "{} wrong:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("judged {} domains", entries.len());
}

fn wrong_separator(entry: &Value) -> Option<String> {
    let separator = format!("{:#x}", domain(&entry["domain"]).separator());
    let name = format!("{} on {}", text(entry, "token"), text(entry, "network"));
    (!separator.eq_ignore_ascii_case(text(entry, "domainSeparator")))
        .then(|| format!("{name}: separator is {separator}"))
}

#[test]
fn the_table_holds_each_true_domain_under_its_standing_and_no_wrong_one() {
    let file = own_vectors("domain_separators.json");
    for entry in file["domains"].as_array().expect("the file has `domains`") {
        let domain = domain(&entry["domain"]);
        let network: Network = text(entry, "network").parse().expect("`network` is a network");
        let listed = asset(network, domain.verifying_contract).expect("every token of the file is listed");
        let standing = match text(entry, "standing") {
            "onchain" => Some(Standing::Onchain),
            "sdk-constant" => Some(Standing::SdkConstant),
            "candidate" => Some(Standing::Candidate),
            _ => None,
        };
        let found = (listed.domain() == domain).then_some(listed.standing);
        assert_eq!(found, standing, "{}", text(entry, "token"));
        assert_eq!(
            Some(u64::from(listed.decimals)),
            entry["decimals"].as_u64(),
            "{}",
            text(entry, "token")
        );
    }
}

#[test]
fn every_token_of_the_table_is_proven_by_a_vector() {
    let file = own_vectors("domain_separators.json");
    let entries = file["domains"].as_array().expect("the file has `domains`");
    let proven: Vec<_> = entries.iter().map(|entry| domain(&entry["domain"])).collect();
    for asset in ASSETS {
        assert!(
            proven.contains(&asset.domain()),
            "{} on {}",
            asset.symbol,
            asset.network
        );
    }
}
